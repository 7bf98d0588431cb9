"""One call's way from what was said to what it means: recogniser, then understanding, then back to the session.

Whatever fails on the way costs this one answer: the dialogue is told that nothing was understood, and asks again.
Who goes on after a pause, before anything was answered, is heard out: both parts are one utterance.
A pause that may end the turn has the recogniser begin at once (`early_hearing`): mostly the text is there when it does.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Protocol

import structlog

from audio.dsp.endpointer import PRE_ROLL_MS, TAIL_MS, Patience
from audio.dsp.speech_activity import SpeechActivity
from audio.errors import RecogniserError, RecogniserLateError
from audio.events import UtteranceHeard, UtterancePaused
from audio.listening.recogniser import Recognised
from firmware.calls.answer_words import AnswerEars
from firmware.calls.early_hearing import EarlyHearing, Ears
from firmware.dialogue.events import Intent, Utterance
from firmware.dialogue.slots import Asked, Slots

log = structlog.get_logger()

MOST_WAITING = 4
"""Utterances of one call that wait for their text; whoever talks on and on is not answered word for word."""

GOES_ON_MS = 2000
"""From the end of one utterance to the beginning of the next: so long they may be one."""
MOST_JOINED_MS = 15_000
"""As long as the sound cuts an utterance: who talks on and on is understood in pieces."""
_BYTES_PER_MS = 16

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
    aside: AnswerEars | None = None
    """Writes down what is said after answering, when nobody is kept waiting by it; None where nothing does."""


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


@dataclass(slots=True, kw_only=True)
class _Taken:
    """An utterance on its way."""

    utterance: UtteranceHeard
    question: Question
    told_s: float
    early: "asyncio.Task[Recognised] | None" = None
    """Its recognition, when that was begun in the pause."""
    beginning: "_Taken | None" = None
    """What it goes on from, whose sound is part of this one's."""
    goes_on: bool = False
    """The callee has begun to speak again: what was understood so far is not told."""
    heard: Heard | None = None


class CallListener:
    """Takes a call's utterances one after the other; tells what each meant in the same order, each exactly once.

    What the callee goes on from (`speech_began` before it was told) is told with what follows, as one utterance.
    """

    def __init__(
        self, hearing: Hearing, *, language: str, today: date, now_s: Callable[[], float], name: str
    ) -> None:
        self.language = language
        self._hearing = hearing
        self._today = today
        self._now_s = now_s
        self._name = name
        self._waiting: asyncio.Queue[_Taken] = asyncio.Queue(MOST_WAITING)
        self._newest: _Taken | None = None
        """The newest utterance, until it is told."""
        self._early = EarlyHearing(hearing.ears)
        self._task: asyncio.Task[None] | None = None
        self._tell: Callable[[Heard], None] | None = None

    def make_speech(self) -> SpeechActivity:
        """Return a new judge of what is speech."""
        return self._hearing.make_speech()

    def start(self, tell: Callable[[Heard], None]) -> None:
        """Begin; `tell` is called on the loop."""
        self._tell = tell
        self._task = asyncio.create_task(self._work(), name=f"listener:{self._name}")

    def speech_began(self, at_ms: int) -> None:
        """Say that the callee began to speak at `at_ms`: an utterance that was not told yet may go on."""
        newest = self._newest
        if (
            newest is not None
            and 0 <= at_ms - newest.utterance.at_ms <= GOES_ON_MS
            and newest.utterance.duration_ms < MOST_JOINED_MS
        ):
            newest.goes_on = True

    def paused(self, so_far: UtterancePaused, question: Question) -> None:
        """Have what was said so far recognised, if nobody waits for that: the turn may be over."""
        if self._newest is None:
            self._early.begin(so_far, self.language, question.expected)

    def take(self, utterance: UtteranceHeard, question: Question) -> None:
        """Have an utterance recognised; never blocks."""
        taken = _Taken(utterance=utterance, question=question, told_s=self._now_s())
        taken.early = self._early.taken(utterance)
        beginning = self._newest if self._newest is not None and self._newest.goes_on else None
        if beginning is not None:
            whole = _as_one(beginning.utterance, utterance)
            if whole.duration_ms <= MOST_JOINED_MS:
                taken.utterance, taken.question, taken.beginning = whole, beginning.question, beginning
            else:
                beginning.goes_on = False
                if beginning.heard is not None:
                    self._told(beginning, beginning.heard)
        self._newest = taken
        try:
            self._waiting.put_nowait(taken)
        except asyncio.QueueFull:
            question = taken.question
            self._told(
                taken,
                Heard(
                    asked=question.asked,
                    node=question.node,
                    duration_ms=taken.utterance.duration_ms,
                    recognised=None,
                ),
            )

    async def close(self) -> None:
        """Forget what waits."""
        self._early.forget()
        while not self._waiting.empty():
            if (early := self._waiting.get_nowait().early) is not None:
                early.cancel()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _work(self) -> None:
        while True:
            taken = await self._waiting.get()
            heard = await self._understand(taken)
            before = taken.beginning.heard if taken.beginning is not None else None
            if not _has_text(heard) and before is not None and _has_text(before):
                # A grammar of short answers knows the yes and not what was added to it.
                heard = replace(before, duration_ms=heard.duration_ms, took_ms=heard.took_ms)
            taken.heard, taken.beginning = heard, None
            if not taken.goes_on:
                self._told(taken, heard)

    def _told(self, taken: _Taken, heard: Heard) -> None:
        assert self._tell is not None
        if self._newest is taken:
            self._newest = None
        self._tell(heard)

    async def _recognise(self, taken: _Taken) -> Recognised:
        """Return what was said. Raises RecogniserError."""
        if taken.early is not None:
            try:
                return await taken.early
            except RecogniserLateError:
                raise
            except RecogniserError as error:
                # What failed on the guess may not fail on the whole.
                log.info("early_recognition_lost", line=self._name, reason=str(error))
        return await self._hearing.ears.transcribe(
            taken.utterance.pcm, self.language, taken.question.expected
        )

    async def _understand(self, taken: _Taken) -> Heard:
        utterance, question = taken.utterance, taken.question
        recognised: Recognised | None = None
        intents: tuple[Intent, ...] = ()
        slots = Slots()
        try:
            recognised = await self._recognise(taken)
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
            took_ms=round((self._now_s() - taken.told_s) * 1000),
        )


def _has_text(heard: Heard) -> bool:
    return heard.recognised is not None and bool(heard.recognised.text)


def _as_one(first: UtteranceHeard, second: UtteranceHeard) -> UtteranceHeard:
    """Return two utterances as one: both keep a margin around their words, and what lies between these was quiet."""
    begin_ms = first.at_ms - first.duration_ms
    gap_ms = second.at_ms - second.duration_ms - first.at_ms - TAIL_MS - PRE_ROLL_MS
    return UtteranceHeard(
        at_ms=second.at_ms,
        duration_ms=second.at_ms - begin_ms,
        pcm=first.pcm + bytes(max(0, gap_ms) * _BYTES_PER_MS) + second.pcm,
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
