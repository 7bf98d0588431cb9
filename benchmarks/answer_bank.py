"""Make the bank of spoken clips that answer classification is trained and judged with: `python -m benchmarks.answer_bank`.

A session is one voice that says some greetings, messages, announcements. Everything is synthetic: espeak-ng and flite
(Debian packages), piper and Kokoro where they are given. Clips are 8 kHz WAV files in FOLDER/ENGINE-SPLIT, with a
line each in meta.jsonl. The seed fixes texts and voices; the same versions of the engines give the same clips.
"""

import argparse
import io
import json
import subprocess
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from benchmarks.answer_texts import CARRIER_REASONS, phrase

RATE_HZ = 8000
Sound = NDArray[np.float64]
Say = Callable[[str], Sound]
ESPEAK_VARIANTS = {
    "train": "m1|m3|m5|m7|m8|f1|f3|Andy|Alicia|Andrea|Michael|Mike|Diogo|Hugo|adam|anika|antonio|belinda|benjamin|"
    "caleb|david|edward|gustave|linda|max|michel|norbert|pablo|paul|rob|robert|sandro|steph|travis|victor",
    "held_out": "m2|m4|m6|f2|f4|f5|Annie|Marco|Gene|Lee|Jacky|boris|ed|kaukovalta|miguel|quincy|shelby|zac",
}
ESPEAK_LANGUAGES = {
    "train": {"zh": ("cmn",), "en": ("en-us", "en-gb", "en-gb-x-gbclan")},
    "held_out": {"zh": ("cmn",), "en": ("en-gb-scotland", "en-029", "en-gb-x-rp")},
}
FLITE_VOICES = {"train": ("rms", "awb", "kal16"), "held_out": ("slt",)}
SESSION = (("human", 4), ("machine", 3), ("opening", 1), ("carrier", 2), ("screening_assistant", 1))
"""What one voice says, and how many of each."""


def espeak(voice: str, pitch: int, words_per_minute: int, text: str) -> Sound:
    """Return `text` spoken by espeak-ng."""
    arguments = ["-v", voice, "-p", str(pitch), "-s", str(words_per_minute), "-b", "1", "--stdin", "--stdout"]
    return _run(["espeak-ng", *arguments], text)


def espeak_voice(split: str, language: str, rng: np.random.Generator) -> tuple[str, Say]:
    """Return one espeak-ng speaker."""
    accent = str(rng.choice(ESPEAK_LANGUAGES[split][language]))
    variant = str(rng.choice(ESPEAK_VARIANTS[split].split("|")))
    pitch, speed = (
        int(rng.integers(15, 85)),
        int(rng.integers(*{"zh": (190, 310), "en": (145, 225)}[language])),
    )

    def say(text: str) -> Sound:
        return espeak(f"{accent}+{variant}", pitch, speed + int(rng.integers(-10, 20)), text)

    return f"{accent}+{variant}-{pitch}", say


def flite_voice(split: str, rng: np.random.Generator) -> tuple[str, Say]:
    """Return one flite speaker (English only), at some speed and pitch."""
    voice, stretch = str(rng.choice(FLITE_VOICES[split])), float(rng.uniform(0.75, 1.15))

    def say(text: str) -> Sound:
        with tempfile.NamedTemporaryFile(suffix=".wav") as file:
            command = [
                "flite",
                "-voice",
                voice,
                "--setf",
                f"duration_stretch={stretch:.2f}",
                "-t",
                text,
                file.name,
            ]
            subprocess.run(command, check=True, capture_output=True, timeout=60)
            return _read(Path(file.name).read_bytes())

    return f"{voice}-{stretch:.2f}", say


def piper_voice(model: Any, rng: np.random.Generator) -> tuple[str, Say]:
    """Return the speaker of a loaded piper voice, at some speed."""
    import wave  # noqa: PLC0415  only here

    from piper import SynthesisConfig  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415  optional

    scale = float(rng.uniform(0.8, 1.2))

    def say(text: str) -> Sound:
        buffer = io.BytesIO()
        with wave.open(buffer, "wb") as file:
            model.synthesize_wav(text, file, syn_config=SynthesisConfig(length_scale=scale))
        return _read(buffer.getvalue())

    return f"piper-{scale:.2f}", say


def make_sessions(
    folder: Path,
    split: str,
    language: str,
    n_sessions: int,
    seed: int,
    voice_of: Callable[[np.random.Generator], tuple[str, Say]],
) -> int:
    """Write `n_sessions` voices' clips to `folder`; return how many clips."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    n_clips = 0
    with (folder / f"meta-{language}-{seed}.jsonl").open("w", encoding="utf-8") as meta:
        for number in range(n_sessions):
            name, say = voice_of(rng)
            session = f"{language}-{seed}-{number:05d}"
            for kind, n in SESSION:
                if kind in ("opening", "screening_assistant") and rng.random() < 0.45:
                    continue
                for place in range(n):
                    said = str(rng.choice(CARRIER_REASONS)) if kind == "carrier" else kind
                    text = phrase(split, said, language, rng)
                    sound = trimmed(say(text))
                    if len(sound) < RATE_HZ // 8:
                        continue
                    file = f"{session}-{said}-{place}.wav"
                    soundfile.write(folder / file, sound, RATE_HZ, subtype="PCM_16")
                    row = {
                        "file": file,
                        "voice": name,
                        "session": session,
                        "kind": said,
                        "lang": language,
                        "text": text,
                    }
                    meta.write(json.dumps(row, ensure_ascii=False) + "\n")
                    n_clips += 1
    return n_clips


def trimmed(sound: Sound) -> Sound:
    """Return the sound without the silence around it, at its own loudest of one half."""
    peak = float(np.abs(sound).max(initial=0.0))
    loud = np.flatnonzero(np.abs(sound) > 0.02 * peak)
    if not len(loud):
        return np.zeros(1)
    return np.asarray(0.5 / peak * sound[loud[0] : loud[-1] + 1], dtype=np.float64)


def _run(command: list[str], text: str) -> Sound:
    return _read(
        subprocess.run(command, input=text.encode(), capture_output=True, timeout=30, check=True).stdout
    )


def _read(data: bytes) -> Sound:
    samples, rate_hz = soundfile.read(io.BytesIO(data), dtype="float64")
    return np.asarray(soxr.resample(samples, rate_hz, RATE_HZ), dtype=np.float64)


def main() -> None:
    """Make the bank."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/answer-bank"))
    parser.add_argument("--sessions", type=int, default=500, help="of each engine and language, for training")
    parser.add_argument(
        "--piper", type=Path, help="an English piper voice (.onnx): an engine never trained on"
    )
    given = parser.parse_args()
    for split, n, seed in (("train", given.sessions, 11), ("held_out", max(1, given.sessions // 16), 12)):
        for language in ("zh", "en"):
            voice = partial(espeak_voice, split, language)
            made = make_sessions(given.out / f"espeak-{split}", split, language, n, seed, voice)
            print(f"espeak {split} {language}: {made} clips")
        voice = partial(flite_voice, split)
        made = make_sessions(given.out / f"flite-{split}", split, "en", max(1, n // 2), seed, voice)
        print(f"flite {split}: {made} clips")
    if given.piper is not None:
        from piper import PiperVoice  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415  optional

        voice = partial(piper_voice, PiperVoice.load(str(given.piper)))
        made = make_sessions(given.out / "piper-held_out", "held_out", "en", 25, 13, voice)
        print(f"piper: {made} clips")


if __name__ == "__main__":
    main()
