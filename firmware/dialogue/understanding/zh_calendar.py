"""Days of the Chinese calendar: 腊月二十, 大年初三, 除夕, 中秋节, 清明, 冬至."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib import resources
from itertools import pairwise

from firmware.dialogue.slots import DayMention
from firmware.dialogue.understanding import calendar
from firmware.dialogue.understanding.zh_numbers import number_of

LAST_MONTH = 12
NAMED_MONTHS = {"正月": 1, "冬月": 11, "腊月": LAST_MONTH}
EVE = ("除夕", "大年三十", "年三十", "大年夜")
FESTIVALS = {
    "元宵": (1, 15),
    "端午": (5, 5),
    "七夕": (7, 7),
    "中元": (7, 15),
    "中秋": (8, 15),
    "重阳": (9, 9),
    "腊八": (12, 8),
}
"""Month and day of the lunar year."""
SOLAR_TERMS = ("清明", "冬至")


@dataclass(frozen=True, slots=True)
class _Table:
    """The calendar as `benchmarks/understanding_tables.py` wrote it."""

    months: Sequence[tuple[date, int]]
    """First day and number of each month in order; a leap month has its number negated."""
    terms: Sequence[tuple[date, str]]


@cache
def _table() -> _Table:
    months, terms = [], []
    text = resources.files(__package__).joinpath("chinese_calendar.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        day, what = line.split(" ")
        if what in SOLAR_TERMS:
            terms.append((date.fromisoformat(day), what))
        else:
            months.append((date.fromisoformat(day), int(what)))
    return _Table(months, terms)


def lunar_day(text: str, month: int, day: int, today: date) -> DayMention:
    """Return the next such day of the lunar year; a month has 29 or 30 days, and 腊月三十 is its last in any case."""
    if not (1 <= month <= LAST_MONTH and 1 <= day <= 30):
        return calendar.impossible(text)
    months = _table().months
    for (first, number), (following, _) in pairwise(months):
        length = (following - first).days
        at = first + timedelta(days=min(day, length) - 1)
        if number == month and at >= today:
            is_there = day <= length or month == LAST_MONTH
            return calendar.on(text, at, today) if is_there else calendar.impossible(text)
    return calendar.vague(text)


def in_named_month(match: re.Match[str], today: date) -> DayMention:
    """Read 腊月二十 and 农历八月十五."""
    value = number_of(match["day"])
    name = match["month"]
    month = NAMED_MONTHS.get(name) or number_of(name.removesuffix("月"))
    return lunar_day(match[0], int(month or 0), int(value or 0), today)


def festival(match: re.Match[str], today: date) -> DayMention:
    """Read 除夕, 大年初三, 中秋节, 冬至."""
    name = match["festival"]
    if name in EVE:
        return lunar_day(match[0], LAST_MONTH, 30, today)
    if name in FESTIVALS:
        return lunar_day(match[0], *FESTIVALS[name], today)
    if name in SOLAR_TERMS:
        ahead = [day for day, what in _table().terms if what == name and day >= today]
        return calendar.on(match[0], ahead[0], today) if ahead else calendar.vague(match[0])
    return lunar_day(match[0], 1, int(number_of(name[-1]) or 0), today)
