"""Decide which frames a port moves now, from what came in and what time it is. Pure."""

from dataclasses import dataclass

MAX_BACKLOG_FRAMES = 5
"""100 ms: input that waited longer is dropped, oldest first."""
MAX_AHEAD_FRAMES = 6
"""A modem that hands over 100 ms at a time puts us five frames ahead of real time; one more is jitter."""
LEAK = 0.0025
"""Share of a frame by which being ahead is forgotten with every frame: outlasts any two crystals' difference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What to do now, in this order."""

    n_drop: int
    """Oldest input frames to throw away."""
    n_heard: int
    """Input frames to process after them."""
    n_silent: int
    """Frames to process with silence in, because none came."""


class FrameClock:
    """Keeps one frame a ptime: by the device's own frames while they come, by the clock when they do not."""

    def __init__(self, ptime_s: float, now_s: float) -> None:
        self._ptime_s = ptime_s
        self._due_s = now_s + ptime_s
        self.late_frames = 0
        self.max_late_s = 0.0
        self.skipped_frames = 0
        """Frames given up because this clock was not asked for longer than the backlog allows."""

    @property
    def wake_s(self) -> float:
        """When to ask again if nothing comes before."""
        return self._due_s + self._ptime_s

    def turn(self, now_s: float, n_waiting: int) -> Turn:
        """Return what to do with `n_waiting` whole frames of input at `now_s`."""
        n_drop = max(0, n_waiting - MAX_BACKLOG_FRAMES)
        n_heard = 0
        late_s = now_s - self._due_s
        if n_waiting:
            # A frame that is a little late is jitter of the device, not of ours.
            self._count_late(late_s - self._ptime_s)
        for _ in range(n_waiting - n_drop):
            if self._due_s - now_s > MAX_AHEAD_FRAMES * self._ptime_s:
                n_drop += 1  # silence already stood in for it
                continue
            n_heard += 1
            self._due_s = max(self._due_s, now_s) + self._ptime_s
            if self._due_s - now_s > 2 * self._ptime_s:
                self._due_s -= LEAK * self._ptime_s
        n_silent = 0
        if not n_heard and now_s >= self.wake_s:
            late_s = now_s - self.wake_s
            self._count_late(late_s)
            n_silent = 1 + int(late_s / self._ptime_s)
            self._due_s += n_silent * self._ptime_s
            n_skipped = max(0, n_silent - MAX_BACKLOG_FRAMES)
            self.skipped_frames += n_skipped
            n_silent -= n_skipped
        return Turn(n_drop=n_drop, n_heard=n_heard, n_silent=n_silent)

    def _count_late(self, late_s: float) -> None:
        self.max_late_s = max(self.max_late_s, late_s)
        if late_s > self._ptime_s:
            self.late_frames += 1
