"""Judge answer classification and write a report: `python -m benchmarks.answer_report [--out DIR] [FOLDER]`.

Without FOLDER: held-out staged calls (see `answer_set`) over varied channels, over a clean one and with noise of
-40 dBFS, each beside Asterisk's algorithm written anew. With FOLDER: recordings that begin at answer, named
CLASS-anything.wav (human-, machine-, carrier_announcement-, fax-, silence-), as they are and with that noise.
"""

import argparse
import json
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from audio.classify_command import classify_sound, standing
from audio.frame import freeze
from audio.sound_file import load_sound
from benchmarks.answer_set import ASTERISK_SOUNDS, CLASSES, RATE_HZ, StagedCall, calls, to_pcm, with_noise
from benchmarks.asterisk_amd import AmdStatus, asterisk_amd

SEED = 77
NOISE_DBFS = -40.0
RECORDINGS = ("machine", "carrier_announcement")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What one call was and what was said of it."""

    call: StagedCall
    verdicts: tuple[tuple[str, int], ...]
    """Class and ms after answer, in order."""
    decided_ms: int
    asterisk: AmdStatus

    @property
    def final(self) -> str:
        """The class that stands at the end."""
        return self.verdicts[-1][0]

    @property
    def latency_ms(self) -> int | None:
        """From the end of a person's first words to the first `human`; None if that is not the first verdict of speech."""
        spoken = [one for one in self.verdicts if one[0] != "silence"]
        if self.call.answer != "human" or not spoken or spoken[0][0] != "human":
            return None
        return spoken[0][1] - round(self.call.first_end_s * 1000)


def judge(call: StagedCall) -> Judged:
    """Run both detectors on one call."""
    told = classify_sound(freeze(call.pcm))
    return Judged(
        call=replace(call, pcm=call.pcm[:0]),
        verdicts=tuple((one.answer.value, one.at_ms) for one in told),
        decided_ms=standing(told).at_ms,
        asterisk=asterisk_amd(call.pcm),
    )


def recorded(folder: Path, noise_dbfs: float | None) -> Iterable[StagedCall]:
    """Yield the labelled recordings of a folder."""
    rng = np.random.default_rng(SEED)
    for path in sorted(folder.glob("*.wav")):
        answer = path.name.split("-")[0]
        if answer not in CLASSES:
            continue
        sound = load_sound(path).astype(np.float64) / 32768
        if noise_dbfs is not None:
            sound = with_noise(sound, noise_dbfs, rng)
        yield StagedCall(
            name=path.name,
            answer=answer,
            source="recording",
            language="",
            pcm=to_pcm(sound),
            first_end_s=0.0,
            spoken_end_s=len(sound) / RATE_HZ,
        )


def summary(judged: list[Judged]) -> dict[str, object]:
    """Return the figures of one set."""
    people = [one for one in judged if one.call.answer == "human"]
    played = [one for one in judged if one.call.answer in RECORDINGS]
    right_people = sum(one.final == "human" for one in people)
    right_played = sum(one.final in RECORDINGS for one in played)
    amd_people = sum(one.asterisk.status == "HUMAN" for one in people)
    amd_played = sum(one.asterisk.status == "MACHINE" for one in played)
    both = max(1, len(people) + len(played))
    latency = [one.latency_ms for one in people if one.latency_ms is not None and one.call.first_end_s]
    machine_ms = [one.decided_ms for one in played if one.final in RECORDINGS]
    return {
        "calls": len(judged),
        "right_class_share": round(
            sum(one.final == one.call.answer for one in judged) / max(1, len(judged)), 4
        ),
        "person_or_recording_right_share": round((right_people + right_played) / both, 4),
        "people": len(people),
        "people_right": right_people,
        "people_ever_called_machine": sum(
            any(answer in (*RECORDINGS, "fax") for answer, _ in one.verdicts) for one in people
        ),
        "recordings": len(played),
        "recordings_right": right_played,
        "recordings_first_called_human": sum(any(a == "human" for a, _ in one.verdicts) for one in played),
        "asterisk_right_share": round((amd_people + amd_played) / both, 4),
        "asterisk_people_right": amd_people,
        "asterisk_recordings_right": amd_played,
        "human_ms_after_greeting": _spread([float(one) for one in latency]),
        "machine_ms_after_answer": _spread([float(one) for one in machine_ms]),
        "confusion": {
            f"{truth} -> {said}": n
            for (truth, said), n in sorted(Counter((one.call.answer, one.final) for one in judged).items())
        },
        "wrong": [
            f"{one.call.name} ({one.call.source} {one.call.language}): {one.call.answer} called "
            + ", then ".join(f"{answer} at {at_ms} ms" for answer, at_ms in one.verdicts)
            for one in judged
            if one.final != one.call.answer and {one.final, one.call.answer} != set(RECORDINGS)
        ],
    }


def _spread(values: list[float]) -> dict[str, float]:
    if not values:
        return {}
    return {f"p{p}": round(float(np.percentile(values, p)), 1) for p in (50, 90, 99, 100)}


def text_of(name: str, figures: dict[str, object]) -> str:
    """Return one set's figures as Markdown."""
    confusion = figures["confusion"]
    assert isinstance(confusion, dict)
    head = "| truth | " + " | ".join(CLASSES) + " |\n|---|" + "---|" * len(CLASSES)
    rows = [
        f"| {truth} | " + " | ".join(str(confusion.get(f"{truth} -> {said}", 0)) for said in CLASSES) + " |"
        for truth in CLASSES
    ]
    plain = "\n".join(
        f"- {key}: {value}" for key, value in figures.items() if key not in ("confusion", "wrong")
    )
    wrong = figures["wrong"]
    assert isinstance(wrong, list)
    return (
        f"## {name}\n\n{plain}\n\n{head}\n"
        + "\n".join(rows)
        + "\n\nWrong:\n\n"
        + "\n".join(f"- {w}" for w in wrong)
        + "\n"
    )


def main() -> None:
    """Judge, write report.md and report.json, and say the main figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--out", type=Path, default=Path("build/answer-report"))
    parser.add_argument("--sounds", type=Path, default=ASTERISK_SOUNDS)
    parser.add_argument("--calls", type=int, default=400)
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    sets: dict[str, Callable[[], Iterable[StagedCall]]]
    if given.folder is not None:
        sets = {
            "recordings": lambda: recorded(given.folder, None),
            "recordings, noise at -40 dBFS": lambda: recorded(given.folder, NOISE_DBFS),
        }
    else:
        sets = {
            "varied channels": lambda: calls("held_out", given.calls, SEED, sounds=given.sounds),
            "clean": lambda: calls("held_out", given.calls, SEED + 1, noise_dbfs=-100.0, sounds=given.sounds),
            "noise at -40 dBFS": lambda: calls(
                "held_out", given.calls, SEED + 1, noise_dbfs=NOISE_DBFS, sounds=given.sounds
            ),
        }
    texts, all_figures = ["# Who answered: evaluation\n\n" + (__doc__ or "") + "\n"], {}
    for name, make in sets.items():
        with ProcessPoolExecutor(given.jobs) as workers:
            figures = summary(list(workers.map(judge, make(), chunksize=8)))
        all_figures[name] = figures
        texts.append(text_of(name, figures))
        print(name, json.dumps({key: value for key, value in figures.items() if key != "wrong"}, indent=1))
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "report.md").write_text("\n".join(texts), encoding="utf-8")
    (given.out / "report.json").write_text(json.dumps(all_figures, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
