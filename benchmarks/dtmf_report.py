"""How well keys are heard, and how often speech is taken for one, beside spandsp on the same sound.

Run: python -m benchmarks.dtmf_report [KEYS] [MINUTES]: so many keys a row (160), and so many minutes of speech of
each language (30). The speech is synthetic (espeak-ng at several speeds and pitches, Chinese and English), and human
where Debian's asterisk-core-sounds are installed. All of it is played at three levels.
"""

import sys
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from audio.sound_file import load_sound
from audio.speech.espeak import EspeakSynthesizer
from benchmarks.answer_texts import phrase
from benchmarks.dtmf_sweep import Expectation, faults, ours, run, spandsp

SPEEDS = (110, 130, 150, 170, 190, 215)
PITCHES = (0.8, 0.9, 1.0, 1.12, 1.25)
"""As many as have no common divisor with the speeds: every pair comes."""
LEVELS_DB = (0.0, -12.0, -24.0)
HUMAN_SOUNDS = Path("/usr/share/asterisk/sounds")
EXIT_FAILED = 1


def speech(language: str) -> Iterator[NDArray[np.int16]]:
    """Yield spoken texts for ever, each time at another speed and pitch."""
    code = {"zh": "zh-CN", "en": "en"}[language]
    dice = np.random.default_rng(1)
    texts = [
        phrase("train", kind, language, dice) for kind in ("human", "machine", "opening") for _ in range(120)
    ]
    speeds, pitches = cycle(SPEEDS), cycle(PITCHES)
    while True:
        for begin in range(0, len(texts), 6):
            voice = EspeakSynthesizer(words_per_minute=next(speeds))
            spoken = voice.render(" ".join(texts[begin : begin + 6]), code)
            pitch = next(pitches)
            bent = soxr.resample(spoken.astype(np.float32), 8000 * pitch, 8000)
            yield np.clip(np.rint(bent), -32768, 32767).astype(np.int16)


def talk_off(sounds: Iterator[NDArray[np.int16]], minutes: float) -> tuple[float, dict[str, int]]:
    """Return the minutes heard and how many keys each detector heard in them, over all levels."""
    n_samples, false = 0, {"ours": 0, "spandsp": 0}
    for sound in sounds:
        for level_db in LEVELS_DB:
            quiet = (sound * 10 ** (level_db / 20)).astype(np.int16)
            false["ours"] += len(ours(quiet))
            false["spandsp"] += len(spandsp(quiet))
        n_samples += len(sound)
        if n_samples >= minutes * 60 * 8000:
            break
    return n_samples / 480_000, false


def human() -> Iterator[NDArray[np.int16]]:
    for path in sorted(HUMAN_SOUNDS.rglob("*.wav")):
        yield load_sound(path)


def main() -> None:
    n_keys = int(sys.argv[1]) if len(sys.argv) > 1 else 160
    minutes = float(sys.argv[2]) if len(sys.argv) > 2 else 30.0
    out = Console()
    table = Table("keys", "asked", "we hear", "false", "spandsp hears", "false", title=f"{n_keys} keys a row")
    n_wrong = 0
    for seed, (name, (expectation, fault)) in enumerate(faults().items()):
        mine, theirs = run(fault, n_keys=n_keys, seed=seed)
        is_wrong = (expectation is Expectation.HEARD and (mine.heard < mine.pressed or mine.false > 0)) or (
            expectation is Expectation.REFUSED and (mine.heard or mine.false)
        )
        n_wrong += bool(is_wrong)
        table.add_row(
            name,
            expectation,
            f"{mine.share:.1%}",
            str(mine.false),
            f"{theirs.share:.1%}",
            str(theirs.false),
            style="red" if is_wrong else None,
        )
    out.print(table)
    table = Table("speech", "minutes, each at 3 levels", "our keys", "spandsp's keys", title="talk-off")
    for name, sounds in (
        ("zh, synthetic", speech("zh")),
        ("en, synthetic", speech("en")),
        ("en, human (Debian's asterisk-core-sounds)", human()),
    ):
        began_s = time.monotonic()
        n_minutes, false = talk_off(sounds, minutes)
        table.add_row(name, f"{n_minutes:.1f}", str(false["ours"]), str(false["spandsp"]))
        print(f"{name}: {time.monotonic() - began_s:.0f} s", file=sys.stderr)
    out.print(table)
    if n_wrong:
        out.print(f"{n_wrong} rows are not as asked")
        sys.exit(EXIT_FAILED)


if __name__ == "__main__":
    main()
