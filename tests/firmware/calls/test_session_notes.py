"""What a call's sound tells about the line ends up in the call's own record."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from audio import (
    AudioEvent,
    CallAudio,
    FaxHeard,
    LineFaultCleared,
    LineFaultRaised,
    ProgressHeard,
    SitHeard,
)
from audio.dsp.fax import FaxTone
from audio.dsp.line_watch import LineFault
from audio.dsp.progress_tones import ProgressTone
from audio.dsp.sit import SitCode
from audio.frame import NARROWBAND
from audio.ports.port import PortStatistics
from firmware.calls.session import CallSession
from firmware.lines.line import Active, CallEvent, Ended, EndKind
from firmware.values import E164

HEARD: dict[str, AudioEvent] = {
    "progress": ProgressHeard(
        at_ms=300, tone=ProgressTone.BUSY, countries=("CN", "RU"), others=(), frequency_hz=450.0
    ),
    "sit": SitHeard(at_ms=0, code=SitCode.VACANT),
    "fax": FaxHeard(at_ms=0, tone=FaxTone.ANSWERING),
    "line_fault": LineFaultRaised(at_ms=8000, fault=LineFault.DEAD_AIR),
    "line_fault_over": LineFaultCleared(at_ms=9000, fault=LineFault.DEAD_AIR),
}
NOTED = {
    "progress": {"tone": "busy", "countries": ["CN", "RU"]},
    "sit": {"code": "vacant"},
    "fax": {"tone": "answering"},
    "line_fault": {"fault": "dead_air"},
    "line_fault_over": {"fault": "dead_air"},
}


class _Port:
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


class _Call:
    def __init__(self, told: list[AudioEvent]) -> None:
        self.audio = _Port(told)

    async def events(self) -> AsyncIterator[CallEvent]:
        yield Active(at_s=1.0)
        await self.audio.is_told.wait()
        yield Ended(at_s=2.0, kind=EndKind.RELEASED_BY_CALLEE)

    async def hang_up(self) -> None:
        """Be released anyway."""


class _Line:
    line_id = "line-1"

    def __init__(self, told: list[AudioEvent]) -> None:
        self._told = told

    async def dial(self, number: E164, *, ring_timeout_s: float) -> _Call:
        return _Call(self._told)


class _Silent:
    """A dialogue that says nothing."""

    next_deadline_s = None

    def start(self, now_s: float) -> list[Any]:
        return []

    def on(self, event: object, now_s: float) -> list[Any]:
        return []


@pytest.mark.parametrize("kind", HEARD)
def test_a_note_is_made(kind: str) -> None:
    async def run() -> list[tuple[str, dict[str, Any]]]:
        nothing: Any = None
        line: Any = _Line([HEARD[kind]])
        dialogue: Any = _Silent()
        session = CallSession(
            line=line,
            number=E164("+8613800138000"),
            dialogue=dialogue,
            clip=nothing,
            recorder=nothing,
            may_mention_debt=nothing,
            suppress=nothing,
            on_stage=lambda _stage, _doing: None,
            ring_timeout_s=10.0,
            max_call_s=60.0,
            now_s=lambda: 1.0,
        )
        await session.run()
        return [(event.kind, event.detail) for event in session.events]

    assert (kind, NOTED[kind]) in asyncio.run(run())
