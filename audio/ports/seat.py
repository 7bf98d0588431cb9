"""One call at a frame loop: orders in, batches of events out on the asyncio loop, whichever thread moves the frames.

Nothing here waits with a lock held: orders and events pass through deques, one side appends and the other takes.
"""

import asyncio
from collections import deque
from collections.abc import Callable

import structlog

from audio.errors import OrderQueueFullError, PortStateError
from audio.events import AudioEvent, PortDied
from audio.frame import AudioFormat, Frame
from audio.orders import AudioOrder
from audio.ports.pacing import FrameClock, Turn
from audio.ports.port import MAX_WAITING_ORDERS, FrameHandler, PortStatistics

log = structlog.get_logger()

MAX_WAITING_EVENTS = 1024
STOP_TIMEOUT_S = 2.0


class CallSeat:
    """What a port and a frame loop share of one call; `where` names the device in errors and logs."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.is_stopping = False
        self.died: str | None = None
        self.frames = self.overruns = 0
        self.orders: deque[AudioOrder] = deque()
        self._events: deque[list[AudioEvent]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._handler: FrameHandler | None = None
        self._on_events: Callable[[list[AudioEvent]], None] | None = None
        self._wake: Callable[[], None] | None = None
        self._on_ended: Callable[[], None] | None = None
        self._ended: asyncio.Future[None] | None = None
        self._is_told = False

    @property
    def is_taken(self) -> bool:
        """A seat carries one call, begun once."""
        return self._ended is not None

    def begin(
        self,
        handler: FrameHandler,
        on_events: Callable[[list[AudioEvent]], None],
        *,
        wake: Callable[[], None],
        on_ended: Callable[[], None],
    ) -> None:
        """Take the seat on the running loop; `wake` gets the frame loop's attention, `on_ended` is told its end."""
        self._loop = asyncio.get_running_loop()
        self._handler, self._on_events = handler, on_events
        self._wake, self._on_ended = wake, on_ended
        self._ended = self._loop.create_future()

    def order(self, order: AudioOrder) -> None:
        """Queue `order` for the next frame. Raises OrderQueueFullError."""
        if not self.is_taken:
            raise PortStateError("start the port before giving it orders")
        if self.died is not None or self.is_stopping:
            return  # PortDied is on its way; nobody will hear this
        if len(self.orders) >= MAX_WAITING_ORDERS:
            raise OrderQueueFullError(f"{self.where}: {MAX_WAITING_ORDERS} orders wait for the next frame")
        self.orders.append(order)

    async def stop(self) -> None:
        """End the frame loop and deliver its last events; idempotent, with a deadline."""
        if self._ended is None:
            return
        self.is_stopping = True
        if not self._ended.done():
            assert self._wake is not None
            self._wake()
        await asyncio.wait([self._ended], timeout=STOP_TIMEOUT_S)
        if not self._ended.done() and self.died is None:
            self.died = f"the frame loop did not end within {STOP_TIMEOUT_S:.0f} s"

    def give_up(self, reason: str) -> None:
        """Tell from the loop that the device is lost though the thread still hangs in it; the call ends with that."""
        if self.died is not None or self.is_stopping:
            return
        assert self._handler is not None
        self.died, self.is_stopping = reason, True
        self._is_told = True
        self._tell([PortDied(at_ms=self._handler.now_ms, reason=reason)])

    # What follows runs on the thread that moves the frames, but for the two methods that say otherwise.

    def process(self, frame_in: Frame) -> Frame:
        """Move one frame: apply the orders that wait, tell what happened, return what to say."""
        handler = self._handler
        assert handler is not None
        while self.orders:
            handler.order(self.orders.popleft())
        frame_out, events = handler.process(frame_in)
        self.frames += 1
        if events:
            self._tell(events)
        return frame_out

    def run(self, step: Callable[[], None]) -> bool:
        """Do one step of the frame loop; say whether the call goes on after it."""
        try:
            step()
        except OSError as error:
            self.died = f"{self.where}: {error.strerror or error}"
        except Exception:
            # Nobody joins this thread: a mistake in the frame loop has to end the call, not leave it mute.
            log.exception("frame_loop_failed", path=self.where)
            self.died = f"{self.where}: the frame loop failed"
        else:
            return not self.is_stopping
        return False

    def end(self, release: Callable[[], None]) -> None:
        """Let the device go and tell the last events."""
        assert self._handler is not None
        try:
            release()
        finally:
            events = self._handler.finish()
            if self.died is not None and not self._is_told:
                events.append(PortDied(at_ms=self._handler.now_ms, reason=self.died))
            self._tell(events)
            self._call_soon(self._mark_ended)

    def _tell(self, events: list[AudioEvent]) -> None:
        if not events:
            return
        if len(self._events) >= MAX_WAITING_EVENTS:
            self.overruns += 1
            return
        self._events.append(events)
        self._call_soon(self._deliver)

    def _call_soon(self, callback: Callable[[], None]) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(callback)
        except RuntimeError:
            self.is_stopping = True  # the loop is closed: the program is going down

    def _deliver(self) -> None:
        """Runs on the loop."""
        assert self._on_events is not None
        self._on_events(self._events.popleft())

    def _mark_ended(self) -> None:
        """Runs on the loop."""
        assert self._ended is not None
        assert self._on_ended is not None
        if not self._ended.done():
            self._ended.set_result(None)
            self._on_ended()


class SeatPace:
    """Which frames one call moves now, and how well they kept time: alike for every device with a clock of its own."""

    def __init__(self, seat: CallSeat, audio_format: AudioFormat) -> None:
        self._seat = seat
        self._ptime_s = audio_format.ptime_s
        self._clock: FrameClock | None = None
        self._dropped_in = 0
        self.dropped_out = 0
        """Output frames that nobody took."""

    @property
    def wake_s(self) -> float:
        """When to look again if nothing comes before; 0 before the first turn."""
        return self._clock.wake_s if self._clock is not None else 0.0

    def turn(self, now_s: float, n_waiting: int) -> Turn:
        """Return what to do with `n_waiting` whole frames of input; the first turn starts the clock."""
        if self._clock is None:
            self._clock = FrameClock(self._ptime_s, now_s)
        turn = self._clock.turn(now_s, n_waiting)
        self._dropped_in += turn.n_drop
        return turn

    async def stop(self) -> PortStatistics:
        """End the seat's frame loop and say how it went."""
        await self._seat.stop()
        clock, seat = self._clock, self._seat
        return PortStatistics(
            frames=seat.frames,
            late_frames=clock.late_frames if clock else 0,
            max_late_ms=clock.max_late_s * 1000 if clock else 0.0,
            dropped_in=self._dropped_in,
            overruns=seat.overruns + self.dropped_out,
            died=seat.died,
        )
