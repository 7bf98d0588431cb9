"""Whisper in CTranslate2 form: what was said freely, and which of the expected phrases it most resembles.

A lone 是的 is too little for Whisper's free decoding (it writes 失踪), yet its decoder ranks 是的 far above 不是 when
asked only about these. So a second search may use the tokens of the expected phrases alone, and how well the best of
them explains the sound, next to the free text, decides whether it is taken.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from audio.errors import RecogniserError
from audio.frame import FULL_SCALE, NARROWBAND, Clip
from audio.listening.recogniser import MAX_TEXT_CHARS, Alternative, Recognised, nothing, primary
from audio.listening.simplified import to_simplified

RATE_HZ = 16_000
FRAMES_PER_S = 100
MAX_SECONDS = 30
PADDING_S = 1.5
"""Silence after the sound. The model was trained on 30 s; a shorter window costs little accuracy and saves most of the time."""
SHORTEST_WINDOW_S = 8
TOKENS_PER_S, MOST_TOKENS = 8, 96
"""Nobody says more; a decoder that runs in circles does."""

MAX_NO_SPEECH = 0.75
MIN_FREE_LOGPROB = -1.1
"""Of a token, on average: below this, free text is a guess."""
MIN_HINTED_LOGPROB = -0.65
"""With expected phrases before its eyes the decoding may read one of them into unclear sound."""
FREE_BEAM = 5
HINT_FROM_S = 1.7
HINT_TOKENS = 90
"""Of expected phrases shown to the free decoding of a sentence, as if they had been said before: they make its words
likelier (Mandarin character errors 31 % to 24 % on synthetic voices). A lone word would be talked over by them."""
CLOSED_BEAM = 12
CLOSED_MAX_S = 2.5
"""Longer than any expected phrase is spoken: not asked about."""
MIN_CLOSED_LOGPROB = -4.2
"""Of a token, on average: measured on short answers, those that were said mostly reach -3, others seldom -5."""
CLOSED_BELOW_FREE = 3.0
"""How much worse, by token, an expected phrase may explain the sound than free text does."""
MIN_POSTERIOR = 0.5
MOST_TIMES_LONGER = 2.0
"""Free text that is longer than this many times the phrase is a sentence that begins or ends like it."""

_ENDINGS = (".", ",", "!", "?", "。", "，", "！", "？")


@dataclass(frozen=True, slots=True)
class _Guess:
    text: str
    logprob: float
    """Mean of its tokens."""


class WhisperRecogniser:
    """Whisper from a folder that faster-whisper can load (`model.bin`, `config.json`, `tokenizer.json`, vocabulary)."""

    name = "whisper"

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        """Load the model. Raises RecogniserError."""
        try:
            import ctranslate2
            from faster_whisper import WhisperModel
            from faster_whisper.tokenizer import Tokenizer

            to_simplified("是")  # what it needs is missing here, not in a call's first Mandarin answer
        except ImportError as error:
            raise RecogniserError(
                f"faster-whisper is not installed ({error}): branchline models fetch whisper-base"
            ) from None
        try:
            model = WhisperModel(
                str(folder), device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True
            )
        except (RuntimeError, OSError, ValueError) as error:
            raise RecogniserError(
                f"{folder}: not a Whisper model in CTranslate2 form ({error}); fetch it again"
            ) from None
        self._model: Any = model.model
        self._features: Any = model.feature_extractor
        self._storage: Any = ctranslate2.StorageView
        self._tokenizers: dict[str, Any] = {
            language: Tokenizer(model.hf_tokenizer, model.model.is_multilingual, "transcribe", language)
            for language in (("zh", "en") if model.model.is_multilingual else ("en",))
        }
        self._all_tokens = range(model.hf_tokenizer.get_vocab_size())

    def hears(self, language: str, expected: tuple[str, ...]) -> bool:
        """Say whether the model knows the language."""
        del expected
        return primary(language) in self._tokenizers

    def transcribe(self, pcm: Clip, language: str, expected: tuple[str, ...]) -> Recognised:
        """Return the free text, or the expected phrase that explains the sound about as well."""
        tokenizer = self._tokenizers[primary(language)]
        seconds = len(pcm) / NARROWBAND.rate_hz
        encoded = self._encode(pcm)
        prompt = [*tokenizer.sot_sequence, tokenizer.no_timestamps]
        said, no_speech = self._write(tokenizer, encoded, prompt, expected, seconds)
        ranked: list[tuple[str, float]] = []
        if expected and seconds <= CLOSED_MAX_S:
            ranked = self._rank(tokenizer, encoded, prompt, expected)
        alternatives = tuple(Alternative(text=text, confidence=share) for text, share in ranked[:4])
        if ranked and (confidence := self._belief(tokenizer, encoded, ranked[0], said)):
            return Recognised(
                text=ranked[0][0], confidence=confidence, engine=self.name, alternatives=alternatives[1:]
            )
        lowest = MIN_HINTED_LOGPROB if _is_hinted(expected, seconds) else MIN_FREE_LOGPROB
        if not said.text or said.logprob < lowest or no_speech > MAX_NO_SPEECH:
            return nothing(self.name, alternatives)
        return Recognised(
            text=said.text, confidence=math.exp(said.logprob), engine=self.name, alternatives=alternatives
        )

    def _write(
        self, tokenizer: Any, encoded: Any, prompt: list[int], expected: tuple[str, ...], seconds: float
    ) -> tuple[_Guess, float]:
        """Return the free text and how likely there is no speech at all."""
        hint: list[int] = []
        if _is_hinted(expected, seconds):
            stop = "。" if not expected[0].isascii() else ". "
            hint = [tokenizer.sot_prev, *tokenizer.encode(f" {stop.join(expected)}{stop}")[:HINT_TOKENS]]
        found = self._model.generate(
            encoded,
            [hint + prompt],
            beam_size=FREE_BEAM if hint else 1,
            max_length=len(hint) + len(prompt) + min(MOST_TOKENS, 8 + round(seconds * TOKENS_PER_S)),
            no_repeat_ngram_size=4,
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        text = to_simplified(str(tokenizer.decode(found.sequences_ids[0]))).strip(" ,，")
        return _Guess(once(text)[:MAX_TEXT_CHARS], float(found.scores[0])), float(found.no_speech_prob)

    def _belief(self, tokenizer: Any, encoded: Any, best: tuple[str, float], said: _Guess) -> float:
        """Return how sure it is that the best expected phrase was said, 0 when it is not to be taken."""
        phrase, posterior = best
        if _bare(said.text) == _bare(phrase):
            return max(posterior, math.exp(said.logprob))
        logprob = self._explains(tokenizer, encoded, phrase)
        if (
            posterior < MIN_POSTERIOR
            or logprob < max(MIN_CLOSED_LOGPROB, said.logprob - CLOSED_BELOW_FREE)
            or len(_bare(said.text)) > MOST_TIMES_LONGER * len(_bare(phrase))
        ):
            return 0.0
        return posterior * (1.0 - 0.5 * logprob / MIN_CLOSED_LOGPROB)

    def _encode(self, pcm: Clip) -> Any:
        wide = soxr.resample(pcm.astype(np.float32) / FULL_SCALE, NARROWBAND.rate_hz, RATE_HZ)
        wide = wide[: MAX_SECONDS * RATE_HZ]
        window_s = min(MAX_SECONDS, max(SHORTEST_WINDOW_S, math.ceil(len(wide) / RATE_HZ + PADDING_S)))
        padded: NDArray[np.float32] = np.zeros(window_s * RATE_HZ, dtype=np.float32)
        padded[: len(wide)] = wide
        mel = self._features(padded)[:, : window_s * FRAMES_PER_S]
        return self._model.encode(self._storage.from_array(np.ascontiguousarray(mel[np.newaxis])))

    def _rank(
        self, tokenizer: Any, encoded: Any, prompt: list[int], expected: tuple[str, ...]
    ) -> list[tuple[str, float]]:
        """Return the expected phrases that a search among their tokens found, with their share of the belief."""
        allowed = {tokenizer.eot}
        longest = 1
        for phrase in expected:
            for form in _spellings(phrase):
                ids = tokenizer.encode(form)
                allowed.update(ids)
                longest = max(longest, len(ids))
        for ending in _ENDINGS:
            ids = tokenizer.encode(ending)
            if len(ids) == 1:
                allowed.update(ids)
        found = self._model.generate(
            encoded,
            [prompt],
            beam_size=CLOSED_BEAM,
            num_hypotheses=CLOSED_BEAM,
            max_length=len(prompt) + longest + 2,
            length_penalty=0,
            return_scores=True,
            suppress_tokens=[token for token in self._all_tokens if token not in allowed],
        )[0]
        known = {_bare(phrase): phrase for phrase in reversed(expected)}
        shares: dict[str, float] = {}
        for ids, score in zip(found.sequences_ids, found.scores, strict=True):
            if (match := known.get(_bare(tokenizer.decode(ids)))) is not None:
                shares[match] = shares.get(match, 0.0) + math.exp(float(score))
        total = sum(shares.values())
        return sorted(
            ((text, weight / total) for text, weight in shares.items()), key=lambda one: one[1], reverse=True
        )

    def _explains(self, tokenizer: Any, encoded: Any, phrase: str) -> float:
        """Return the mean log-probability of the phrase's tokens given the sound."""
        best = -math.inf
        for form in _spellings(phrase):
            result = self._model.align(
                encoded, tokenizer.sot_sequence, [tokenizer.encode(form)], SHORTEST_WINDOW_S * FRAMES_PER_S
            )[0]
            probabilities = np.maximum(np.asarray(result.text_token_probs, dtype=np.float64), 1e-9)
            best = max(best, float(np.log(probabilities).mean()))
        return best


def _is_hinted(expected: tuple[str, ...], seconds: float) -> bool:
    return bool(expected) and seconds >= HINT_FROM_S


def once(text: str) -> str:
    """Return a text that was written twice in a row once: the decoder does that with lone words."""
    half = len(text) // 2
    for place in range(max(1, half - 1), half + 2):
        first, second = text[:place].strip(), text[place:].strip()
        if _bare(first) and _bare(first) == _bare(second):
            return first
    return text


def _spellings(phrase: str) -> tuple[str, ...]:
    """Return how Whisper may write a phrase: an English sentence begins with a space and a capital."""
    if phrase[:1].isascii():
        return (f" {phrase[:1].upper()}{phrase[1:]}", f" {phrase}")
    return (phrase,)


def _bare(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalnum())
