"""Run one call's frame loop in a thread of its own: orders in, batches of events out on the asyncio loop.

Nothing here waits with a lock held: orders and events pass through deques, one side appends and the other takes.
"""

import asyncio
import os
import select
import threading
from collections import deque
from collections.abc import Callable

import structlog

from audio.errors import OrderQueueFullError, PortStateError
from audio.events import AudioEvent, PortDied
from audio.frame import Frame
from audio.orders import AudioOrder
from audio.ports.port import MAX_WAITING_ORDERS, FrameHandler

log = structlog.get_logger()

MAX_WAITING_EVENTS = 1024
STOP_TIMEOUT_S = 2.0


class CallThread:
    """The thread of one port; `where` names the device in errors and logs."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.is_stopping = False
        self.wake_fd = -1
        """Readable when the loop is to end: to be waited for beside the device."""
        self.died: str | None = None
        self.frames = self.overruns = 0
        self.orders: deque[AudioOrder] = deque()
        self._events: deque[list[AudioEvent]] = deque()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._handler: FrameHandler | None = None
        self._on_events: Callable[[list[AudioEvent]], None] | None = None
        self._ended: asyncio.Future[None] | None = None
        self._wake_write = -1
        self._is_told = False

    @property
    def is_started(self) -> bool:
        """A thread carries one call, started once."""
        return self._thread is not None

    def start(
        self,
        handler: FrameHandler,
        on_events: Callable[[list[AudioEvent]], None],
        *,
        move_frames: Callable[[], None],
        release: Callable[[], None],
        name: str,
    ) -> None:
        """Run `move_frames` until it returns or raises OSError, then `release` the device and tell the last events."""
        self._loop = asyncio.get_running_loop()
        self.wake_fd, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._handler, self._on_events = handler, on_events
        self._ended = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, args=(move_frames, release), name=name, daemon=True)
        self._thread.start()

    def order(self, order: AudioOrder) -> None:
        """Queue `order` for the next frame. Raises OrderQueueFullError."""
        if self._thread is None:
            raise PortStateError("start the port before giving it orders")
        if self.died is not None or self.is_stopping:
            return  # PortDied is on its way; nobody will hear this
        if len(self.orders) >= MAX_WAITING_ORDERS:
            raise OrderQueueFullError(f"{self.where}: {MAX_WAITING_ORDERS} orders wait for the next frame")
        self.orders.append(order)

    async def stop(self) -> None:
        """End the frame loop and deliver its last events; idempotent, with a deadline."""
        if self._thread is None or self._ended is None:
            return
        self.is_stopping = True
        if self._wake_write >= 0:
            os.write(self._wake_write, b"x")
        await asyncio.wait([self._ended], timeout=STOP_TIMEOUT_S)
        if self._ended.done():
            self._close_wake()
        elif self.died is None:
            self.died = f"the frame loop did not end within {STOP_TIMEOUT_S:.0f} s"

    def give_up(self, reason: str) -> None:
        """Tell from the loop that the device is lost though the thread still hangs in it; the call ends with that."""
        if self.died is not None or self.is_stopping:
            return
        assert self._handler is not None
        self.died, self.is_stopping = reason, True
        self._is_told = True
        self._tell([PortDied(at_ms=self._handler.now_ms, reason=reason)])

    def _close_wake(self) -> None:
        for fd in (self.wake_fd, self._wake_write):
            if fd >= 0:
                os.close(fd)
        self.wake_fd = self._wake_write = -1

    # What follows runs on the thread itself, but for the two methods that say otherwise.

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

    def rest(self, seconds: float) -> None:
        """Wait so long, or until the loop is to end."""
        select.select([self.wake_fd], [], [], max(0.0, seconds))

    def _run(self, move_frames: Callable[[], None], release: Callable[[], None]) -> None:
        assert self._handler is not None
        try:
            move_frames()
        except OSError as error:
            self.died = f"{self.where}: {error.strerror or error}"
        except Exception:
            # Nobody joins this thread: a mistake in the frame loop has to end the call, not leave it mute.
            log.exception("frame_loop_failed", path=self.where)
            self.died = f"{self.where}: the frame loop failed"
        finally:
            release()
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
        if not self._ended.done():
            self._ended.set_result(None)
