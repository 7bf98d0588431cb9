"""The network's time as the modem's clock tells it (3GPP TS 27.007 §8.15 +CCLK; NITZ, 3GPP TS 22.042), pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

# Modems start at 1970, 1980, 2000, 2004 or the year they were made: earlier than this, nobody told them the time.
EARLIEST_AT = datetime(2024, 1, 1, tzinfo=UTC)
_QUARTERS_MAX = 56  # 14 hours east
_CLOCK = re.compile(
    r'\+CCLK: ?"?([0-9]{2}|[0-9]{4})/([0-9]{2})/([0-9]{2}),([0-9]{2}):([0-9]{2}):([0-9]{2})(?:([+-][0-9]{1,2}))?"?'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkTime:
    """What a modem's clock said at one instant."""

    at: datetime
    """Aware, UTC, to the second."""
    offset: timedelta | None
    """Of local time from UTC, None where the modem did not say: then `at` is as good as its clock."""
    is_from_network: bool
    """The network has told the time since the modem was opened; else the clock may be anybody's."""
    read_at_s: float
    """Monotonic clock, when `at` was read."""

    def __post_init__(self) -> None:
        if self.at.utcoffset() != timedelta(0):
            raise ValueError("the network's time is kept in UTC")


def read_clock(lines: Sequence[str], *, is_from_network: bool, read_at_s: float) -> NetworkTime | None:
    """Return the time of a `+CCLK: "yy/MM/dd,hh:mm:ss±zz"` answer, zz in quarters of an hour.

    None for nonsense and for a clock that nobody has set. A clock without an offset is taken as UTC.
    """
    for line in lines:
        match = _CLOCK.fullmatch(line.strip())
        if match is None:
            continue
        year, month, day, hour, minute, second = (int(match.group(n)) for n in range(1, 7))
        quarters = int(match.group(7)) if match.group(7) else None
        if quarters is not None and abs(quarters) > _QUARTERS_MAX:
            return None
        if year < 100:
            year += 1900 if year >= 70 else 2000
        offset = timedelta(minutes=15 * quarters) if quarters is not None else None
        try:
            local = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
            at = local - (offset or timedelta(0))
        except (ValueError, OverflowError):
            return None
        if at < EARLIEST_AT:
            return None
        return NetworkTime(at=at, offset=offset, is_from_network=is_from_network, read_at_s=read_at_s)
    return None
