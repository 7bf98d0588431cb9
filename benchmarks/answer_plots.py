"""Draw the confusion matrices and decision times of an evaluation as PNG; without matplotlib nothing is drawn."""

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.answer_set import CLASSES


def draw(figures: dict[str, Any], folder: Path) -> list[Path]:
    """Write the plots and return their paths."""
    try:
        import matplotlib as mpl  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415  optional
    except ImportError:
        print("no plots: `pip install matplotlib` for them")
        return []
    mpl.use("Agg")
    from matplotlib import pyplot as plt  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415

    sets = {name: one for name, one in figures.items() if "confusion" in one}
    if not sets:
        return []
    matrix = np.zeros((len(CLASSES), len(CLASSES)))
    for one in sets.values():
        for key, n in one["confusion"].items():
            truth, said = key.split(" -> ")
            matrix[CLASSES.index(truth), CLASSES.index(said)] += n
    figure, axis = plt.subplots(figsize=(7, 6))
    share = matrix / np.maximum(1, matrix.sum(axis=1, keepdims=True))
    axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for row in range(len(CLASSES)):
        for column in range(len(CLASSES)):
            colour = "white" if share[row, column] > 0.6 else "black"
            axis.text(column, row, f"{matrix[row, column]:.0f}", ha="center", va="center", color=colour)
    axis.set_xticks(range(len(CLASSES)), CLASSES, rotation=30, ha="right")
    axis.set_yticks(range(len(CLASSES)), CLASSES)
    axis.set(xlabel="told", ylabel="truth", title="Who answered: all sets and channels together")
    figure.tight_layout()
    figure.savefig(folder / "confusion.png", dpi=110)
    plt.close(figure)

    figure, axis = plt.subplots(figsize=(9, 0.45 * len(sets) + 2))
    places = np.arange(len(sets))
    axis.barh(
        places - 0.2,
        [one["person_or_recording_right_share"] for one in sets.values()],
        0.4,
        label="Branchline",
    )
    axis.barh(
        places + 0.2,
        [one["asterisk_right_share"] for one in sets.values()],
        0.4,
        label="Asterisk's algorithm",
    )
    axis.set_yticks(
        places, [name if len(name) < 60 else f"{name[:36]}...{name[-22:]}" for name in sets], fontsize=7
    )
    axis.set(xlabel="person or recording told rightly", xlim=(0, 1))
    axis.invert_yaxis()
    axis.legend(loc="lower left")
    figure.tight_layout()
    figure.savefig(folder / "beside_asterisk.png", dpi=110)
    plt.close(figure)

    figure, axis = plt.subplots(figsize=(9, 0.45 * len(sets) + 2))
    for colour, key, label in (
        ("tab:green", "human_ms_after_greeting", "human, after the end of the greeting"),
        ("tab:red", "machine_ms_after_answer", "recording, after answer"),
    ):
        for place, one in enumerate(sets.values()):
            if one[key]:
                axis.plot([one[key]["p50"], one[key]["p90"]], [place, place], color=colour, lw=3, alpha=0.6)
                axis.plot(one[key]["p50"], place, "o", color=colour, label=label if place == 0 else None)
    axis.set_yticks(
        places, [name if len(name) < 60 else f"{name[:36]}...{name[-22:]}" for name in sets], fontsize=7
    )
    axis.set(xlabel="decision, ms (median to 90th percentile)")
    axis.invert_yaxis()
    axis.legend(loc="lower right")
    figure.tight_layout()
    figure.savefig(folder / "decision_times.png", dpi=110)
    plt.close(figure)
    return [folder / name for name in ("confusion.png", "beside_asterisk.png", "decision_times.png")]
