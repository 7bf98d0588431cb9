"""Whether the clock may be believed: two agreeing sources, and never before the last audit entry.

Sources: the kernel's NTP state (adjtimex(2)), the time in messages signed by the console, the network time that a modem
was told. Until two agree, and none disagrees, the box says that it waits for the time, and does not dial.
"""

import ctypes
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol

from firmware.clock import ClockState, RealWorld, SimulatedWorld, WorldT_co

AGREE_WITHIN = timedelta(seconds=120)
"""A signed message may have travelled, a modem tells whole seconds; more than this and one of the clocks is wrong."""
LASTS_S = 24 * 3600.0
"""How long a source's word is good for."""
_STA_UNSYNC = 0x0040
_TIME_ERROR = 5
_TIMEX_BYTES = 512
"""More than struct timex on any Linux (208 bytes on 64-bit)."""


class TimeSource(StrEnum):
    """Who may tell the time, besides NTP."""

    CONSOLE = "console"
    NETWORK = "mobile network"


class ClockTrust(Protocol[WorldT_co]):
    """Judges the clock of one world."""

    @property
    def world(self) -> type[WorldT_co]:
        """Return the world whose clock this judges."""
        ...

    def judge(self, now: datetime, audit_high_water: datetime | None) -> ClockState:
        """Return whether `now` may be believed."""
        ...

    def hear(self, source: TimeSource, at: datetime) -> None:
        """Take note that a source says it is `at` now."""
        ...


def kernel_is_synchronised() -> bool:
    """Return whether the kernel says that NTP disciplines the clock (adjtimex(2): state and STA_UNSYNC)."""
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)  # modes = 0 only reads
    state = ctypes.CDLL(None, use_errno=True).adjtimex(timex)
    status_at = 40 if ctypes.sizeof(ctypes.c_long) == 8 else 20
    status = int.from_bytes(timex.raw[status_at : status_at + 4], "little")
    return state not in (-1, _TIME_ERROR) and not status & _STA_UNSYNC


class SystemClockTrust:
    """Trusts the system's clock when two sources agree with it.

    What a source said is carried on by the monotonic clock, so a system clock that is set by hand afterwards is found
    out at the next look.
    """

    world = RealWorld

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._monotonic_s = monotonic_s
        self._heard: dict[TimeSource, tuple[datetime, float]] = {}

    def hear(self, source: TimeSource, at: datetime) -> None:
        """Keep the latest time that a source vouches for: travelling only ever makes its word look old."""
        at_s = self._monotonic_s()
        known = self._time_of(source)
        if known is None or at >= known:
            self._heard[source] = (at, at_s)

    def judge(self, now: datetime, audit_high_water: datetime | None) -> ClockState:
        """Return whether `now` may be believed."""
        if audit_high_water is not None and now < audit_high_water:
            shown, last = f"{now:%F %T}Z", f"{audit_high_water:%F %T}Z"
            return ClockState(
                trusted=False,
                reason=f"the clock shows {shown}, before the last decision at {last}: set it right",
            )
        vouching = ["NTP"] if kernel_is_synchronised() else []
        for source in TimeSource:
            told = self._time_of(source)
            if told is None:
                continue
            if abs(now - told) > AGREE_WITHIN:
                seconds = abs(now - told).total_seconds()
                return ClockState(
                    trusted=False,
                    reason=f"the time of the {source} differs by {seconds:.0f} s: set one of the clocks right",
                )
            vouching.append(source.value)
        if len(vouching) < 2:
            have = vouching[0] if vouching else "nothing"
            return ClockState(
                trusted=False,
                reason=f"waiting for the time: {have} vouches for it so far, two of NTP, console and network must agree",
            )
        return ClockState(trusted=True, reason=" and ".join(vouching) + " agree")

    def _time_of(self, source: TimeSource) -> datetime | None:
        """Return what time it is now by what the source said last, None when that is too long ago."""
        heard = self._heard.get(source)
        if heard is None:
            return None
        at, at_s = heard
        passed_s = self._monotonic_s() - at_s
        return at + timedelta(seconds=passed_s) if passed_s <= LASTS_S else None


class SimulatedClockTrust:
    """A simulated clock is what it says; only the audit's high water still binds it."""

    world = SimulatedWorld

    def hear(self, source: TimeSource, at: datetime) -> None:
        """Take no note: console and network live in another world's time."""

    def judge(self, now: datetime, audit_high_water: datetime | None) -> ClockState:
        """Return trusted, unless `now` lies before the last audit entry."""
        if audit_high_water is not None and now < audit_high_water:
            return ClockState(trusted=False, reason=f"the clock went back to {now.astimezone(UTC):%F %T}Z")
        return ClockState(trusted=True, reason="simulated")
