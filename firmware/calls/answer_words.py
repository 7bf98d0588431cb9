"""Has what a callee said after answering written down, so that the sound can tell better who answered.

It only ever corrects: the call never waits for it, and whatever fails or comes late costs the words and nothing else.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import structlog

from audio.errors import RecogniserError
from audio.events import AnswerSpeechHeard
from audio.listening.answer_ear import ANSWER_TAG, written
from audio.listening.recogniser import Recognised
from audio.orders import AnswerText

log = structlog.get_logger()

MOST_WAITING = 2
"""Pieces of one call: a later one holds more, so that one left out is no loss."""


class AnswerEars(Protocol):
    """Recognises speech for all calls."""

    async def transcribe_aside(self, pcm: bytes, language: str) -> Recognised:
        """Return what was said if that keeps nobody waiting. Raises RecogniserError."""
        ...


class AnswerWords:
    """One call's way from what was said after answering to the words of it."""

    def __init__(self, ears: AnswerEars, *, language: str, name: str) -> None:
        self._ears = ears
        self._language = language + ANSWER_TAG
        self._name = name
        self._waiting: asyncio.Queue[AnswerSpeechHeard] = asyncio.Queue(MOST_WAITING)
        self._task: asyncio.Task[None] | None = None

    def start(self, order: Callable[[AnswerText], None]) -> None:
        """Begin; `order` is called on the loop with the words of every piece."""
        self._task = asyncio.create_task(self._work(order), name=f"answer-words:{self._name}")

    def take(self, speech: AnswerSpeechHeard) -> None:
        """Have a piece written down; never blocks."""
        if self._waiting.full():
            self._waiting.get_nowait()
        self._waiting.put_nowait(speech)

    async def close(self) -> None:
        """Forget what waits."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _work(self, order: Callable[[AnswerText], None]) -> None:
        while True:
            speech = await self._waiting.get()
            try:
                found = await self._ears.transcribe_aside(speech.pcm, self._language)
            except RecogniserError as error:
                log.debug("answer_words_lost", line=self._name, reason=str(error))
                continue
            if found.text:
                order(AnswerText(part=speech.part, written=written(found)))
