"""PocketSphinx with the language models of what is said when a call is answered, English and Mandarin.

Its acoustic model knows wideband American English. What its phones sound like over a telephone, and in the mouths of
people who speak Mandarin, was learned on top of it, a file for each language (`python -m benchmarks.answer_sounds`).
What it writes is partly misheard, more so in noise, but it is meant for `audio.dsp.answer_words`, which needs no more
than some of the words. A second of speech takes about a tenth of a second for each language, so it belongs in a worker
process.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio.dsp.answer_words import Written
from audio.frame import NARROWBAND, Clip
from audio.listening.recogniser import Alternative, Recognised, nothing, primary
from audio.listening.sphinx import sphinx_decoder

FOLDER = Path(__file__).parent
ANSWER_TAG = "-x-answer"
"""Asked for with this after the language (`en-x-answer`, `und` for any): who answered, not what was said to us."""
ANY_LANGUAGE = "und"
LANGUAGES = ("en", "zh")
RATE_HZ = 16_000
SHORTEST_S, LONGEST_S = 0.2, 15.0
SPEECH_DBFS = -20.0
NOISE_RMS = 50.0
"""The model was trained on wideband speech: with nothing at all above 4 kHz its features are unlike any it knows."""
FOLD_DB, FOLD_FALL_DB = -15.0, 3.0
"""So what is below 4 kHz is folded above it too, this much weaker, and weaker with every further kHz."""
N_FFT, HOP = 256, 128
NOISE_QUANTILE, NOISE_TIMES, LEAST_GAIN = 0.15, 3.0, 0.03
"""Of each band's powers, the one that is taken for noise, how much of it is taken away, and what is left at least."""
SURELY = -35.0
"""Logarithm of the path's score a frame. A word or two in another language may reach -36; then the other model is asked too."""
EXPECTED_BONUS = 2.0
"""For the language that the callee is said to speak."""
SHARPNESS = 0.5
"""By how much a better score makes a language likelier: 2 is three to one, 5 is twelve to one."""
NOTHING_AT, ALL_AT = -62.0, -36.0
"""Scores of a frame that mean no confidence and all of it."""


class AnswerEar:
    """Writes down roughly what was said, in the language whose model explains the sound better."""

    name = "pocketsphinx-answer"

    def __init__(self) -> None:
        """Load the models. Raises RecogniserError."""
        self._decoders: dict[str, Any] = {language: _decoder(language) for language in LANGUAGES}

    def hears(self, language: str, expected: tuple[str, ...]) -> bool:
        """Say whether this asks for who answered."""
        del expected
        return is_answer(language)

    def transcribe(self, pcm: Clip, language: str, expected: tuple[str, ...]) -> Recognised:
        """Return what was said, roughly: in `language`, or in the other if that explains the sound better."""
        del expected
        if not SHORTEST_S <= len(pcm) / NARROWBAND.rate_hz <= LONGEST_S or not pcm.any():
            return nothing(self.name)
        sound = np.clip(widened(pcm), -32768, 32767).astype(np.int16).tobytes()
        first = primary(language)
        heard: list[tuple[float, str]] = []
        for asked in sorted(LANGUAGES, key=lambda one: one != first):
            text, score = self._decode(asked, sound)
            if text:
                heard.append((score + (EXPECTED_BONUS if asked == first else 0.0), text))
            if text and asked == first and score >= SURELY:
                break
        if not heard:
            return nothing(self.name)
        (score, text), *others = sorted(heard, reverse=True)
        weights = [math.exp(SHARPNESS * (other - score)) for other, _ in others]
        confidence = min(1.0, max(0.0, (score - NOTHING_AT) / (ALL_AT - NOTHING_AT)))
        return Recognised(
            text=text,
            confidence=round(confidence, 3),
            engine=self.name,
            alternatives=tuple(
                Alternative(text=other, confidence=round(weight / (1 + sum(weights)), 3))
                for (_, other), weight in zip(others, weights, strict=True)
            ),
        )

    def _decode(self, language: str, sound: bytes) -> tuple[str, float]:
        """Return the text and the logarithm of its score a frame."""
        decoder = self._decoders[language]
        decoder.start_utt()
        try:
            decoder.process_raw(sound, full_utt=True)
        finally:
            decoder.end_utt()
        found = decoder.hyp()
        if found is None or found.best_score <= 0:
            return "", -math.inf
        return str(found.hypstr), float(decoder.logmath.log(found.best_score)) / max(1, decoder.n_frames())


def written(found: Recognised) -> tuple[Written, ...]:
    """Return what was recognised after answering, by language, as the call's sound takes it."""
    if not found.text:
        return ()
    rest = 1 - sum(one.confidence for one in found.alternatives)
    said = [(found.text, rest), *((one.text, one.confidence) for one in found.alternatives)]
    return tuple(
        Written(
            language="en" if text.isascii() else "zh", text=text, share=share, confidence=found.confidence
        )
        for text, share in said
    )


def is_answer(language: str) -> bool:
    """Say whether a language tag asks for who answered."""
    return language.endswith(ANSWER_TAG)


def _decoder(language: str) -> Any:
    def expect(decoder: Any, _folder: Path) -> None:
        decoder.add_lm_file(language, str(FOLDER / f"answer_words_{language}.lm"))
        decoder.activate_search(language)

    return sphinx_decoder(
        FOLDER / "answer_words.dict", expect, means=FOLDER / f"answer_sounds_{language}.means"
    )


def widened(pcm: Clip) -> NDArray[np.float64]:
    """Return 8 kHz speech at one level, without steady noise, at 16 kHz with something above 4 kHz."""
    clean = _without_noise(pcm.astype(np.float64))
    n_blocks = max(1, len(clean) // 160)
    powers = (clean[: n_blocks * 160].reshape(n_blocks, -1) ** 2).mean(axis=1)
    loud = float(powers[powers >= powers.max() * 10**-2.5].mean())
    clean *= 32768 * 10 ** (SPEECH_DBFS / 20) / math.sqrt(loud + 1e-9)
    wide = np.zeros(2 * len(clean))
    wide[::2] = 2 * clean
    spectrum = np.fft.rfft(wide)
    hz = np.fft.rfftfreq(len(wide), 1 / RATE_HZ)
    fold_db = FOLD_DB - FOLD_FALL_DB * (hz - 4000) / 1000
    spectrum *= np.where(hz < 4000, 1.0, 10 ** (fold_db / 20))
    noise = np.random.default_rng(1).normal(0.0, NOISE_RMS, len(wide))
    return np.asarray(np.fft.irfft(spectrum, len(wide)) + noise, dtype=np.float64)


def _without_noise(sound: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sound with what each band always has taken away (spectral subtraction)."""
    window = np.sqrt(np.hanning(N_FFT + 1)[:-1])
    padded = np.concatenate([np.zeros(N_FFT), sound, np.zeros(N_FFT)])
    spectra = np.fft.rfft(np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP] * window)
    powers = spectra.real**2 + spectra.imag**2
    noise = np.quantile(powers[3:-3] if len(powers) > 10 else powers, NOISE_QUANTILE, axis=0) * NOISE_TIMES
    noise = np.convolve(np.pad(noise, 2, mode="edge"), np.ones(5) / 5, "valid")
    frames = (
        np.fft.irfft(spectra * np.sqrt(np.maximum(1 - noise / (powers + 1e-9), LEAST_GAIN)), N_FFT) * window
    )
    out = np.zeros(len(padded) + N_FFT)
    for offset in (0, HOP):
        rows = frames[offset // HOP :: 2].reshape(-1)
        out[offset : offset + len(rows)] += rows
    return out[N_FFT : N_FFT + len(sound)]
