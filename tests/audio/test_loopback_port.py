"""The loopback port exchanges frames on the loop's own time, virtual or real."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np
import pytest

from audio import AudioEvent, CallAudio, DigitHeard, Play, PlayFinished, SendDigits
from audio.dsp.dtmf_detector import DtmfDetector
from audio.dsp.dtmf_generator import digits_clip
from audio.errors import OrderQueueFullError, PortStateError
from audio.frame import silence
from audio.orders import StopPlaying
from audio.ports.loopback import LoopbackPort
from audio.ports.port import MAX_WAITING_ORDERS, AudioPort

RunVirtual = Callable[[Coroutine[Any, Any, None]], None]


def test_three_minutes_of_virtual_time_keep_their_schedule(run_virtual: RunVirtual) -> None:
    async def call() -> None:
        loop = asyncio.get_running_loop()
        times: list[float] = []

        def exchange(said: bytes) -> bytes:
            times.append(loop.time())
            return b""

        port: AudioPort = LoopbackPort(exchange)
        began = loop.time()
        port.start(CallAudio(), lambda events: None)
        await asyncio.sleep(180)
        statistics = await port.stop()
        assert statistics.frames == pytest.approx(9000, abs=1)
        assert statistics.late_frames == statistics.dropped_in == 0
        assert max(abs(at - began - 0.02 * (n + 1)) for n, at in enumerate(times)) < 1e-6

    run_virtual(call())


def test_both_ends_hear_each_other(run_virtual: RunVirtual) -> None:
    async def call() -> None:
        pressed = digits_clip("42").astype("<i2").tobytes()
        heard_by_far_end = bytearray()

        def exchange(said: bytes) -> bytes:
            nonlocal pressed
            heard_by_far_end.extend(said)
            data, pressed = pressed[:320], pressed[320:]
            return data

        events: list[AudioEvent] = []
        port = LoopbackPort(exchange)
        port.start(CallAudio(), events.extend)
        port.order(SendDigits(digits="7#"))
        await asyncio.sleep(1)
        await port.stop()
        assert [event.digit for event in events if isinstance(event, DigitHeard)] == ["4", "2"]
        sound = np.frombuffer(bytes(heard_by_far_end), dtype="<i2")
        assert [digit.digit for digit in DtmfDetector().feed(sound)] == ["7", "#"]

    run_virtual(call())


def test_stopping_tells_what_was_open_and_ends_the_exchange(run_virtual: RunVirtual) -> None:
    async def call() -> None:
        n_exchanges = 0

        def exchange(said: bytes) -> bytes:
            nonlocal n_exchanges
            n_exchanges += 1
            return bytes(320)

        events: list[AudioEvent] = []
        port = LoopbackPort(exchange)
        port.start(CallAudio(), events.extend)
        port.order(Play(play_id=5, clips=(silence(80_000),)))
        await asyncio.sleep(0.5)
        statistics = await port.stop()
        assert isinstance(events[-1], PlayFinished)
        assert events[-1].interrupted
        await asyncio.sleep(5)
        assert n_exchanges == statistics.frames
        assert await port.stop() == statistics
        assert len([event for event in events if isinstance(event, PlayFinished)]) == 1

    run_virtual(call())


def test_a_loop_that_was_stuck_gives_frames_up_instead_of_rushing(run_virtual: RunVirtual) -> None:
    async def call() -> None:
        loop = asyncio.get_running_loop()
        port = LoopbackPort(lambda said: b"")
        port.start(CallAudio(), lambda events: None)
        await asyncio.sleep(1)
        loop._jumping.now_s += 3.0  # type: ignore[attr-defined]
        await asyncio.sleep(1)
        statistics = await port.stop()
        assert statistics.frames == pytest.approx(100, abs=3)
        assert statistics.dropped_in == pytest.approx(150, abs=3)
        assert statistics.max_late_ms == pytest.approx(3000, abs=30)

    run_virtual(call())


def test_a_port_is_started_once_and_before_its_orders(run_virtual: RunVirtual) -> None:
    async def call() -> None:
        port = LoopbackPort(lambda said: b"")
        with pytest.raises(PortStateError):
            port.order(StopPlaying())
        port.start(CallAudio(), lambda events: None)
        with pytest.raises(PortStateError):
            port.start(CallAudio(), lambda events: None)
        for _ in range(MAX_WAITING_ORDERS):
            port.order(StopPlaying())
        with pytest.raises(OrderQueueFullError):
            port.order(StopPlaying())
        await port.stop()

    run_virtual(call())
