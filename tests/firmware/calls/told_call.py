"""A call in which nothing happens but what its sound tells."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from audio import AudioEvent, CallAudio
from audio.frame import NARROWBAND
from audio.ports.port import PortStatistics
from firmware.calls.outcome import CallLog
from firmware.calls.session import CallSession
from firmware.lines.line import Active, CallEvent, Ended, EndKind
from firmware.values import E164


class ToldPort:
    format = NARROWBAND

    def __init__(self, told: list[AudioEvent]) -> None:
        self._told = told
        self.is_told = asyncio.Event()

    def start(self, call_audio: CallAudio, on_events: Callable[[list[AudioEvent]], None]) -> None:
        on_events(self._told)
        self.is_told.set()

    def order(self, order: object) -> None:
        """Take any order."""

    async def stop(self) -> PortStatistics:
        return PortStatistics(frames=1, late_frames=0, max_late_ms=0.0, dropped_in=0, overruns=0)


class ToldCall:
    def __init__(self, told: list[AudioEvent]) -> None:
        self.audio = ToldPort(told)
        self.hung_up = False

    async def events(self) -> AsyncIterator[CallEvent]:
        yield Active(at_s=1.0)
        await self.audio.is_told.wait()
        yield Ended(at_s=2.0, kind=EndKind.RELEASED_BY_CALLEE)

    async def hang_up(self) -> None:
        self.hung_up = True


class ToldLine:
    line_id = "line-1"

    def __init__(self, told: list[AudioEvent]) -> None:
        self.call = ToldCall(told)

    async def dial(self, number: E164, *, ring_timeout_s: float) -> ToldCall:
        return self.call


class SilentDialogue:
    """A dialogue that says nothing."""

    next_deadline_s = None
    keys_are_private = False

    def start(self, now_s: float) -> list[Any]:
        return []

    def on(self, event: object, now_s: float) -> list[Any]:
        return []


def call_with(told: list[AudioEvent]) -> tuple[CallLog, bool, list[tuple[str, dict[str, Any]]]]:
    """Return the log, whether we hung up, and the noted events."""

    async def run() -> tuple[CallLog, bool, list[tuple[str, dict[str, Any]]]]:
        nothing: Any = None
        there = ToldLine(told)
        line: Any = there
        listening: Any = SilentDialogue()
        session = CallSession(
            line=line,
            number=E164("+8613800138000"),
            dialogue=listening,
            clip=nothing,
            recorder=nothing,
            may_mention_debt=nothing,
            suppress=nothing,
            on_stage=lambda *stage: None,
            ring_timeout_s=10.0,
            max_call_s=60.0,
            now_s=lambda: 1.0,
        )
        log = await session.run()
        return log, there.call.hung_up, [(event.kind, event.detail) for event in session.events]

    return asyncio.run(run())
