"""The pictures of the hearing report, as PNG by matplotlib (the extra `report`)."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.answer_set import CLASSES

SHORT = {"carrier_announcement": "carrier", "screening_assistant": "assistant"}
ANSWER_LIMIT_MS = 300
"""A person's greeting is to be answered this soon after its end."""


def confusions(sets: Mapping[str, Mapping[str, int]], target: Path) -> str:
    """Draw one matrix a set: what was true against what was told."""
    plt = _pyplot()
    n_columns = min(3, len(sets))
    n_rows = math.ceil(len(sets) / n_columns)
    figure, axes = plt.subplots(n_rows, n_columns, figsize=(4.6 * n_columns, 4.3 * n_rows), squeeze=False)
    names = [SHORT.get(one, one) for one in CLASSES]
    for axis in axes.flat[len(sets) :]:
        axis.axis("off")
    for axis, (name, confusion) in zip(axes.flat, sets.items(), strict=False):
        matrix = np.array([[confusion.get(f"{truth} -> {said}", 0) for said in CLASSES] for truth in CLASSES])
        share = matrix / np.maximum(1, matrix.sum(axis=1, keepdims=True))
        axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
        for (row, column), n in np.ndenumerate(matrix):
            if n:
                colour = "white" if share[row, column] > 0.6 else "black"
                axis.text(column, row, str(n), ha="center", va="center", color=colour, fontsize=9)
        axis.set_xticks(range(len(CLASSES)), names, rotation=35, ha="right", fontsize=8)
        axis.set_yticks(range(len(CLASSES)), names, fontsize=8)
        axis.set_title("\n".join(name.split("; ")), fontsize=8)
    figure.supxlabel("told", fontsize=9)
    figure.supylabel("true", fontsize=9)
    return _saved(figure, target)


def decision_times(
    people_ms: Mapping[str, Sequence[float]], recordings_ms: Mapping[str, Sequence[float]], target: Path
) -> str:
    """Draw how many are decided by when: people after the end of their first words, recordings after answer."""
    plt = _pyplot()
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.6))
    sides = ((axes[0], people_ms, 1.0), (axes[1], recordings_ms, 1000.0))
    for axis, kinds, unit in sides:
        for number, (name, values) in enumerate(kinds.items()):
            if len(values):  # a set has one colour on both sides
                ordered = np.sort(np.asarray(values, dtype=np.float64)) / unit
                share = np.arange(1, len(ordered) + 1) / len(ordered)
                axis.step(ordered, share, where="post", label=name, color=f"C{number % 10}")
        axis.set(ylim=(0, 1.02), ylabel="share decided by then")
        axis.grid(alpha=0.3)
    axes[0].axvline(ANSWER_LIMIT_MS, color="grey", ls="--", lw=1)
    # Who answers over the first words, or a whole turn later, is counted and not drawn.
    axes[0].set(xlim=(-500, 1500), xlabel="ms after the end of a person's first words (dashed: 300)")
    axes[1].set(xlabel="seconds after answer until a recording is told")
    if axes[1].get_legend_handles_labels()[0]:
        axes[1].legend(fontsize=6, loc="lower right")
    return _saved(figure, target)


def bars(rows: Sequence[tuple[str, float, float]], labels: tuple[str, str], title: str, target: Path) -> str:
    """Draw two shares for each row, from 0 to 1."""
    plt = _pyplot()
    figure, axis = plt.subplots(figsize=(9, 0.22 * len(rows) + 1.4))
    places = np.arange(len(rows))
    for offset, number, label in ((-0.2, 1, labels[0]), (0.2, 2, labels[1])):
        axis.barh(places + offset, [row[number] for row in rows], 0.4, label=label)
    axis.set_yticks(places, [row[0] for row in rows], fontsize=7)
    axis.set(xlim=(0, 1), title=title, ylim=(len(rows) - 0.4, -0.6))
    axis.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.03 - 0.6 / len(rows)), ncols=2)
    return _saved(figure, target)


def _pyplot() -> Any:
    import matplotlib as mpl  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415 - a second, and optional

    mpl.use("Agg")
    from matplotlib import pyplot  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415

    return pyplot


def _saved(figure: Any, target: Path) -> str:
    figure.tight_layout()
    figure.savefig(target, dpi=110)
    _pyplot().close(figure)
    return target.name
