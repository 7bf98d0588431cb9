"""Whether the clock may be believed: two agreeing sources, and never before the last audit entry.

Sources known here: the kernel's NTP state (adjtimex(2)) and the time in messages signed by the console. Until two
agree the box says that it waits for the time, and does not dial.
"""

import ctypes
from datetime import UTC, datetime, timedelta
from typing import Protocol

from firmware.clock import ClockState, RealWorld, SimulatedWorld, WorldT_co

AGREE_WITHIN = timedelta(seconds=120)
"""A signed message may have travelled; more than this and one of the two clocks is wrong."""
CONSOLE_TIME_LASTS = timedelta(hours=24)
_STA_UNSYNC = 0x0040
_TIME_ERROR = 5


class ClockTrust(Protocol[WorldT_co]):
    """Judges the clock of one world."""

    @property
    def world(self) -> type[WorldT_co]:
        """Return the world whose clock this judges."""
        ...

    def judge(self, now: datetime, audit_high_water: datetime | None) -> ClockState:
        """Return whether `now` may be believed."""
        ...

    def heard_from_console(self, said_at: datetime, now: datetime) -> None:
        """Take note of a signed message's own time."""
        ...


def kernel_is_synchronised() -> bool:
    """Return whether the kernel says that NTP disciplines the clock (adjtimex(2): state and STA_UNSYNC)."""
    buffer = ctypes.create_string_buffer(
        512
    )  # struct timex is 208 bytes on 64-bit Linux; modes = 0 only reads
    libc = ctypes.CDLL(None, use_errno=True)
    state = libc.adjtimex(buffer)
    status = (
        int.from_bytes(buffer.raw[40:44], "little")
        if ctypes.sizeof(ctypes.c_long) == 8
        else int.from_bytes(buffer.raw[20:24], "little")
    )
    return state not in (-1, _TIME_ERROR) and not status & _STA_UNSYNC


class SystemClockTrust:
    """Trusts the system's clock when NTP and the console agree on it."""

    world = RealWorld

    def __init__(self) -> None:
        self._console_offset: timedelta | None = None
        self._console_at: datetime | None = None

    def heard_from_console(self, said_at: datetime, now: datetime) -> None:
        """Keep the smallest difference: transport only ever makes a message look old."""
        offset = now - said_at
        if self._console_offset is None or abs(offset) <= abs(self._console_offset) or self._is_stale(now):
            self._console_offset, self._console_at = offset, now

    def judge(self, now: datetime, audit_high_water: datetime | None) -> ClockState:
        """Return whether `now` may be believed."""
        if audit_high_water is not None and now < audit_high_water:
            return ClockState(
                trusted=False,
                reason=f"the clock shows {now:%F %T}Z, before the last decision at {audit_high_water:%F %T}Z: set it right",
            )
        sources = []
        if kernel_is_synchronised():
            sources.append("NTP")
        if self._console_offset is not None and not self._is_stale(now):
            if abs(self._console_offset) > AGREE_WITHIN:
                return ClockState(
                    trusted=False,
                    reason=f"the console's clock differs by {abs(self._console_offset).total_seconds():.0f} s: set one of them right",
                )
            sources.append("console")
        if len(sources) < 2:
            have = sources[0] if sources else "nothing"
            return ClockState(
                trusted=False,
                reason=f"waiting for the time: {have} vouches for it so far, NTP and the console must agree",
            )
        return ClockState(trusted=True, reason=" and ".join(sources) + " agree")

    def _is_stale(self, now: datetime) -> bool:
        return self._console_at is None or now - self._console_at > CONSOLE_TIME_LASTS


class SimulatedClockTrust:
    """A simulated clock is what it says; only the audit's high water still binds it."""

    world = SimulatedWorld

    def heard_from_console(self, said_at: datetime, now: datetime) -> None:
        """Take no note: the console lives in another world's time."""

    def judge(self, now: datetime, audit_high_water: datetime | None) -> ClockState:
        """Return trusted, unless `now` lies before the last audit entry."""
        if audit_high_water is not None and now < audit_high_water:
            return ClockState(trusted=False, reason=f"the clock went back to {now.astimezone(UTC):%F %T}Z")
        return ClockState(trusted=True, reason="simulated")
