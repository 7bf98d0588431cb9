"""When the instalments of a plan fall due, and how much each of them is."""

import calendar
from datetime import date

from firmware.sync.instalments import amount_of, due_on

LISTED_MOST = 120
"""Instalments that a page or a file lists: ten years of months. A box's number is a stranger's."""


def last_due(first: date, instalments: int, every: str | None) -> date:
    """Return the day of the last instalment; a month's end stays one (31 January, 28 February, 31 March)."""
    if every is None:
        return first
    try:
        return due_on(first, max(instalments, 1) - 1, every)
    except (OverflowError, ValueError, calendar.IllegalMonthError):
        return date.max  # a box that counts beyond the calendar has promised nothing that will be due


def payments(
    first: date, instalments: int, every: str | None, each_minor: int | None, total_minor: int | None
) -> tuple[tuple[date, int], ...]:
    """Return day and amount of each instalment, the last one being what is left; at most `LISTED_MOST`."""
    if each_minor is None or every is None:
        return ()
    return tuple(
        (last_due(first, n + 1, every), amount_of(n, instalments, each_minor, total_minor))
        for n in range(min(instalments, LISTED_MOST))
    )
