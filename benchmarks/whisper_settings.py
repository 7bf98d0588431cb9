"""What Whisper's settings are worth on a telephone: errors and time by beam, hint and threads, on synthetic voices.

Run: python -m benchmarks.whisper_settings FOLDER [--noise-db -35]

FOLDER holds the model (`model.bin` …). espeak-ng speaks the sentences, band-limited to a telephone's, over noise. Errors are
of words in English and of characters in Chinese; time is of one utterance, the median, in this very run.
"""

import argparse
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.signal import butter, sosfilt

from audio.frame import NARROWBAND, Clip, freeze
from audio.listening import whisper
from audio.speech.espeak import EspeakSynthesizer

SENTENCES = {
    "en": (
        "please stop calling me every day", "I already paid that bill last week", "can I pay half now and half next month",
        "you have the wrong number there is nobody by that name", "I would like to speak to a real person please",
        "the amount on your letter is not right", "my father passed away in the spring", "I will pay two hundred on Friday",
    ),
    "zh": (
        "请你们以后不要再给我打电话了", "这笔钱我上个星期已经还了", "我能不能这个月还一半下个月还一半", "你打错了这里没有这个人",
        "我想和你们的工作人员说话", "你们账单上的金额不对", "我父亲春天的时候去世了", "我星期五可以先还两千块",
    ),
}  # fmt: skip
HINTS = {
    "en": ("I already paid", "wrong number", "stop calling", "a real person", "I will pay on Friday"),
    "zh": ("我已经还了", "打错了", "别打了", "转人工", "周五还"),
}


def telephone(pcm: Clip, noise_db: float, seed: int) -> Clip:
    """Return sound as it comes out of a telephone line: 300 to 3400 Hz, with noise so far below full scale."""
    band = butter(4, (300, 3400), btype="band", fs=NARROWBAND.rate_hz, output="sos")
    heard = sosfilt(band, pcm.astype(np.float64))
    heard += np.random.default_rng(seed).normal(0, 32768 * 10 ** (noise_db / 20), len(heard))
    return freeze(np.rint(heard).clip(-32768, 32767).astype(np.int16))


def units(text: str, language: str) -> list[str]:
    """Return what errors are counted in."""
    plain = "".join(char for char in text.lower() if char.isalnum() or char in " '")
    return plain.split() if language == "en" else list(plain.replace(" ", ""))


def edit_distance(right: Sequence[str], heard: Sequence[str]) -> int:
    """Return how many units must be replaced, dropped or put in."""
    row = list(range(len(heard) + 1))
    for at, one in enumerate(right, 1):
        before, row[0] = row[0], at
        for place, other in enumerate(heard, 1):
            before, row[place] = row[place], min(before + (one != other), row[place] + 1, row[place - 1] + 1)
    return row[-1]


SETTINGS = (
    (1, 1, False),
    (1, 1, True),
    (1, 3, True),
    (1, 5, True),
    (1, 8, True),
    (2, 1, False),
    (2, 5, True),
)
"""Threads, beam, and whether expected phrases are shown; without them the box decodes greedily."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--noise-db", type=float, default=-45.0)
    options = arguments.parse_args()
    voice = EspeakSynthesizer()
    sounds = {
        language: [
            telephone(voice.render(text, language), options.noise_db, at) for at, text in enumerate(texts)
        ]
        for language, texts in SENTENCES.items()
    }
    print("| language | beam | hint | threads | errors % | median ms |\n|---|---|---|---|---|---|")
    for threads, beam, hinted in SETTINGS:
        recogniser = whisper.WhisperRecogniser(options.folder, threads=threads)
        whisper.FREE_BEAM = beam
        for language, texts in SENTENCES.items():
            wrong = total = 0
            took: list[float] = []
            for text, pcm in zip(texts, sounds[language], strict=True):
                began = time.perf_counter()
                found = recogniser.transcribe(pcm, language, HINTS[language] if hinted else ())
                took.append(time.perf_counter() - began)
                right = units(text, language)
                wrong += edit_distance(right, units(found.text, language))
                total += len(right)
            ms = 1000 * statistics.median(took)
            shown = "yes" if hinted else "no"
            print(
                f"| {language} | {beam} | {shown} | {threads} | {100 * wrong / total:.1f} | {ms:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
