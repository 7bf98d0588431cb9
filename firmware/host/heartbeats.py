"""Which supervised loops went round lately: the watchdog is fed only while all of them did.

A loop that waits for an event for ever is not here, as its silence says nothing; the TaskGroup sees it die.
Nothing here depends on the uplink: a box without a network is alive.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class _Loop:
    within_s: float
    beat_s: float


class Heartbeats:
    """Takes the beats of loops, and looks at threads that keep their own."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        """Count from now on `now_s`, a monotonic clock."""
        self._now_s = now_s
        self._loops: dict[str, _Loop] = {}
        self._probes: dict[str, Callable[[], bool]] = {}

    def expect(self, name: str, *, within_s: float) -> Callable[[], None]:
        """Return what the loop calls each time it goes round, at the latest every `within_s`."""
        loop = self._loops[name] = _Loop(within_s, self._now_s())

        def beat() -> None:
            loop.beat_s = self._now_s()

        return beat

    def probe(self, name: str, is_alive: Callable[[], bool]) -> None:
        """Ask `is_alive` at each look, for what keeps time elsewhere."""
        self._probes[name] = is_alive

    def late(self) -> list[str]:
        """Return who has not gone round in time, by name; empty when all is well."""
        now_s = self._now_s()
        stuck = [name for name, loop in self._loops.items() if now_s - loop.beat_s > loop.within_s]
        return sorted(stuck + [name for name, is_alive in self._probes.items() if not is_alive()])
