"""One thread that moves the frames of many calls in turn: waking it costs more than a frame does.

Up to two calls are served as soon as their device has something. With more, all devices are looked at every 10 ms:
each frame waits 5 ms longer in the mean, and the code and tables that a frame needs are in the processor's caches for
all but the first. No device is ever waited for, and no lock is held or taken per frame; a device that fails ends its
own call only. Letting a device go may block (a tty with unsent sound, up to 30 s), so that has a short thread of its own.
"""

import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Protocol

from audio.events import AudioEvent
from audio.ports.port import FrameHandler
from audio.ports.seat import CallSeat

ROUND_S = 0.01
AT_ONCE_CALLS = 2
"""So many calls wake the thread no oftener than rounds would."""
LONGEST_WAIT_S = 1.0
_LOOK, _END = b"l", b"e"


class FrameMover(Protocol):
    """What a port does at each turn; everything here runs on the frame thread, but for `release`."""

    @property
    def fd(self) -> int:
        """What to wait for: readable when the device has something. -1 for nothing."""
        ...

    @property
    def wake_s(self) -> float:
        """When to be asked though nothing came, on the monotonic clock."""
        ...

    def move(self, *, is_ready: bool) -> None:
        """Move the frames that are due, without waiting. Raises OSError when the device is gone."""
        ...

    def release(self) -> None:
        """Let the device go, in a thread of its own; `move` is not called again."""
        ...


class FrameThread:
    """Moves the frames of the calls that take a seat; the thread lasts from the first call to the end of the last."""

    def __init__(self, name: str = "audio-frames") -> None:
        self._name = name
        self._rounds: _Rounds | None = None
        self._n_seats = 0

    @property
    def n_calls(self) -> int:
        """Calls that are served now."""
        return self._n_seats

    def start(
        self,
        seat: CallSeat,
        mover: FrameMover,
        handler: FrameHandler,
        on_events: Callable[[list[AudioEvent]], None],
    ) -> None:
        """Serve one call more, until its seat is stopped or its device fails."""
        rounds = self._rounds
        if rounds is None:
            rounds = self._rounds = _Rounds()
            threading.Thread(target=rounds.run, name=self._name, daemon=True).start()
        seat.begin(handler, on_events, wake=rounds.look, on_ended=self._leave)
        self._n_seats += 1
        rounds.joining.append((seat, mover))
        rounds.look()

    def _leave(self) -> None:
        """Runs on the loop."""
        self._n_seats -= 1
        if not self._n_seats and self._rounds is not None:
            self._rounds.finish()
            self._rounds = None


class _Rounds:
    """The thread's own side, from start to end."""

    def __init__(self) -> None:
        self.joining: deque[tuple[CallSeat, FrameMover]] = deque()
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._seats: list[tuple[CallSeat, FrameMover, int]] = []
        self._poll = select.poll()
        self._poll.register(self._wake_read, select.POLLIN)

    def look(self) -> None:
        """Have new and stopping calls seen to; from the loop."""
        with suppress(BlockingIOError):  # it is full of the same
            os.write(self._wake_write, _LOOK)

    def finish(self) -> None:
        """End the thread; from the loop, once nobody is served. Nothing may be called after it."""
        os.write(self._wake_write, _END)

    # What follows runs on the thread itself.

    def run(self) -> None:
        """Serve calls until `finish`."""
        while True:
            ready = self._wait()
            if self._wake_read in ready:
                if _END in os.read(self._wake_read, 4096):
                    break
                self._seat_all()
            now_s = time.monotonic()
            ended = [place for place in self._seats if not _goes_on(*place, ready, now_s)]
            for place in ended:
                self._dismiss(place)
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _wait(self) -> set[int]:
        """Return the descriptors that have something, when it is time for a round."""
        timeout_s: float | None = None
        if len(self._seats) > AT_ONCE_CALLS:
            rest_s = ROUND_S - time.monotonic() % ROUND_S
            select.select([self._wake_read], [], [], rest_s)
            timeout_s = 0.0
        elif self._seats:
            wake_s = min(mover.wake_s for _, mover, _ in self._seats)
            timeout_s = min(max(0.0, wake_s - time.monotonic()), LONGEST_WAIT_S)
        return {fd for fd, _ in self._poll.poll(None if timeout_s is None else timeout_s * 1000)}

    def _seat_all(self) -> None:
        while self.joining:
            seat, mover = self.joining.popleft()
            fd = mover.fd
            if fd >= 0:
                self._poll.register(fd, select.POLLIN)
            self._seats.append((seat, mover, fd))

    def _dismiss(self, place: tuple[CallSeat, FrameMover, int]) -> None:
        seat, mover, fd = place
        self._seats.remove(place)
        if fd >= 0:
            self._poll.unregister(fd)
        threading.Thread(target=seat.end, args=(mover.release,), name="audio-close", daemon=True).start()


def _goes_on(seat: CallSeat, mover: FrameMover, fd: int, ready: set[int], now_s: float) -> bool:
    """Have one call's due frames moved; say whether the call goes on."""
    is_ready = fd in ready
    if seat.is_stopping or not (is_ready or now_s >= mover.wake_s):
        return not seat.is_stopping
    return seat.run(partial(mover.move, is_ready=is_ready))
