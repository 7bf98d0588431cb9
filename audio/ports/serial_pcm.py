"""Carry a call's sound over a modem's PCM tty: one thread owns the device and the frame loop.

The modem's own frames clock the loop; when none come for a ptime it goes on with silence in. Nothing here waits with
a lock held, and the thread ends by itself when the device dies, telling PortDied.
"""

import asyncio
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import structlog

from audio.call_audio import CallAudio
from audio.errors import OrderQueueFullError, PortStateError
from audio.events import AudioEvent, PortDied
from audio.frame import NARROWBAND, AudioFormat, frame_from_bytes, frame_to_bytes
from audio.orders import AudioOrder
from audio.ports.pacing import FrameClock
from audio.ports.port import MAX_WAITING_ORDERS, PortStatistics
from audio.ports.tty import open_tty

log = structlog.get_logger()

READ_BYTES = 8192
MAX_WAITING_EVENTS = 1024
MAX_UNSENT_FRAMES = 5
"""100 ms beyond what one write takes; older sound is of no use to the callee."""
STOP_TIMEOUT_S = 2.0


class SerialPcmPort:
    """One call's sound on one tty: 8 kHz 16-bit mono little endian in both directions.

    `block_bytes` is how much the modem wants in one write (EC2x: 1600).
    """

    def __init__(self, path: str, *, block_bytes: int = 320, format: AudioFormat = NARROWBAND) -> None:
        if block_bytes <= 0 or block_bytes % format.n_bytes:
            raise ValueError(
                f"a block is a whole number of frames of {format.n_bytes} bytes, not {block_bytes} bytes"
            )
        self.format = format
        self._path = path
        self._block_bytes = block_bytes
        self._orders: deque[AudioOrder] = deque()
        self._events: deque[list[AudioEvent]] = deque()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._on_events: Callable[[list[AudioEvent]], None] | None = None
        self._ended: asyncio.Future[None] | None = None
        self._is_stopping = False
        self._wake_read = self._wake_write = -1
        self._died: str | None = None
        self._frames = self._dropped_in = self._overruns = 0
        self._late_frames, self._max_late_s = 0, 0.0

    def start(self, call_audio: CallAudio, on_events: Callable[[list[AudioEvent]], None]) -> None:
        """Open the device and start the frame loop. Raises PortOpenError."""
        if self._thread is not None:
            raise PortStateError("a port carries one call: make another port")
        self._loop = asyncio.get_running_loop()
        fd = open_tty(self._path)
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._on_events = on_events
        self._ended = self._loop.create_future()
        name = f"audio-{Path(self._path).name}"
        self._thread = threading.Thread(target=self._run, args=(fd, call_audio), name=name, daemon=True)
        self._thread.start()

    def order(self, order: AudioOrder) -> None:
        """Queue `order` for the next frame. Raises OrderQueueFullError."""
        if self._thread is None:
            raise PortStateError("start the port before giving it orders")
        if self._died is not None or self._is_stopping:
            return  # PortDied is on its way; nobody will hear this
        if len(self._orders) >= MAX_WAITING_ORDERS:
            raise OrderQueueFullError(f"{self._path}: {MAX_WAITING_ORDERS} orders wait for the next frame")
        self._orders.append(order)

    async def stop(self) -> PortStatistics:
        """End the frame loop, deliver its last events and release the device."""
        if self._thread is not None and self._ended is not None:
            self._is_stopping = True
            if self._wake_write >= 0:
                os.write(self._wake_write, b"x")
            await asyncio.wait([self._ended], timeout=STOP_TIMEOUT_S)
            if self._ended.done():
                self._close_wake()
            elif self._died is None:
                self._died = f"the frame loop did not end within {STOP_TIMEOUT_S:.0f} s"
        return PortStatistics(
            frames=self._frames,
            late_frames=self._late_frames,
            max_late_ms=self._max_late_s * 1000,
            dropped_in=self._dropped_in,
            overruns=self._overruns,
            died=self._died,
        )

    def _close_wake(self) -> None:
        for fd in (self._wake_read, self._wake_write):
            if fd >= 0:
                os.close(fd)
        self._wake_read = self._wake_write = -1

    # What follows runs on the port's own thread, but for the two methods that say otherwise.

    def _run(self, fd: int, call_audio: CallAudio) -> None:
        try:
            self._move_frames(fd, call_audio)
        except OSError as error:
            self._died = f"{self._path}: {error.strerror or error}"
        except Exception:
            # Nobody joins this thread: a mistake in the frame loop has to end the call, not leave it mute.
            log.exception("frame_loop_failed", path=self._path)
            self._died = f"{self._path}: the frame loop failed"
        finally:
            os.close(fd)
            events = call_audio.finish()
            if self._died is not None:
                events.append(PortDied(at_ms=call_audio.now_ms, reason=self._died))
            self._tell(events)
            self._call_soon(self._mark_ended)

    def _move_frames(self, fd: int, call_audio: CallAudio) -> None:
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        poll.register(self._wake_read, select.POLLIN)
        n_bytes = self.format.n_bytes
        silent_frame = bytes(n_bytes)
        heard, unsent = bytearray(), _Unsent(self._block_bytes, n_bytes)
        clock = FrameClock(self.format.ptime_s, time.monotonic())
        while not self._is_stopping:
            ready = poll.poll(max(0.0, (clock.wake_s - time.monotonic()) * 1000))
            if any(ready_fd == fd for ready_fd, _ in ready):
                heard += _read(fd)
            turn = clock.turn(time.monotonic(), len(heard) // n_bytes)
            self._late_frames, self._max_late_s = clock.late_frames, clock.max_late_s
            self._dropped_in += turn.n_drop
            begin = turn.n_drop * n_bytes
            frames_in = [
                bytes(heard[i : i + n_bytes]) for i in range(begin, begin + turn.n_heard * n_bytes, n_bytes)
            ]
            del heard[: begin + turn.n_heard * n_bytes]
            for frame_in in frames_in or [silent_frame] * turn.n_silent:
                while self._orders:
                    call_audio.order(self._orders.popleft())
                frame_out, events = call_audio.process(frame_from_bytes(frame_in))
                self._frames += 1
                self._overruns += unsent.add(frame_to_bytes(frame_out))
                if events:
                    self._tell(events)
            unsent.write_to(fd)

    def _tell(self, events: list[AudioEvent]) -> None:
        if not events:
            return
        if len(self._events) >= MAX_WAITING_EVENTS:
            self._overruns += 1
            return
        self._events.append(events)
        self._call_soon(self._deliver)

    def _call_soon(self, callback: Callable[[], None]) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(callback)
        except RuntimeError:
            self._is_stopping = True  # the loop is closed: the program is going down

    def _deliver(self) -> None:
        """Runs on the loop."""
        assert self._on_events is not None
        self._on_events(self._events.popleft())

    def _mark_ended(self) -> None:
        """Runs on the loop."""
        assert self._ended is not None
        if not self._ended.done():
            self._ended.set_result(None)


class _Unsent:
    """What the device has not taken yet, bounded; whole frames are thrown away, never parts of one."""

    def __init__(self, block_bytes: int, frame_bytes: int) -> None:
        self._block_bytes = block_bytes
        self._frame_bytes = frame_bytes
        self._max_bytes = block_bytes + MAX_UNSENT_FRAMES * frame_bytes
        self._bytes = bytearray()
        self._n_owed = 0

    def add(self, frame: bytes) -> int:
        """Keep one frame more; return how many old ones had to go."""
        self._bytes += frame
        n_dropped = 0
        while len(self._bytes) > self._max_bytes:
            begun = (
                len(self._bytes) % self._frame_bytes
            )  # the rest of a frame that is half sent goes out first
            del self._bytes[begun : begun + self._frame_bytes]
            n_dropped += 1
        return n_dropped

    def write_to(self, fd: int) -> None:
        """Write as many whole blocks as the device takes without waiting, after the rest of one it took in part."""
        n_whole = max(0, len(self._bytes) - self._n_owed) // self._block_bytes * self._block_bytes
        n_bytes = min(self._n_owed, len(self._bytes)) + n_whole
        if not n_bytes:
            return
        try:
            n_written = os.write(fd, self._bytes[:n_bytes])
        except BlockingIOError:
            return
        del self._bytes[:n_written]
        self._n_owed = (self._n_owed - n_written) % self._block_bytes


def _read(fd: int) -> bytes:
    """Return what the device has. Raises OSError when it is gone."""
    try:
        data = os.read(fd, READ_BYTES)
    except BlockingIOError:
        return b""
    if not data:
        raise OSError("the device hung up")
    return data
