"""When a callee may be called: local hours in every plausible zone, no holiday, and time to finish."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from importlib import resources
from zoneinfo import ZoneInfo

from firmware.compliance.holiday_calendar import HolidayCalendars
from firmware.compliance.policy import Week

HORIZON_DAYS = 62
"""Longest stretch without an open minute that is waited for; beyond it there is no time at all."""
MOST_DAYS_KEPT = 4096
_ZONE = re.compile(r"UTC|[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)+")
_LEAP_SECOND_TREES = ("right/", "posix/")


class UnknownZoneError(ValueError):
    """No such time zone."""


def zone_named(name: str) -> ZoneInfo:
    """Return the IANA zone. Raises UnknownZoneError.

    Read from the tzdata that this firmware depends on, never from where PYTHONTZPATH or the system keeps its own: an
    environment variable must not move anybody's morning, and the audit log names that data's version.
    """
    if not _ZONE.fullmatch(name) or name.startswith(_LEAP_SECOND_TREES):
        raise UnknownZoneError(name)
    return _zone(name)


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    try:
        with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
            return ZoneInfo.from_file(file, key=name)
    except (ValueError, OSError):
        raise UnknownZoneError(name) from None


class OpenDays:
    """What is open on each local day, worked out once: hours of the week without closed dates and holidays."""

    def __init__(
        self,
        week: Week,
        *,
        closed_dates: frozenset[date] = frozenset(),
        holidays: HolidayCalendars | None = None,
        calendars: frozenset[str] = frozenset(),
    ) -> None:
        self.week = week
        self._closed_dates = closed_dates
        self._holidays = holidays
        self._calendars = calendars
        self._known: dict[tuple[str, date], list[tuple[datetime, datetime]]] = {}

    def pieces(self, zone: ZoneInfo, day: date) -> list[tuple[datetime, datetime]]:
        """Return the open stretches of that date in that zone, as instants."""
        key = (zone.key, day)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= MOST_DAYS_KEPT:
                self._known.clear()
            found = self._known[key] = self._work_out(zone, day)
        return found

    def why_closed(self, day: date) -> str:
        """Return why nothing is open on that date, empty when it is an ordinary day."""
        if day in self._closed_dates:
            return "closed by the rule pack"
        if self._holidays is not None:
            return next(
                (why for name in sorted(self._calendars) if (why := self._holidays.why_closed(name, day))), ""
            )
        return ""

    def _work_out(self, zone: ZoneInfo, day: date) -> list[tuple[datetime, datetime]]:
        if self.why_closed(day):
            return []
        pieces = []
        for start, end in self.week[day.weekday()]:
            # Where the clock is put forward or back over an edge: the later start and the earlier end.
            opens = max(_instant(zone, day, start, fold) for fold in (0, 1))
            closes = min(_instant(zone, day, end, fold) for fold in (0, 1))
            if opens < closes:
                pieces.append((opens, closes))
        return pieces


class OpeningHours:
    """The instants at which a call may start: open in all zones, `must_last_s` before any closes."""

    def __init__(
        self,
        rule: str,
        days: OpenDays | Week,
        zones: Sequence[ZoneInfo],
        *,
        must_last_s: int,
        slack_s: int = 0,
    ) -> None:
        """Take the hours; with `slack_s` the zones' clocks may be off by that much, and both readings are open."""
        if not zones:
            raise ValueError("opening hours need at least one zone")
        self.rule = rule
        self._days = days if isinstance(days, OpenDays) else OpenDays(days)
        self._zones = zones
        self._must_last = timedelta(seconds=must_last_s)
        self._slack = timedelta(seconds=slack_s)

    def next_allowed(self, at: datetime) -> datetime | None:
        """Return the first allowed instant not before `at`; None when there is none within the horizon."""
        for start, end in self._open(at):
            reached, closes = max(start + self._slack, at), end - self._slack
            if reached <= closes - self._must_last and reached < closes:
                return reached
        return None

    def detail(self, at: datetime) -> str:
        """Return what is closed at `at`, and where; or the local time in the first zone when all is open."""
        if self.next_allowed(at) == at:
            return f"{at.astimezone(self._zones[0]):%a %H:%M} in {self._zones[0].key} is open"
        for zone in self._zones:
            local = at.astimezone(zone)
            if why := self._days.why_closed(local.date()):
                return f"{local:%Y-%m-%d} in {zone.key}: {why}"
            if not any(start <= at < end for start, end in self._days.pieces(zone, local.date())):
                return (
                    f"{local:%a %H:%M} in {zone.key} is outside {_hours_text(self._days.week, local.date())}"
                )
        slack = ", with an hour to spare for old time-zone data" if self._slack else ""
        return f"the call could last {int(self._must_last.total_seconds())} s, past closing time{slack}"

    def _open(self, at: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yield what is open in all zones and ends after `at`, in order of time."""
        first, *others = self._zones
        today = at.astimezone(first).date()
        for offset in range(HORIZON_DAYS):
            day = today + timedelta(days=offset)
            pieces = self._days.pieces(first, day)
            for zone in others:
                # Zones lie at most 26 hours apart, so the same instant is at most two dates away.
                near = [
                    piece for n in range(-2, 3) for piece in self._days.pieces(zone, day + timedelta(days=n))
                ]
                pieces = [(max(a, c), min(b, d)) for a, b in pieces for c, d in near if max(a, c) < min(b, d)]
            yield from sorted(piece for piece in pieces if piece[1] > at)


def first_instant(zone: ZoneInfo, day: date) -> datetime:
    """Return when the local date `day` begins."""
    return _instant(zone, day, 0, 0)


def _instant(zone: ZoneInfo, day: date, minute: int, fold: int) -> datetime:
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    return (midnight + timedelta(minutes=minute)).replace(fold=fold).astimezone(UTC)


def _hours_text(week: Week, day: date) -> str:
    pieces = week[day.weekday()]
    if not pieces:
        return "any hours: closed that weekday"
    return ", ".join(f"{a // 60:02d}:{a % 60:02d}-{b // 60:02d}:{b % 60:02d}" for a, b in pieces)
