"""Public holidays by calendar name, careful where a year's days are not decided yet."""

import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from functools import lru_cache
from types import ModuleType

ONE_DAY = timedelta(days=1)
COUNTRY = re.compile("[A-Z]{2,3}")
DECREED = frozenset({"CN"})
"""Countries whose days off are decreed late in the year before: China's State Council moves and joins them (调休)."""


ESTIMATED = "(estimated)"
"""How the library marks them."""


class UnknownCalendarError(ValueError):
    """No such holiday calendar."""


class HolidayCalendars:
    """Holidays of every calendar asked for, worked out once a year and kept."""

    def __init__(self) -> None:
        self._years: dict[tuple[str, int], Mapping[date, str]] = {}

    def why_closed(self, calendar: str, day: date) -> str:
        """Return the name of the holiday, or ``""``. Raises UnknownCalendarError.

        A weekend on which people work in exchange (调休) is an ordinary day; whether that weekday is open at
        all is the windows' affair.
        """
        key = (calendar, day.year)
        if key not in self._years:
            self._years[key] = _year(calendar, day.year)
        return self._years[key].get(day, "")

    def undecided(self, calendars: Iterable[str], year: int) -> list[str]:
        """Return the calendars whose days off in `year` are not decreed yet, as far as this version knows."""
        return [name for name in sorted(calendars) if not _is_decided(name, year)]


@lru_cache(maxsize=256)
def _year(calendar: str, year: int) -> Mapping[date, str]:
    # Neighbouring years too: New Year's decree may take days of December, and a holiday may be observed later.
    known = {near: _holidays(calendar, near) for near in (year - 1, year, year + 1)}
    days: dict[date, str] = {}
    for near, found in known.items():
        days |= found
        if not _is_decided(calendar, near):
            days |= possible_days_off(found)
        # A day that the sight of the moon decides may be a day earlier or later than reckoned.
        for day, name in found.items():
            if ESTIMATED in name:
                for beside in (day - ONE_DAY, day + ONE_DAY):
                    days.setdefault(beside, f"possibly {name}")
    return {day: known[year].get(day, why) for day, why in days.items() if day.year == year}


def check_calendar(name: str) -> None:
    """Raise UnknownCalendarError unless there is a calendar of that name."""
    country, _, subdivision = name.partition("-")
    # No country is loaded for the asking: the library's own list of them all takes 14 MB.
    found = getattr(_library(), country, None) if COUNTRY.fullmatch(country) else None
    if not isinstance(found, _library().registry.EntityLoader) or not found.module_name.startswith(
        "holidays.countries."
    ):
        raise UnknownCalendarError(name)
    if subdivision:
        try:
            found(subdiv=subdivision)
        except NotImplementedError:
            raise UnknownCalendarError(name) from None


def _library() -> ModuleType:
    # Its reckonings of other calendars take a tenth of a second to load, and most commands ask for no holiday.
    import holidays  # noqa: PLC0415

    return holidays


def possible_days_off(known: Mapping[date, str]) -> dict[date, str]:
    """Return the days that a decree may add to the foreseeable holidays `known`.

    A stretch of holidays may grow by as many days and two more, four at least, at either end: that covers every
    decree from 2010 to 2025, and an eight-day National Day with Mid-Autumn in it.
    """
    found: dict[date, str] = {}
    run: list[date] = []
    for day in sorted(known):
        run = [*run, day] if run and day - run[-1] == ONE_DAY else [day]
        for offset in range(1, max(len(run) + 2, 4) + 1):
            found.setdefault(run[0] - offset * ONE_DAY, f"possible day off before {known[run[0]]}")
            found.setdefault(day + offset * ONE_DAY, f"possible day off after {known[run[0]]}")
    return {day: why for day, why in found.items() if day not in known}


@lru_cache(maxsize=256)
def _is_decided(calendar: str, year: int) -> bool:
    country = _country(calendar)
    if country not in DECREED:
        return True
    decreed: set[date] = getattr(_library().country_holidays(country, years=year), "weekend_workdays", set())
    return any(day.year == year for day in decreed)


def _holidays(calendar: str, year: int) -> dict[date, str]:
    country, _, subdivision = calendar.partition("-")
    try:
        found = _library().country_holidays(country, subdiv=subdivision or None, years=year, language="en_US")
    except (NotImplementedError, KeyError, AttributeError):
        raise UnknownCalendarError(calendar) from None
    return dict(found.items())


def _country(calendar: str) -> str:
    return calendar.partition("-")[0]
