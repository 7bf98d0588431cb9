"""A frame loop in a thread of its own, for a device that may keep its caller waiting: a sound card."""

import os
import select
import threading
from collections.abc import Callable

from audio.events import AudioEvent
from audio.ports.port import FrameHandler
from audio.ports.seat import CallSeat


class CallThread(CallSeat):
    """The thread of one port; `where` names the device in errors and logs."""

    def __init__(self, where: str) -> None:
        super().__init__(where)
        self._wake_read = self._wake_write = -1

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
        self.begin(handler, on_events, wake=self._get_up, on_ended=self._close_wake)
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        thread = threading.Thread(target=self._run, args=(move_frames, release), name=name, daemon=True)
        thread.start()

    def _get_up(self) -> None:
        os.write(self._wake_write, b"x")

    def _close_wake(self) -> None:
        os.close(self._wake_read)
        os.close(self._wake_write)

    # What follows runs on the thread itself.

    def rest(self, seconds: float) -> None:
        """Wait so long, or until the loop is to end."""
        select.select([self._wake_read], [], [], max(0.0, seconds))

    def _run(self, move_frames: Callable[[], None], release: Callable[[], None]) -> None:
        self.run(move_frames)
        self.end(release)
