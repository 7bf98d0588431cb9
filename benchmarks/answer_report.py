"""Judge answer classification and write a report: `python -m benchmarks.answer_report --bank BANK [--out DIR] [FOLDER]`.

Each set is judged over varied channels, over a clean one and with white noise of -40 dBFS, beside Asterisk's algorithm
written anew. The sets of BANK (see `answer_bank`) are synthetic speech staged into calls, of voices and texts that no
training call has; `prompts` are Asterisk's recorded English prompts (asterisk-core-sounds-en-wav), a human voice.
Where their French, Italian, Russian and Spanish kin are installed, those are judged too: languages never trained on.
Words are written down as in a call: by PocketSphinx, with --models by Whisper too, with --no-words not at all.
With FOLDER: recordings that begin at answer, named CLASS-anything.wav, as they are and with that noise.
"""

import argparse
import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio.classify_command import classify_sound, standing
from audio.dsp.answer import AnswerDetector
from audio.frame import freeze
from audio.listening.answer_ear import ANSWER_TAG, ANY_LANGUAGE, AnswerEar
from audio.listening.engines import EngineChain, load_engines
from audio.sound_file import load_sound
from benchmarks.answer_channels import Line, level_to, to_pcm, with_noise
from benchmarks.answer_plots import draw
from benchmarks.answer_prompts import foreign_calls, prompt_calls
from benchmarks.answer_set import CLASSES, Bank, StagedCall, calls
from benchmarks.asterisk_amd import AmdStatus, asterisk_amd

SEED = 77
NOISE_DBFS = -40.0
CHANNELS: dict[str, Line | None] = {
    "varied channels": None,
    "clean": Line(),
    "noise at -40 dBFS": Line(noise_dbfs=NOISE_DBFS),
}
LINES = {
    **{name: line for name, line in CHANNELS.items() if line is not None},
    "pink noise at -40 dBFS": Line(noise="pink", noise_dbfs=NOISE_DBFS),
    "voices at -40 dBFS": Line(noise="babble", noise_dbfs=NOISE_DBFS),
    "A-law, noise at -40 dBFS": Line(noise_dbfs=NOISE_DBFS, codec="alaw"),
    "GSM full rate, noise at -40 dBFS": Line(noise_dbfs=NOISE_DBFS, codec="gsm"),
    "A-law, 3 % of packets lost": Line(codec="alaw", loss=0.03),
}
"""For the calls that are set aside."""
RECORDINGS = ("machine", "carrier_announcement", "screening_assistant")
ENGINES = {
    "espeak": "espeak-ng, held-out variants and texts",
    "kokoro": "Kokoro, held-out voices and texts",
    "piper": "piper en_US-joe, held-out texts (the voice was in training)",
    "flite": "flite slt: a voice never trained on, held-out texts",
}
UNSEEN = "set aside: Kokoro's held-out voices and festival, texts written apart from all others"
PROMPTS: dict[str, Callable[[float | None, int], Iterator[StagedCall]]] = {
    "Asterisk's English prompts: a human voice": prompt_calls,
    "Asterisk's prompts in four languages never trained on: human voices": foreign_calls,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What one call was and what was said of it."""

    call: StagedCall
    verdicts: tuple[tuple[str, int], ...]
    """Class and ms after answer, in order."""
    confidence: float
    subject: str
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


def judge(call: StagedCall, *, models: Path | None, words: bool) -> Judged:
    """Run both detectors on one call; with `words` have it written down by what this box has."""
    told = classify_sound(freeze(call.pcm), _ears(models) if words else None)
    return Judged(
        call=replace(call, pcm=call.pcm[:0]),
        verdicts=tuple((one.answer.value, one.at_ms) for one in told),
        confidence=told[-1].confidence,
        subject=told[-1].subject,
        decided_ms=standing(told).at_ms,
        asterisk=asterisk_amd(call.pcm),
    )


@lru_cache(maxsize=1)
def _ears(models: Path | None) -> EngineChain:
    return load_engines(models, only_answers=True)


def recorded(folder: Path, noise_dbfs: float | None) -> Iterator[StagedCall]:
    """Yield the labelled recordings of a folder; with noise, their speech is brought to -20 dBFS."""
    rng = np.random.default_rng(SEED)
    for path in sorted(folder.iterdir()):
        answer = path.name.split("-")[0]
        if answer not in CLASSES or path.suffix not in (".wav", ".flac"):
            continue
        sound = load_sound(path).astype(np.float64) / 32768
        if noise_dbfs is not None:
            sound = with_noise(level_to(sound, -20.0), noise_dbfs, rng)
        yield StagedCall(name=path.name, answer=answer, source="recording", language="", pcm=to_pcm(sound))


def summary(judged: list[Judged]) -> dict[str, object]:
    """Return the figures of one set."""
    people = [one for one in judged if one.call.answer == "human"]
    played = [one for one in judged if one.call.answer in RECORDINGS]
    carriers = [one for one in judged if one.call.subject and one.final == "carrier_announcement"]
    right_people = sum(one.final == "human" for one in people)
    right_played = sum(one.final in RECORDINGS for one in played)
    amd_people = sum(one.asterisk.status == "HUMAN" for one in people)
    amd_played = sum(one.asterisk.status == "MACHINE" for one in played)
    both = max(1, len(people) + len(played))
    n = max(1, len(judged))
    latency = [one.latency_ms for one in people if one.latency_ms is not None and one.call.first_end_s]
    machine_ms = [one.decided_ms for one in played if one.final in RECORDINGS]
    return {
        "calls": len(judged),
        "right_class_share": round(sum(one.final == one.call.answer for one in judged) / n, 4),
        "person_or_recording_right_share": round((right_people + right_played) / both, 4),
        "person_or_recording_right_95_percent": likely_share(right_people + right_played, both),
        "people": len(people),
        "people_right": right_people,
        "false_machine_share": round(
            1 - sum(one.final in ("human", "silence") for one in people) / max(1, len(people)), 4
        ),
        "false_machine_95_percent": likely_share(
            sum(one.final not in ("human", "silence") for one in people), max(1, len(people))
        ),
        "people_ever_called_machine": sum(
            any(answer in (*RECORDINGS, "fax") for answer, _ in one.verdicts) for one in people
        ),
        "recordings": len(played),
        "recordings_right": right_played,
        "recordings_first_called_human": sum(any(a == "human" for a, _ in one.verdicts) for one in played),
        "announcements_with_subject": f"{sum(bool(one.subject) for one in carriers)} of {len(carriers)}",
        "subjects_right": sum(one.subject == one.call.subject for one in carriers),
        "subjects_wrong": {
            f"{truth} -> {said}": n
            for (truth, said), n in sorted(
                Counter((one.call.subject, one.subject) for one in carriers if one.subject).items()
            )
            if truth != said
        },
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
            if one.final != one.call.answer
            and not (one.final in RECORDINGS and one.call.answer in RECORDINGS)
        ],
    }


def likely_share(n_found: int, n: int) -> list[float]:
    """Return where a share lies with a probability of 95 % (Wilson's interval)."""
    share, z2 = n_found / n, 1.96**2
    middle, width = share + z2 / (2 * n), 1.96 * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return [round((middle + sign * width) / (1 + z2 / n), 3) for sign in (-1, 1)]


def _spread(values: list[float]) -> dict[str, float]:
    if not values:
        return {}
    return {f"p{p}": round(float(np.percentile(values, p)), 1) for p in (50, 90, 99, 100)}


def text_of(name: str, figures: dict[str, object]) -> str:
    """Return one set's figures as Markdown."""
    confusion, wrong = figures["confusion"], figures["wrong"]
    assert isinstance(confusion, dict)
    assert isinstance(wrong, list)
    head = "| truth | " + " | ".join(CLASSES) + " |\n|---|" + "---|" * len(CLASSES)
    rows = [
        f"| {truth} | " + " | ".join(str(confusion.get(f"{truth} -> {said}", 0)) for said in CLASSES) + " |"
        for truth in CLASSES
    ]
    plain = [f"- {key}: {value}" for key, value in figures.items() if key not in ("confusion", "wrong")]
    said = "\n".join(f"- {one}" for one in wrong)
    return "\n".join(
        [f"## {name}\n", *plain, "", head, *rows, "\nPerson taken for recording or the reverse:\n", said, ""]
    )


def cost(sounds: list[NDArray[np.int16]]) -> dict[str, float]:
    """Return what classification costs: CPU time per frame of 20 ms, while it listens and over a call of a minute."""
    spent_s = n_frames = 0.0
    for sound in sounds:
        detector = AnswerDetector()
        began_s = time.process_time()
        detector.feed(sound)
        spent_s += time.process_time() - began_s
        n_frames += len(sound) / 160
    per_frame_us = spent_s / n_frames * 1e6
    return {
        "us_per_frame": round(per_frame_us, 1),
        "percent_of_a_core_while_listening": round(per_frame_us / 200, 3),
        "percent_of_a_core_over_a_minute": round(spent_s / len(sounds) / 60 * 100, 3),
    }


def words_cost(sounds: list[NDArray[np.int16]]) -> dict[str, float]:
    """Return what PocketSphinx takes to write down speech, in CPU seconds a second."""
    ear = AnswerEar()
    costs = {}
    for language in ("en", ANY_LANGUAGE):
        began_s = time.process_time()
        for sound in sounds:
            ear.transcribe(freeze(sound[:48_000]), language + ANSWER_TAG, ())
        spent_s = time.process_time() - began_s
        costs[f"{language}_s_per_s"] = round(spent_s / sum(min(len(one), 48_000) / 8000 for one in sounds), 3)
    return costs


def sets_of(
    bank: Path | None, folder: Path | None, n: int
) -> dict[str, dict[str, Callable[[], Iterable[StagedCall]]]]:
    """Return how to make each set, by set and channel."""
    sets: dict[str, dict[str, Callable[[], Iterable[StagedCall]]]] = {}
    if folder is not None:
        sets[f"recordings in {folder.name}"] = {
            "as they are": lambda: recorded(folder, None),
            "noise at -40 dBFS": lambda: recorded(folder, NOISE_DBFS),
        }
    for engine, label in ENGINES.items() if bank is not None else ():
        assert bank is not None
        clips = bank / f"{engine}-held_out"
        if clips.is_dir():
            held_out = Bank([clips])
            sets[label] = {
                channel: (
                    lambda held_out=held_out, line=line: calls(held_out, n, SEED, line=line)  # type: ignore[misc]
                )
                for channel, line in CHANNELS.items()
            }
    if bank is not None and (folders := sorted(bank.glob("*-unseen"))):
        unseen = Bank(folders)
        sets[UNSEEN] = {
            channel: (lambda line=line: calls(unseen, n, SEED, line=line))  # type: ignore[misc]
            for channel, line in LINES.items()
        }
    for label, make in PROMPTS.items():
        if any(make(-100.0, SEED)):
            sets[label] = {
                channel: (
                    lambda make=make, line=line: make(None if line is None else line.noise_dbfs, SEED)  # type: ignore[misc]
                )
                for channel, line in CHANNELS.items()
            }
    return sets


def main() -> None:
    """Judge, write report.md, report.json and the plots, and say the main figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--bank", type=Path)
    parser.add_argument("--out", type=Path, default=Path("build/answer-report"))
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--words", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument(
        "--only",
        action="append",
        help="only the sets and lines whose name has this in it; may be given again",
    )
    parser.add_argument(
        "--models", type=Path, help="Whisper too: a folder of models; without it PocketSphinx alone"
    )
    parser.add_argument(
        "--go-on",
        action="store_true",
        help="judge only what the report in --out has not yet: a run broke off",
    )
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    earlier = given.out / "report.json"
    all_figures: dict[str, Any] = {}
    if given.go_on and earlier.is_file():
        all_figures = json.loads(earlier.read_text(encoding="utf-8"))
    for label, channels in sets_of(given.bank, given.folder, given.calls).items():
        for channel, make in channels.items():
            name = f"{label}; {channel}"
            if name in all_figures or (given.only and not any(one in name for one in given.only)):
                continue
            with ProcessPoolExecutor(given.jobs) as workers:
                ask = partial(judge, models=given.models, words=given.words)
                judged = list(workers.map(ask, make(), chunksize=8))
            figures = all_figures[name] = summary(judged)
            write(all_figures, given.out)
            short = ("calls", "right_class_share", "person_or_recording_right_share", "false_machine_share")
            print(
                name,
                {
                    key: figures[key]
                    for key in (*short, "recordings_right", "recordings", "asterisk_right_share")
                },
                flush=True,
            )
    if given.bank is not None:
        some = [
            one.pcm
            for one in calls(
                Bank(sorted(given.bank.glob("*-held_out")) or sorted(given.bank.glob("*-unseen"))), 20, SEED
            )
        ]
        all_figures["cost"] = cost(some) | words_cost(some[:8])
        print("cost", all_figures["cost"])
    write(all_figures, given.out, [f"![{path.stem}]({path.name})\n" for path in draw(all_figures, given.out)])


def write(figures: dict[str, Any], folder: Path, plots: Iterable[str] = ()) -> None:
    """Write what has been judged so far."""
    texts = ["# Who answered: evaluation\n\n" + (__doc__ or "") + "\n"]
    texts += [text_of(name, one) for name, one in figures.items() if name != "cost"]
    if "cost" in figures:
        costs = "\n".join(f"- {key}: {value}" for key, value in figures["cost"].items())
        texts.append(f"## Cost\n\n{costs}\n")
    (folder / "report.md").write_text("\n".join([*texts, *plots]), encoding="utf-8")
    (folder / "report.json").write_text(json.dumps(figures, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
