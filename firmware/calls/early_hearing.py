"""Recognise what was said so far while the pause that ends the turn still lasts; thrown away when the callee goes on.

The pause after a short answer is 300 ms, and most of a recogniser's time fits into it. A guess is made only when a
recogniser has nothing else to do, one at a time for a call.
"""

import asyncio
from typing import Protocol

from audio.events import UtteranceHeard, UtterancePaused
from audio.listening.recogniser import Recognised


class Ears(Protocol):
    """Recognises speech for all calls."""

    @property
    def is_idle(self) -> bool:
        """Say whether a recogniser has nothing to do."""
        ...

    def hears(self, language: str) -> bool:
        """Say whether utterances in this language can be recognised now."""
        ...

    async def transcribe(self, pcm: bytes, language: str, expected: tuple[str, ...] = ()) -> Recognised:
        """Return what was said, within a deadline of its own. Raises RecogniserError."""
        ...


class EarlyHearing:
    """One call's recognition that was begun before the turn ended."""

    def __init__(self, ears: Ears) -> None:
        self._ears = ears
        self._so_far: UtterancePaused | None = None
        self._task: asyncio.Task[Recognised] | None = None

    def begin(self, so_far: UtterancePaused, language: str, expected: tuple[str, ...]) -> None:
        """Have `so_far` recognised, unless all recognisers are busy."""
        self.forget()
        if not self._ears.is_idle:
            return
        self._so_far = so_far
        self._task = asyncio.create_task(
            self._ears.transcribe(so_far.pcm, language, expected), name="early-hearing"
        )
        self._task.add_done_callback(_look_away)

    def taken(self, whole: UtteranceHeard) -> "asyncio.Task[Recognised] | None":
        """Return the recognition of `whole` if it is under way, and forget it; the callee may have gone on since."""
        so_far, task = self._so_far, self._task
        self._so_far = self._task = None
        if task is None or so_far is None:
            return None
        if (so_far.at_ms, so_far.duration_ms) == (whole.at_ms, whole.duration_ms):
            return task
        task.cancel()
        return None

    def forget(self) -> None:
        """Throw away what is under way."""
        if self._task is not None:
            self._task.cancel()
        self._so_far = self._task = None


def _look_away(task: "asyncio.Task[Recognised]") -> None:
    """Have an error that nobody waits for any more not told as one that was forgotten."""
    if not task.cancelled():
        task.exception()
