"""When the instalments of a plan fall due, and how much each of them is."""

import calendar
from datetime import date, timedelta

from firmware.values import Money, last_instalment

_DAYS = {"week": 7, "fortnight": 14}


def payments(
    first: date, count: int, every: str, each: Money, total: Money | None
) -> tuple[tuple[date, Money], ...]:
    """Return when each instalment is due and how much it is; without a `total` all are alike.

    A month's end stays one (31 January, 28 February, 31 March).
    """
    total_minor = None if total is None else total.minor
    return tuple(
        (due_on(first, n, every), Money(amount_of(n, count, each.minor, total_minor), each.currency))
        for n in range(count)
    )


def amount_of(n: int, count: int, each_minor: int, total_minor: int | None) -> int:
    """Return how much the instalment `n` after the first is: the last one is what is left of the total."""
    if total_minor is None or n < count - 1:
        return each_minor
    return last_instalment(total_minor, each_minor, count)


def due_on(first: date, n: int, every: str) -> date:
    """Return when the instalment `n` after the first is due. Raises OverflowError, ValueError beyond the calendar."""
    if every in _DAYS:
        return first + timedelta(days=_DAYS[every] * n)
    year, month = divmod(first.year * 12 + first.month - 1 + n, 12)
    return date(year, month + 1, min(first.day, calendar.monthrange(year, month + 1)[1]))
