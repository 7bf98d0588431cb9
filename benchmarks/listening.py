"""What the box's ears are worth: judges of speech beside webrtcvad, recognisers on short answers and sentences, latency.

Run: python benchmarks/listening.py [--models FOLDER] [--set FOLDER]... [--json FILE]

Sound comes from espeak-ng (a robot's voice), from Debian's asterisk-core-sounds-en-wav where installed (a person who
says figures, days and months), and from folders given by --set: WAV files and a `texts.tsv` of file, language, text.
Phrases expected in the closed sets are those that the example flow's questions expect, and what is not among them must
be told as something else or as nothing. Latency is that of a worker process, from the end of the pause to the text.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import webrtcvad
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from audio import CallAudio, Listen
from audio.dsp.dtmf_generator import digits_clip
from audio.dsp.endpointer import Patience
from audio.dsp.progress_generator import indication_sound
from audio.dsp.speech_activity import SpeechActivity, SpeechOnset
from audio.dsp.tone import spectrum_of
from audio.errors import AudioError
from audio.frame import Clip, freeze
from audio.listening.pool import RecogniserPool, worker_command
from audio.listening.silero import silero_is_installed, speech_maker
from audio.sound_file import load_sound
from audio.speech.espeak import EspeakSynthesizer
from audio.transcribe_command import utterances_of

ALLISON = Path("/usr/share/asterisk/sounds/en_US_f_Allison/digits")
FIGURES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
ENGLISH = """yes|no|yeah|nope|speaking|that's me|this is he|this is she|wrong number|you have the wrong number|correct
that's right|that's wrong|no that's wrong|okay|sure|not me|yes I am|no I am not|who is this|stop calling me
don't call again|he's not here|I already paid|a real person|say that again|pardon"""
MANDARIN = """是的|是|是我|我是|不是|不是我|对|对的|好|好的|喂|嗯|没有|可以|不可以|不对|打错了|你打错了|我就是|行|不行
他不在|不要再打了|转人工|你是谁|再说一遍|我已经还过了"""
EXPECTED = {
    language: tuple(phrase for line in text.splitlines() for phrase in line.split("|"))
    for language, text in (("en", ENGLISH), ("zh", MANDARIN))
}
ROBOT_SAYS = (
    "yes", "no", "speaking", "wrong number", "that's right", "stop calling me", "I already paid",
    "the weather is lovely today", "I would like to pay half of it next month", "my husband is at work until six",
    "could you send me a letter", "I lost my job in March",
)  # fmt: skip
HUMAN_EXPECTED = (*FIGURES, *DAYS, *MONTHS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing said."""

    source: str
    language: str
    text: str
    expected: tuple[str, ...]
    sound: Clip

    @property
    def is_expected(self) -> bool:
        """Return whether it is among the expected phrases."""
        return bare(self.text) in map(bare, self.expected)


def bare(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalnum())


def units(text: str, language: str) -> list[str]:
    """Return what errors are counted in: words, or Chinese characters."""
    if language == "zh":
        return list(bare(text))
    return "".join(c if c.isalnum() or c in " '" else " " for c in text.lower()).split()


def distance(wanted: list[str], got: list[str]) -> int:
    row = list(range(len(got) + 1))
    for i, one in enumerate(wanted, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(got, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (one != other))
    return row[-1]


# ---- judges of speech ------------------------------------------------------------------------------------------


def in_noise(sound: NDArray[np.int16], dbfs: float, rng: np.random.Generator) -> NDArray[np.int16]:
    noise = rng.normal(0, 32768 * 10 ** (dbfs / 20), len(sound))
    return np.clip(np.rint(sound + noise), -32768, 32767).astype(np.int16)


def spoken_blocks(clean: NDArray[np.int16]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which blocks of 20 ms are speech for certain, and which are not for certain; between lie the doubtful."""
    blocks = clean[: len(clean) // 160 * 160].reshape(-1, 160).astype(np.float64)
    level = 10 * np.log10((blocks**2).mean(axis=1) + 1)
    loud = level > level.max() - 25
    near = np.convolve(level > level.max() - 45, np.ones(31), mode="same") > 0
    return loud, ~near


def judged(judge: str, sound: NDArray[np.int16]) -> NDArray[np.bool_]:
    blocks = sound[: len(sound) // 160 * 160].reshape(-1, 160)
    if judge.startswith("webrtcvad"):
        vad = webrtcvad.Vad(int(judge[-1]))
        return np.array([vad.is_speech(block.tobytes(), 8000) for block in blocks])
    activity: SpeechActivity = speech_maker(judge)()
    told = np.zeros(len(blocks), dtype=bool)
    for number, block in enumerate(blocks):
        change = activity.take_block(block, spectrum_of(block))
        if isinstance(change, SpeechOnset):
            # Told a moment late and dated back: a call's utterance begins before it.
            told[change.begin // 160 : number] = True
        told[number] = activity.is_active and activity.is_speaking
    return told


def judge_speech(clips: dict[str, list[Clip]]) -> list[dict[str, Any]]:
    judges = ["plain", *(["silero"] if silero_is_installed() else []), "webrtcvad 1", "webrtcvad 3"]
    rng = np.random.default_rng(1)
    rows: list[dict[str, Any]] = []
    beats = 3000 * np.sin(2 * np.pi * np.cumsum(np.repeat([262, 330, 392, 523], 2000)) / 8000)
    others: dict[str, NDArray[np.int16]] = {
        "ringback": indication_sound("450/1000,0/4000", n_cycles=3).astype(np.int16),
        "busy": indication_sound("450/350,0/350", n_cycles=12).astype(np.int16),
        "keys": digits_clip("1234567890*#" * 4),
        "melody": np.tile(beats + 0.5 * np.roll(beats, 500), 2).astype(np.int16),
        "noise": np.zeros(80_000, np.int16),
    }
    for dbfs in (-60, -45, -35):
        for language, sounds in clips.items():
            gap = np.zeros(12_000, np.int16)
            clean = np.concatenate([part for clip in sounds for part in (gap, clip)] + [gap])
            noisy = in_noise(clean, dbfs, rng)
            loud, quiet = spoken_blocks(clean)
            for judge in judges:
                told = judged(judge, noisy)
                missed = 100 * float(1 - told[loud].mean())
                false = 100 * float(told[quiet].mean())
                rows.append(
                    {"judge": judge, "what": f"{language} in {dbfs} dBFS", "missed": missed, "false": false}
                )
    for what, sound in others.items():
        noisy = in_noise(sound, -50 if what != "noise" else -30, rng)
        for judge in judges:
            false = 100 * float(judged(judge, noisy).mean())
            rows.append({"judge": judge, "what": what, "missed": None, "false": false})
    return rows


# ---- recognisers -----------------------------------------------------------------------------------------------


def items(folders: Iterable[Path]) -> Iterator[Item]:
    robot = EspeakSynthesizer(words_per_minute=150)
    for text in ROBOT_SAYS:
        yield Item(
            source="espeak-ng",
            language="en",
            text=text,
            expected=EXPECTED["en"],
            sound=robot.render(text, "en"),
        )
    names = {**{str(n): w for n, w in enumerate(FIGURES)}, **{f"day-{n}": w for n, w in enumerate(DAYS)}}
    names |= {f"mon-{n}": w for n, w in enumerate(MONTHS)}
    for name, word in names.items():
        path = ALLISON / f"{name}.wav"
        if path.exists():
            yield Item(
                source="a person", language="en", text=word, expected=HUMAN_EXPECTED, sound=load_sound(path)
            )
    for folder in folders:
        for line in (folder / "texts.tsv").read_text(encoding="utf-8").splitlines():
            name, language, text = line.split("\t")
            yield Item(
                source=folder.name,
                language=language,
                text=text,
                expected=EXPECTED[language],
                sound=load_sound(folder / name),
            )


def heard_in_a_call(sound: Clip, rng: np.random.Generator) -> bytes | None:
    """Return the utterance that a call cuts out; None when it hears none."""
    quiet = np.zeros(8000, np.int16)
    noisy = in_noise(np.concatenate([quiet, sound, quiet, quiet]), -60, rng)
    call = CallAudio(speech=speech_maker("auto")(), listens=True)
    call.order(Listen(patience=Patience.OPEN))
    cut = utterances_of(freeze(noisy), call)
    return b"".join(one.pcm for one in cut) if cut else None


async def recognise(models: Path | None, everything: list[Item]) -> list[dict[str, Any]]:
    rng = np.random.default_rng(2)
    rows = []
    async with RecogniserPool(worker_command(models), n_workers=1, deadline_s=20.0) as pool:
        async with asyncio.timeout(120):
            await pool.ready()
        for one in everything:
            pcm = heard_in_a_call(one.sound, rng)
            row = {
                "source": one.source, "language": one.language, "text": one.text, "is_expected": one.is_expected,
                "got": "", "engine": "", "ms": None, "errors": len(units(one.text, one.language)),
                "units": len(units(one.text, one.language)), "is_heard": pcm is not None, "forced": False,
            }  # fmt: skip
            rows.append(row)
            if pcm is None or not pool.hears(one.language):
                continue
            began_s = time.perf_counter()
            try:
                found = await pool.transcribe(pcm, one.language, one.expected)
            except AudioError as error:
                row["engine"] = str(error)
                continue
            row["ms"] = (time.perf_counter() - began_s) * 1000
            row["got"], row["engine"], row["confidence"] = found.text, found.engine, found.confidence
            row["errors"] = distance(units(one.text, one.language), units(found.text, one.language))
            in_set = bare(found.text) in map(bare, one.expected)
            row["forced"] = in_set and bare(found.text) != bare(one.text)
    return rows


def percentile(values: list[float], share: float) -> str:
    return f"{np.percentile(values, share):.0f}" if values else ""


def show(vad: list[dict[str, Any]], rows: list[dict[str, Any]]) -> None:
    out = Console(width=140)
    table = Table("judge of speech", "on", "speech missed %", "taken for speech %")
    for row in vad:
        missed = "" if row["missed"] is None else f"{row['missed']:.1f}"
        table.add_row(row["judge"], row["what"], missed, f"{row['false']:.1f}")
    out.print(table)
    table = Table(
        "voice",
        "language",
        "kind",
        "n",
        "not heard",
        "exact",
        "empty",
        "forced into set",
        "errors %",
        "p50 ms",
        "p95 ms",
    )
    keys = sorted({(row["source"], row["language"], row["is_expected"]) for row in rows})
    for source, language, is_expected in keys:
        some = [
            row
            for row in rows
            if (row["source"], row["language"], row["is_expected"]) == (source, language, is_expected)
        ]
        times = [row["ms"] for row in some if row["ms"] is not None]
        table.add_row(
            source,
            language,
            "expected" if is_expected else "other",
            str(len(some)),
            str(sum(not row["is_heard"] for row in some)),
            str(sum(bare(row["got"]) == bare(row["text"]) for row in some)),
            str(sum(row["is_heard"] and not row["got"] for row in some)),
            str(sum(row["forced"] for row in some)),
            f"{100 * sum(row['errors'] for row in some) / sum(row['units'] for row in some):.0f}",
            percentile(times, 50),
            percentile(times, 95),
        )
    out.print(table)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--models", type=Path, default=None)
    options.add_argument("--set", type=Path, action="append", default=[])
    options.add_argument("--json", type=Path, default=None)
    options.add_argument("--every", type=int, default=1, help="take only every Nth thing said")
    given = options.parse_args()
    everything = list(items(given.set))[:: given.every]
    clips: dict[str, list[Clip]] = {}
    for one in everything:
        if one.source != "espeak-ng":
            clips.setdefault(one.language, []).append(one.sound)
    vad = judge_speech({language: sounds[:40] for language, sounds in clips.items()})
    rows = asyncio.run(recognise(given.models, everything))
    show(vad, rows)
    if given.json is not None:
        given.json.write_text(
            json.dumps({"speech": vad, "texts": rows}, ensure_ascii=False, indent=1), "utf-8"
        )


if __name__ == "__main__":
    main()
