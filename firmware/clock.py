"""What time it is, and whether that is real.

A `Clock` is tagged with the world it belongs to. `RealWorld` and `SimulatedWorld` are never instances of anything:
they exist so that a type checker refuses to hand a simulated clock to lines that reach real telephones
(`firmware.daemon.app.Box` asks for clock and lines of the same world).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar


class RealWorld:
    """Lines that reach real telephones, under the system's clock."""


class SimulatedWorld:
    """Simulated modems and people, under a clock that may say anything."""


WorldT_co = TypeVar("WorldT_co", covariant=True)


class Clock(Protocol[WorldT_co]):
    """Wall time as aware UTC, and a steady count of seconds for durations."""

    def now(self) -> datetime:
        """Return the instant, aware, UTC."""
        ...

    def monotonic_s(self) -> float:
        """Return seconds from an arbitrary start that never jump."""
        ...

    @property
    def world(self) -> type[WorldT_co]:
        """Return the world this clock belongs to."""
        ...


class SystemClock:
    """The operating system's clock."""

    world = RealWorld

    def now(self) -> datetime:
        """Return the system's instant, aware, UTC."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Return `time.monotonic()`."""
        return time.monotonic()


class SimulatedClock:
    """A clock that starts where it is told and runs with `monotonic_s` (real or virtual seconds)."""

    world = SimulatedWorld

    def __init__(self, starts_at: datetime, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        if starts_at.tzinfo is None:
            raise ValueError("a clock starts at an aware instant: give it a time zone")
        self._starts_at = starts_at.astimezone(UTC)
        self._monotonic_s = monotonic_s
        self._started_s = monotonic_s()

    def now(self) -> datetime:
        """Return the simulated instant, aware, UTC."""
        return self._starts_at + timedelta(seconds=self._monotonic_s() - self._started_s)

    def monotonic_s(self) -> float:
        """Return the seconds this clock runs with."""
        return self._monotonic_s()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockState:
    """Whether a clock may be used to decide about a call, and why or why not."""

    trusted: bool
    reason: str


def to_ms(at: datetime) -> int:
    """Return an aware instant as integer Unix milliseconds, the form in which it is stored."""
    return round(at.timestamp() * 1000)


def from_ms(at_ms: int) -> datetime:
    """Return stored Unix milliseconds as an aware UTC instant."""
    return datetime.fromtimestamp(at_ms / 1000, UTC)
