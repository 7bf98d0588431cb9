"""Carry a call's sound over a modem's PCM tty: one thread owns the device and the frame loop.

The modem's own frames clock the loop; when none come for a ptime it goes on with silence in. Nothing here waits with
a lock held, and the thread ends by itself when the device dies, telling PortDied.
"""

import os
import select
import time
from collections.abc import Callable
from pathlib import Path

from audio.errors import PortStateError
from audio.events import AudioEvent
from audio.frame import NARROWBAND, AudioFormat, frame_from_bytes, frame_to_bytes
from audio.orders import AudioOrder
from audio.ports.call_thread import CallThread
from audio.ports.pacing import FrameClock
from audio.ports.port import ClockSource, FrameHandler, PortClock, PortStatistics
from audio.ports.tty import open_tty

READ_BYTES = 8192
MAX_UNSENT_FRAMES = 5
"""100 ms beyond what one write takes; older sound is of no use to the callee."""


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
        self.clock = PortClock(source=ClockSource.DEVICE, name=path)
        self._path = path
        self._block_bytes = block_bytes
        self._thread = CallThread(path)
        self._fd = -1
        self._is_paused: Callable[[], bool] = lambda: False
        self._dropped_in = self._dropped_out = 0
        self._late_frames, self._max_late_s = 0, 0.0

    def start(self, call_audio: FrameHandler, on_events: Callable[[list[AudioEvent]], None]) -> None:
        """Open the device and start the frame loop. Raises PortOpenError."""
        if self._thread.is_started:
            raise PortStateError("a port carries one call: make another port")
        self._fd = open_tty(self._path)
        self._thread.start(
            call_audio,
            on_events,
            move_frames=self._move_frames,
            release=self._release,
            name=f"audio-{Path(self._path).name}",
        )

    def obey(self, is_paused: Callable[[], bool]) -> None:
        """Write nothing while `is_paused` (EC2x: +QPCMV: 0,0): what is older than 100 ms by then is never said."""
        self._is_paused = is_paused

    def order(self, order: AudioOrder) -> None:
        """Queue `order` for the next frame. Raises OrderQueueFullError."""
        self._thread.order(order)

    async def stop(self) -> PortStatistics:
        """End the frame loop, deliver its last events and release the device."""
        await self._thread.stop()
        return PortStatistics(
            frames=self._thread.frames,
            late_frames=self._late_frames,
            max_late_ms=self._max_late_s * 1000,
            dropped_in=self._dropped_in,
            overruns=self._thread.overruns + self._dropped_out,
            died=self._thread.died,
        )

    # What follows runs on the port's own thread.

    def _release(self) -> None:
        os.close(self._fd)

    def _move_frames(self) -> None:
        fd, thread = self._fd, self._thread
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        poll.register(thread.wake_fd, select.POLLIN)
        n_bytes = self.format.n_bytes
        silent_frame = bytes(n_bytes)
        heard, unsent = bytearray(), _Unsent(self._block_bytes, n_bytes)
        clock = FrameClock(self.format.ptime_s, time.monotonic())
        while not thread.is_stopping:
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
                frame_out = thread.process(frame_from_bytes(frame_in))
                self._dropped_out += unsent.add(frame_to_bytes(frame_out))
            if not self._is_paused():
                unsent.write_to(fd)


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
