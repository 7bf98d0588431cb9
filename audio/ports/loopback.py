"""A port whose far end is a function in the same loop: a simulated modem, in virtual or in real time."""

import asyncio
from collections.abc import Callable

from audio.errors import OrderQueueFullError, PortStateError
from audio.events import AudioEvent
from audio.frame import NARROWBAND, AudioFormat, frame_from_bytes, frame_to_bytes
from audio.orders import AudioOrder
from audio.ports.port import MAX_WAITING_ORDERS, ClockSource, FrameHandler, PortClock, PortStatistics

MAX_BEHIND_FRAMES = 5
"""Further behind than this the loop was stuck: the frames missed are given up, not caught up."""


class LoopbackPort:
    """Exchanges one frame with `exchange` every ptime of the running loop's own time.

    `exchange` is given the box's last frame as bytes (empty at first) and returns the far end's, or b"" for silence.
    """

    def __init__(self, exchange: Callable[[bytes], bytes], *, format: AudioFormat = NARROWBAND) -> None:
        self.format = format
        self.clock = PortClock(source=ClockSource.LOOP, name="asyncio")
        self._ptime_s = format.ptime_s
        self._exchange = exchange
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._call_audio: FrameHandler | None = None
        self._on_events: Callable[[list[AudioEvent]], None] | None = None
        self._silence = bytes(format.n_bytes)
        self._said = b""
        self._due_s = 0.0
        self._frames = self._late_frames = self._dropped_in = 0
        self._max_late_s = 0.0

    def start(self, call_audio: FrameHandler, on_events: Callable[[list[AudioEvent]], None]) -> None:
        """Exchange the first frame one ptime from now, on the running loop."""
        if self._loop is not None:
            raise PortStateError("a port carries one call: make another port")
        self._loop = asyncio.get_running_loop()
        self._call_audio, self._on_events = call_audio, on_events
        self._due_s = self._loop.time() + self._ptime_s
        self._timer = self._loop.call_at(self._due_s, self._tick)

    def order(self, order: AudioOrder) -> None:
        """Have `order` applied at the next frame."""
        if self._call_audio is None:
            raise PortStateError("start the port before giving it orders")
        if self._call_audio.n_waiting_orders >= MAX_WAITING_ORDERS:
            raise OrderQueueFullError(f"{MAX_WAITING_ORDERS} orders wait for the next frame")
        self._call_audio.order(order)

    async def stop(self) -> PortStatistics:
        """Exchange no more frames, tell the last events and return."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            assert self._call_audio is not None
            self._tell(self._call_audio.finish())
        return PortStatistics(
            frames=self._frames,
            late_frames=self._late_frames,
            max_late_ms=self._max_late_s * 1000,
            dropped_in=self._dropped_in,
            overruns=0,
        )

    def _tick(self) -> None:
        assert self._loop is not None
        assert self._call_audio is not None
        ptime_s = self._ptime_s
        late_s = self._loop.time() - self._due_s
        self._max_late_s = max(self._max_late_s, late_s)
        if late_s > ptime_s:
            self._late_frames += 1
        if late_s > MAX_BEHIND_FRAMES * ptime_s:
            n_missed = int(late_s / ptime_s)
            self._dropped_in += n_missed
            self._due_s += n_missed * ptime_s
        # The next tick is due whatever happens in this one, and on a schedule that does not drift.
        self._due_s += ptime_s
        self._timer = self._loop.call_at(self._due_s, self._tick)
        data = self._exchange(self._said)
        heard = data if len(data) == self.format.n_bytes else self._silence
        frame, events = self._call_audio.process(frame_from_bytes(heard))
        self._said = frame_to_bytes(frame)
        self._frames += 1
        self._tell(events)

    def _tell(self, events: list[AudioEvent]) -> None:
        assert self._on_events is not None
        if events:
            self._on_events(events)
