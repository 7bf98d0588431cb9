"""Make a bank of spoken clips for answer classification: `python -m benchmarks.answer_bank ENGINE SPLIT N --out BANK`.

A session is one voice (`answer_voices`) that says some greetings, messages and announcements (`answer_texts`).
Clips are 8 kHz WAV files in BANK/ENGINE-SPLIT, with a line each in the session's meta file. The seed fixes texts and
voices; the same versions of the engines give the same clips. What is there is not made again.
"""

import argparse
import json
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.answer_texts import CARRIER_REASONS, SPLITS, phrase
from benchmarks.answer_voices import (
    RATE_HZ,
    KokoroVoices,
    Say,
    espeak_voice,
    festival_voice,
    flite_voice,
    piper_voice,
    trimmed,
)

VoiceOf = Callable[[np.random.Generator], tuple[str, Say]]
SESSION = (("human", 8), ("machine", 4), ("opening", 1), ("carrier", 3), ("screening_assistant", 1))
"""What one voice says, and how many of each."""
ENGINES = ("espeak", "festival", "flite", "kokoro", "piper")
LANGUAGES = {
    "espeak": ("zh", "en"),
    "festival": ("en",),
    "flite": ("en",),
    "kokoro": ("zh", "en"),
    "piper": ("en",),
}


def make_session(folder: Path, split: str, language: str, seed: int, number: int, voice_of: VoiceOf) -> int:
    """Write one voice's clips to `folder`; return how many clips."""
    folder.mkdir(parents=True, exist_ok=True)
    session = f"{language}-{seed}-{number:05d}"
    meta = folder / f"meta-{session}.jsonl"
    if meta.exists():
        return 0
    rng = np.random.default_rng([seed, number, ord(language[0])])
    name, say = voice_of(rng)
    rows = []
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
            row = {"file": file, "voice": name, "session": session, "kind": said, "lang": language}
            rows.append(json.dumps({**row, "text": text}, ensure_ascii=False) + "\n")
    meta.write_text("".join(rows), encoding="utf-8")
    return len(rows)


def voice_maker(engine: str, split: str, language: str, model: Path | None, voices: Path | None) -> VoiceOf:
    """Return what draws a speaker of an engine; texts of `wide` are spoken by training's voices, `unseen` by held-out ones."""
    spoken = {"wide": "train", "unseen": "held_out"}.get(split, split)
    if engine == "festival":
        return festival_voice
    if engine == "kokoro":
        if model is None or voices is None:
            raise SystemExit("Kokoro needs --model kokoro.onnx (branchline models fetch) and --voices FOLDER")
        return partial(_kokoro(model, voices).voice, spoken, language)
    if engine == "piper":
        if model is None:
            raise SystemExit("piper needs --model VOICE.onnx (branchline models fetch)")
        return partial(piper_voice, _piper(model))
    spoken = "held_out" if spoken == "dev" else spoken  # these engines have no third lot of voices
    return partial(espeak_voice, spoken, language) if engine == "espeak" else partial(flite_voice, spoken)


def make_bank(
    engine: str,
    split: str,
    n_sessions: int,
    out: Path,
    *,
    languages: tuple[str, ...],
    seed: int,
    jobs: int,
    model: Path | None = None,
    voices: Path | None = None,
) -> int:
    """Make `n_sessions` of each language; return how many clips are new."""
    wanted = [
        (engine, split, language, out, seed, number, model, voices)
        for number in range(n_sessions)
        for language in languages
    ]
    with ProcessPoolExecutor(jobs) as workers:
        return sum(workers.map(_session, wanted))


def _session(asked: tuple[str, str, str, Path, int, int, Path | None, Path | None]) -> int:
    engine, split, language, out, seed, number, model, voices = asked
    folder = out / f"{engine}-{split}"
    return make_session(
        folder, split, language, seed, number, voice_maker(engine, split, language, model, voices)
    )


@lru_cache(maxsize=1)
def _kokoro(model: Path, voices: Path) -> KokoroVoices:
    return KokoroVoices(model, voices)


@lru_cache(maxsize=1)
def _piper(model: Path) -> object:
    from piper import PiperVoice  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415  optional

    return PiperVoice.load(str(model))


def main() -> None:
    """Make one part of the bank."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("split", choices=SPLITS, help="whose texts (and voices): wide has training's voices")
    parser.add_argument("sessions", type=int, help="of each language that the engine speaks")
    parser.add_argument("--out", type=Path, default=Path("build/answer-bank"))
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--model", type=Path, help="kokoro.onnx, or a piper voice (.onnx)")
    parser.add_argument("--voices", type=Path, help="Kokoro's style tables: package/voices of kokoro-js")
    given = parser.parse_args()
    made = make_bank(
        given.engine,
        given.split,
        given.sessions,
        given.out,
        languages=LANGUAGES[given.engine],
        seed=given.seed,
        jobs=given.jobs,
        model=given.model,
        voices=given.voices,
    )
    print(f"{given.engine} {given.split}: {made} new clips")


if __name__ == "__main__":
    main()
