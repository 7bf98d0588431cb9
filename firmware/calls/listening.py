"""One call's way from what was said to what it means: recogniser, then understanding, then back to the session.

Whatever fails on the way costs this one answer: the dialogue is told that nothing was understood, and asks again.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Protocol

import structlog

from audio.dsp.endpointer import Patience
from audio.dsp.speech_activity import SpeechActivity
from audio.errors import RecogniserError
from audio.events import UtteranceHeard
from audio.listening.recogniser import Recognised
from firmware.dialogue.events import Intent, Utterance
from firmware.dialogue.slots import Asked, Slots

log = structlog.get_logger()

MOST_WAITING = 4
"""Utterances of one call that wait for their text; whoever talks on and on is not answered word for word."""

COUGH_MS = 250
"""Shorter sounds without words are not worth asking again about."""
BOUND_TO_QUESTION = frozenset({"affirm", "deny", "confirm_identity"})
"""A yes means nothing without its question: said to one, it is no answer to the next."""

_PATIENCE = {
    Asked.IDENTITY: Patience.ANSWER,
    Asked.CONFIRM: Patience.ANSWER,
    Asked.OFFER: Patience.ANSWER,
    Asked.SATISFACTION: Patience.ANSWER,
    Asked.DIGITS: Patience.DIGITS,
}


class Ears(Protocol):
    """Recognises speech for all calls."""

    def hears(self, language: str) -> bool:
        """Say whether utterances in this language can be recognised now."""
        ...

    async def transcribe(self, pcm: bytes, language: str, expected: tuple[str, ...] = ()) -> Recognised:
        """Return what was said, within a deadline of its own. Raises RecogniserError."""
        ...


class Understood(Protocol):
    """What a text means."""

    @property
    def intents(self) -> tuple[Intent, ...]:
        """Return the meanings it may have."""
        ...

    @property
    def slots(self) -> Slots:
        """Return what it names."""
        ...


class Understands(Protocol):
    """Works out what a text means; pure and quick."""

    def understand(
        self, text: str, *, language: str, asked: Asked, today: date, after_node: str = ""
    ) -> Understood:
        """Return the meaning of `text`, said when `asked` was asked."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """Everything that calls need in order to listen; a box without it works by keys alone."""

    ears: Ears
    understands: Understands
    make_speech: Callable[[], SpeechActivity] = SpeechActivity
    """Makes one call's judge of what is speech."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the callee was answering when they began to speak."""

    asked: Asked
    expected: tuple[str, ...] = field(repr=False)
    node: str = ""
    """Which node of the flow asked it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One utterance, as far as it was recognised and understood; empty when it was not."""

    asked: Asked
    node: str = ""
    duration_ms: int
    recognised: Recognised | None
    """None: no recogniser answered."""
    intents: tuple[Intent, ...] = ()
    slots: Slots = field(default_factory=Slots)
    took_ms: int = 0
    """From the end of the turn, as it was told, to here."""


class CallListener:
    """Takes a call's utterances one after the other; tells what each meant in the same order, each exactly once."""

    def __init__(
        self, hearing: Hearing, *, language: str, today: date, now_s: Callable[[], float], name: str
    ) -> None:
        self.language = language
        self._hearing = hearing
        self._today = today
        self._now_s = now_s
        self._name = name
        self._waiting: asyncio.Queue[tuple[UtteranceHeard, Question, float]] = asyncio.Queue(MOST_WAITING)
        self._task: asyncio.Task[None] | None = None
        self._tell: Callable[[Heard], None] | None = None

    def make_speech(self) -> SpeechActivity:
        """Return a new judge of what is speech."""
        return self._hearing.make_speech()

    def start(self, tell: Callable[[Heard], None]) -> None:
        """Begin; `tell` is called on the loop."""
        self._tell = tell
        self._task = asyncio.create_task(self._work(), name=f"listener:{self._name}")

    def take(self, utterance: UtteranceHeard, question: Question) -> None:
        """Have an utterance recognised; never blocks."""
        assert self._tell is not None
        try:
            self._waiting.put_nowait((utterance, question, self._now_s()))
        except asyncio.QueueFull:
            self._tell(
                Heard(
                    asked=question.asked,
                    node=question.node,
                    duration_ms=utterance.duration_ms,
                    recognised=None,
                )
            )

    async def close(self) -> None:
        """Forget what waits."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _work(self) -> None:
        assert self._tell is not None
        while True:
            utterance, question, told_s = await self._waiting.get()
            heard = await self._understand(utterance, question, told_s)
            self._tell(heard)

    async def _understand(self, utterance: UtteranceHeard, question: Question, told_s: float) -> Heard:
        recognised: Recognised | None = None
        intents: tuple[Intent, ...] = ()
        slots = Slots()
        try:
            recognised = await self._hearing.ears.transcribe(utterance.pcm, self.language, question.expected)
            if recognised.text:
                meaning = self._hearing.understands.understand(
                    recognised.text,
                    language=self.language,
                    asked=question.asked,
                    today=self._today,
                    after_node=question.node,
                )
                intents, slots = meaning.intents, meaning.slots
        except RecogniserError as error:
            log.warning("utterance_lost", line=self._name, reason=str(error))
        except Exception as error:
            # Only its kind: the error itself may quote what was said.
            log.error("understanding_failed", line=self._name, kind=type(error).__name__)
        return Heard(
            asked=question.asked,
            node=question.node,
            duration_ms=utterance.duration_ms,
            recognised=recognised,
            intents=intents,
            slots=slots,
            took_ms=round((self._now_s() - told_s) * 1000),
        )


def as_answer_to(asked: Asked, item: Heard, *, node: str = "") -> Utterance | None:
    """Return what the dialogue hears of an utterance, now that `node` asks for what `asked` says; None: nothing.

    A recogniser takes its time, and the question may be another one by now.
    """
    text = item.recognised.text if item.recognised is not None else ""
    if not text and item.duration_ms < COUGH_MS:
        return None
    if item.asked is asked and item.node == node:
        return Utterance(text=text, intents=item.intents, slots=item.slots)
    intents = tuple(intent for intent in item.intents if intent.name not in BOUND_TO_QUESTION)
    return Utterance(text=text, intents=intents, slots=replace(item.slots, is_yes=None))


def patience_for(asked: Asked) -> Patience:
    """Return how long a pause may be in the answer to such a question."""
    return _PATIENCE.get(asked, Patience.OPEN)
