"""A modem's clock: wrong from power-on until the network or the host tells it better (3GPP TS 27.007 §8.15)."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

_EPOCH = datetime(1980, 1, 6, tzinfo=UTC)
_WRITTEN = re.compile(r"(\d\d|\d{4})/(\d\d)/(\d\d),(\d\d):(\d\d):(\d\d)(?:([+-])(\d\d))?")
_QUARTER = timedelta(minutes=15)


class Clock:
    """Counts from what it was told last."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._told = _EPOCH
        self._told_s = 0.0

    def forget(self) -> None:
        """Lose the time, as at power-on."""
        self._told, self._told_s = _EPOCH, self._now_s()

    def tell(self, at: datetime) -> None:
        """Take an aware time, in the zone it is to be shown in."""
        self._told, self._told_s = at, self._now_s()

    def read(self) -> datetime:
        """Return the present time as the modem believes it."""
        return self._told + timedelta(seconds=self._now_s() - self._told_s)

    def write(self, text: str) -> bool:
        """Take a time as AT+CCLK writes it; return False when it is none."""
        found = _WRITTEN.fullmatch(text)
        if found is None:
            return False
        year, month, day, hour, minute, second = (int(number) for number in found.groups()[:6])
        quarters = int(found[8] or 0) * (-1 if found[7] == "-" else 1)
        try:
            zone = timezone(quarters * _QUARTER)
            year += 2000 if year < 100 else 0
            self.tell(datetime(year, month, day, hour, minute, second, tzinfo=zone))
        except ValueError:
            return False
        return True


def zone_of(at: datetime) -> str:
    """Return a time's zone in quarters of an hour: +32 for Beijing."""
    return f"{(at.utcoffset() or timedelta()) // _QUARTER:+03d}"


def written(at: datetime) -> str:
    """Return a time as +CCLK writes it: yy/MM/dd,hh:mm:ss±zz."""
    return f"{at:%y/%m/%d,%H:%M:%S}{zone_of(at)}"
