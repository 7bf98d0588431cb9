"""The contract of a recogniser: what one utterance was, or that it cannot tell."""

from dataclasses import dataclass, field
from typing import Protocol

from audio.frame import Clip

MAX_EXPECTED = 64
MAX_PHRASE_CHARS = 80
MAX_TEXT_CHARS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """Another thing that may have been said."""

    text: str = field(repr=False)
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """What was said, as far as an engine can tell."""

    text: str = field(repr=False)
    """Empty: speech, but nothing that the engine is sure enough of to say."""
    confidence: float
    """0 to 1; 0 with an empty text."""
    engine: str
    alternatives: tuple[Alternative, ...] = ()
    """The best first, `text` not among them."""


class Recogniser(Protocol):
    """Turns utterances into text; blocking, so it runs in a worker process and never in the call."""

    @property
    def name(self) -> str:
        """Say which engine this is."""
        ...

    def hears(self, language: str, expected: tuple[str, ...]) -> bool:
        """Say whether it can do anything with this language (`zh`, `en`) and these expected phrases."""
        ...

    def transcribe(self, pcm: Clip, language: str, expected: tuple[str, ...]) -> Recognised:
        """Return what 8 kHz `pcm` says; `expected` are the likely answers, and others may come. Raises RecogniserError."""
        ...


def nothing(engine: str, alternatives: tuple[Alternative, ...] = ()) -> Recognised:
    """Return the answer of an engine that is not sure of anything."""
    return Recognised(text="", confidence=0.0, engine=engine, alternatives=alternatives)


def primary(language: str) -> str:
    """Return the primary subtag of a language tag: ``zh-CN`` is ``zh``."""
    return language.split("-", maxsplit=1)[0].lower()
