"""Tell from what a recogniser wrote who answered, and what an announcement is about.

The texts are short and half misheard, so no sentence is looked for: every word and every two or three that follow each
other (in Mandarin: characters) speak for or against each class a little, and what they say is added up. The weights
come from texts as they are and as PocketSphinx hears them (`python -m benchmarks.answer_cues`).
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio.dsp.answer_content import CONTENT_CLASSES, SUBJECTS, Content

MODEL_FILE = Path(__file__).with_name("answer_cues.npz")
MAX_CHARS = 400
"""Of a text: what is said after half a minute of talk decides nothing."""
LONGEST_CUE = 3
LEAST_SHARE = 0.02
"""Of a language that a piece seems not to be in."""
ASSISTANT_PRIOR = -1.5
"""Logarithm. The cues were learned from as many texts of each class, but an assistant answers one call in twenty at most."""
N_TOLD = 5
"""Cues that are named as evidence, at most."""
_TOKEN = re.compile(r"[a-z']+|[一-鿿]")


@dataclass(frozen=True, slots=True, kw_only=True)
class WordsHeard:
    """What the words that were written down speak for."""

    content: Content
    n_cues: int
    """Cues that are known at all: with few, little is known."""
    confidence: float
    """How well the texts explain the sound."""
    cues: tuple[str, ...]
    """Those that spoke the most for the likeliest class, the strongest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a recogniser made of a piece of speech if it was in this language, and how likely it was."""

    language: str
    text: str = field(repr=False)
    share: float
    """Of all languages that it was written down in."""
    confidence: float
    """How well the text explains the sound at all, 0 to 1."""


class CueModel:
    """The weights of every cue, read once and shared by every call; stateless."""

    def __init__(self, cues: list[str], weights: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
        """Take `weights` of shape (n_cues, n_classes + n_subjects) and the bias of each column."""
        self._places = {cue: place for place, cue in enumerate(cues)}
        self._weights = weights
        self._bias = bias

    def weigh(self, text: str, confidence: float = 1.0) -> WordsHeard | None:
        """Return what `text` speaks for; None when none of it is known."""
        places = sorted({self._places[cue] for cue in cues_of(text) if cue in self._places})
        if not places:
            return None
        found = self._weights[places]
        scores = self._bias + found.sum(axis=0)
        scores[CONTENT_CLASSES.index("screening_assistant")] += ASSISTANT_PRIOR
        n = len(CONTENT_CLASSES)
        best = int(scores[:n].argmax())
        # For this class, and against the mean of the others.
        speaks = found[:, best] - found[:, :n].mean(axis=1)
        names = list(self._places)
        strongest = [place for place in np.argsort(-speaks) if speaks[place] > 0][:N_TOLD]
        return WordsHeard(
            content=Content(
                answer=_shares(CONTENT_CLASSES, scores[:n]), subject=_shares(SUBJECTS, scores[n:])
            ),
            n_cues=len(places),
            confidence=confidence,
            cues=tuple(names[places[place]].replace("_", " ") for place in strongest),
        )


def weigh_written(pieces: Sequence[Sequence[Written]]) -> WordsHeard | None:
    """Return what pieces of speech speak for, each written down in one language or in several; None if nothing is known.

    Which language it is need not be certain: what each says counts by how likely it is.
    """
    belief: dict[str, float] = {}
    texts: dict[str, list[str]] = {}
    for piece in pieces:
        for one in piece:
            texts.setdefault(one.language, []).append(one.text)
    for language in texts:
        # A piece that was not written down in a language makes it unlikely.
        shares = [
            next((it.share for it in piece if it.language == language), LEAST_SHARE)
            for piece in pieces
            if piece
        ]
        belief[language] = math.prod(max(LEAST_SHARE, share) for share in shares)
    everything = [one for piece in pieces for one in piece]
    length = sum(len(one.text) * one.share for one in everything)
    confidence = sum(len(one.text) * one.share * one.confidence for one in everything) / max(1e-9, length)
    heard = {language: cue_model().weigh(" ".join(said), confidence) for language, said in texts.items()}
    known = [(found, belief[language]) for language, found in heard.items() if found is not None]
    if not known:
        return None
    total = sum(weight for _, weight in known)
    likeliest = max(known, key=lambda one: one[1])[0]
    return replace(
        likeliest,
        content=Content(
            answer=_mixed([(one.content.answer, weight / total) for one, weight in known]),
            subject=_mixed([(one.content.subject, weight / total) for one, weight in known]),
        ),
    )


def _mixed(parts: list[tuple[dict[str, float], float]]) -> dict[str, float]:
    return {name: sum(shares[name] * weight for shares, weight in parts) for name in parts[0][0]}


def cues_of(text: str) -> Iterator[str]:
    """Yield every word or character of a text, and every two and three that follow each other."""
    for _, group in groupby(_TOKEN.findall(text.lower()[:MAX_CHARS]), key=str.isascii):
        tokens = list(group)
        joint = "_" if tokens[0].isascii() else ""
        for length in range(1, LONGEST_CUE + 1):
            for begin in range(len(tokens) - length + 1):
                yield joint.join(tokens[begin : begin + length])


@lru_cache(maxsize=1)
def cue_model() -> CueModel:
    """Return the model that comes with the program."""
    with np.load(MODEL_FILE) as file:
        return CueModel(
            str(file["cues"]).split("\n"), file["weights"].astype(np.float32), file["bias"].astype(np.float32)
        )


def _shares(names: tuple[str, ...], scores: NDArray[np.float32]) -> dict[str, float]:
    powers = np.exp(scores - scores.max())
    return {name: float(share) for name, share in zip(names, powers / powers.sum(), strict=True)}
