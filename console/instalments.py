"""When the instalments of a plan fall due."""

import calendar
from datetime import date, timedelta

_DAYS = {"week": 7, "fortnight": 14}


def last_due(first: date, instalments: int, every: str | None) -> date:
    """Return the day of the last instalment; a month's end stays one (31 January, 28 February, 31 March)."""
    n = max(instalments, 1) - 1
    try:
        if every in _DAYS:
            return first + timedelta(days=_DAYS[every] * n)
        if every == "month":
            year, month = divmod(first.year * 12 + first.month - 1 + n, 12)
            return date(year, month + 1, min(first.day, calendar.monthrange(year, month + 1)[1]))
    except (OverflowError, ValueError, calendar.IllegalMonthError):
        return date.max  # a box that counts beyond the calendar has promised nothing that will be due
    return first
