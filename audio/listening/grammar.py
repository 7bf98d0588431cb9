"""PocketSphinx with a grammar of the expected phrases: English short answers within a tenth of a second.

A grammar search forces whatever it hears into the grammar. So what it found is taken only if its words cover the sound
and explain it about as well as a free loop of phones does: somebody who says something else is told as not understood.
"""

import math
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from audio.dsp.blocks import BLOCK_SAMPLES
from audio.frame import NARROWBAND, Clip
from audio.listening.recogniser import Recognised, nothing, primary
from audio.listening.sphinx import sphinx_decoder

RATE_HZ = 16_000
FRAME_MS = 10
SHORTEST_S, LONGEST_S = 0.2, 4.0
"""Shorter is no word, longer no short answer: another recogniser's business."""
NOISE_RMS = 50.0
"""The model was trained on wideband speech: with nothing at all above 4 kHz its features are unlike any it knows."""
SPEECH_RANGE_DB = 25.0
MIN_COVERAGE = 0.6
MIN_SCORE = 0.5
MIN_MARGIN = -0.05
"""Logarithm of the grammar's score over the phone loop's."""
_FILLERS = ("[", "<", "+")


class GrammarRecogniser:
    """PocketSphinx and the American English model that comes with it."""

    name = "pocketsphinx"

    def __init__(self) -> None:
        """Load the model. Raises RecogniserError."""
        self._decoder: Any = sphinx_decoder(None, _add_phones)
        self._grammars: dict[tuple[str, ...], str] = {}
        self._numbers = count(1)

    def hears(self, language: str, expected: tuple[str, ...]) -> bool:
        """Say whether this is English and any of the phrases is made of words that the dictionary has."""
        return primary(language) == "en" and bool(self._known(expected))

    def transcribe(self, pcm: Clip, language: str, expected: tuple[str, ...]) -> Recognised:
        """Return the expected phrase that was said, or nothing."""
        phrases = self._known(expected)
        if not SHORTEST_S <= len(pcm) / NARROWBAND.rate_hz <= LONGEST_S or not phrases:
            return nothing(self.name)
        wide = soxr.resample(pcm.astype(np.float32), NARROWBAND.rate_hz, RATE_HZ)
        wide += np.random.default_rng(1).normal(0.0, NOISE_RMS, len(wide)).astype(np.float32)
        sound = np.clip(wide, -32768, 32767).astype(np.int16).tobytes()
        text, score, n_word_frames = self._decode(self._grammar(phrases), sound)
        known = {_words(phrase): phrase for phrase in reversed(expected)}
        phrase = known.get(text)
        if phrase is None or score < MIN_SCORE:
            return nothing(self.name)
        if n_word_frames < MIN_COVERAGE * _speech_frames(pcm):
            return nothing(self.name)
        _text, free_score, _n_frames = self._decode("phones", sound)
        margin = math.log(score / max(free_score, 1e-6))
        if margin < MIN_MARGIN:
            return nothing(self.name)
        confidence = min(1.0, 0.6 + 2.0 * (margin - MIN_MARGIN))
        return Recognised(text=phrase, confidence=confidence, engine=self.name)

    def _decode(self, search: str, sound: bytes) -> tuple[str, float, int]:
        decoder = self._decoder
        decoder.activate_search(search)
        decoder.start_utt()
        try:
            decoder.process_raw(sound, full_utt=True)
        finally:
            decoder.end_utt()
        found = decoder.hyp()
        if found is None:
            return "", 1e-6, 0
        n_frames = sum(
            one.end_frame - one.start_frame + 1
            for one in decoder.seg()
            if not str(one.word).startswith(_FILLERS)
        )
        return str(found.hypstr), max(float(found.best_score), 1e-6), n_frames

    def _known(self, expected: tuple[str, ...]) -> tuple[str, ...]:
        """Return the phrases, as bare words, whose every word is in the dictionary."""
        bare = dict.fromkeys(_words(phrase) for phrase in expected)
        return tuple(
            text
            for text in bare
            if text and all(self._decoder.lookup_word(word) is not None for word in text.split())
        )

    def _grammar(self, phrases: tuple[str, ...]) -> str:
        """Return the name of a search for these phrases."""
        if phrases not in self._grammars:
            if len(self._grammars) >= 16:
                self._decoder.remove_search(self._grammars.pop(next(iter(self._grammars))))
            name = f"answers-{next(self._numbers)}"
            self._decoder.add_jsgf_string(
                name, f"#JSGF V1.0;\ngrammar answers;\npublic <answer> = {' | '.join(phrases)};\n"
            )
            self._grammars[phrases] = name
        return self._grammars[phrases]


def _add_phones(decoder: Any, folder: Path) -> None:
    decoder.add_allphone_file("phones", str(folder / "en-us-phone.lm.bin"))


def _words(text: str) -> str:
    """Return a phrase as the dictionary spells it: lower case, no punctuation but the apostrophe."""
    return " ".join("".join(c if c.isalpha() or c == "'" else " " for c in text.lower()).split())


def _speech_frames(pcm: Clip) -> int:
    """Return how many frames of 10 ms are about as loud as the loudest."""
    n_samples = BLOCK_SAMPLES // 2
    frames = pcm[: len(pcm) // n_samples * n_samples].reshape(-1, n_samples).astype(np.float64)
    levels = 10 * np.log10((frames**2).mean(axis=1) + 1.0)
    return int((levels > levels.max(initial=0.0) - SPEECH_RANGE_DB).sum())
