"""Carry a call's sound over a modem's PCM tty, on the thread that moves the frames of all such calls.

The modem's own frames clock the call; when none come for a ptime it goes on with silence in. Nothing here waits for
the device, and the call ends by itself when the device dies, telling PortDied.
"""

import os
import time
from collections.abc import Callable

from audio.errors import PortStateError
from audio.events import AudioEvent
from audio.frame import NARROWBAND, AudioFormat, frame_from_bytes, frame_to_bytes
from audio.orders import AudioOrder
from audio.ports.frame_thread import FrameThread
from audio.ports.port import ClockSource, FrameHandler, PortClock, PortStatistics
from audio.ports.seat import CallSeat, SeatPace
from audio.ports.tty import open_tty

READ_BYTES = 8192
MAX_UNSENT_FRAMES = 5
"""100 ms beyond what one write takes; older sound is of no use to the callee."""


class SerialPcmPort:
    """One call's sound on one tty: 8 kHz 16-bit mono little endian in both directions.

    `block_bytes` is how much the modem wants in one write (EC2x: 1600). `frames` moves the frames of several ports;
    without it the port has a thread to itself.
    """

    def __init__(
        self,
        path: str,
        *,
        block_bytes: int = 320,
        format: AudioFormat = NARROWBAND,
        frames: FrameThread | None = None,
    ) -> None:
        if block_bytes <= 0 or block_bytes % format.n_bytes:
            raise ValueError(
                f"a block is a whole number of frames of {format.n_bytes} bytes, not {block_bytes} bytes"
            )
        self.format = format
        self.clock = PortClock(source=ClockSource.DEVICE, name=path)
        self._path = path
        self._frames = frames or FrameThread()
        self._seat = CallSeat(path)
        self._pace = SeatPace(self._seat, format)
        self._fd = -1
        self._is_paused: Callable[[], bool] = lambda: False
        self._silent_frame = bytes(format.n_bytes)
        self._heard = bytearray()
        self._unsent = _Unsent(block_bytes, format.n_bytes)

    def start(self, call_audio: FrameHandler, on_events: Callable[[list[AudioEvent]], None]) -> None:
        """Open the device and have its frames moved. Raises PortOpenError."""
        if self._seat.is_taken:
            raise PortStateError("a port carries one call: make another port")
        self._fd = open_tty(self._path)
        self._frames.start(self._seat, self, call_audio, on_events)

    def obey(self, is_paused: Callable[[], bool]) -> None:
        """Write nothing while `is_paused` (EC2x: +QPCMV: 0,0): what is older than 100 ms by then is never said."""
        self._is_paused = is_paused

    def order(self, order: AudioOrder) -> None:
        """Queue `order` for the next frame. Raises OrderQueueFullError."""
        self._seat.order(order)

    async def stop(self) -> PortStatistics:
        """End the frame loop, deliver its last events and release the device."""
        return await self._pace.stop()

    # What follows runs on the frame thread: `audio.ports.frame_thread.FrameMover`.

    @property
    def fd(self) -> int:
        """The device."""
        return self._fd

    @property
    def wake_s(self) -> float:
        """When silence has to stand in for what did not come."""
        return self._pace.wake_s

    def move(self, *, is_ready: bool) -> None:
        """Take what the device has, say as many frames, and write what it takes without waiting."""
        heard, n_bytes = self._heard, self.format.n_bytes
        if is_ready:
            heard += _read(self._fd)
        turn = self._pace.turn(time.monotonic(), len(heard) // n_bytes)
        begin = turn.n_drop * n_bytes
        end = begin + turn.n_heard * n_bytes
        frames_in = [bytes(heard[at : at + n_bytes]) for at in range(begin, end, n_bytes)]
        del heard[:end]
        for frame_in in frames_in or [self._silent_frame] * turn.n_silent:
            frame_out = self._seat.process(frame_from_bytes(frame_in))
            self._pace.dropped_out += self._unsent.add(frame_to_bytes(frame_out))
        if not self._is_paused():
            self._unsent.write_to(self._fd)

    def release(self) -> None:
        """Close the device: blocks until it has sent what it took."""
        os.close(self._fd)


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
