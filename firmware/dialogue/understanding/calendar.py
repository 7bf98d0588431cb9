"""Days as people name them, counted from the callee's own today; shared by every language."""

import re
from calendar import monthrange
from collections.abc import Sequence
from datetime import date, timedelta

from firmware.dialogue.slots import DayMention, DayProblem

HALF_YEAR_DAYS = 183
MAX_DAYS_AHEAD = 3650


def on(text: str, day: date, today: date) -> DayMention:
    """Return a mention of `day`, marked if it is over."""
    if day < today:
        return DayMention(text=text, problem=DayProblem.PAST)
    return DayMention(text=text, day=day)


def vague(text: str) -> DayMention:
    """Return a mention from which no day follows."""
    return DayMention(text=text, problem=DayProblem.VAGUE)


def past(text: str) -> DayMention:
    """Return a mention of a day that is over."""
    return DayMention(text=text, problem=DayProblem.PAST)


def impossible(text: str) -> DayMention:
    """Return a mention of a day that no calendar has."""
    return DayMention(text=text, problem=DayProblem.IMPOSSIBLE)


def in_days(text: str, days: int, today: date) -> DayMention:
    """Return the day so many days from today; negative ones are over."""
    if days < 0:
        return past(text)
    if days > MAX_DAYS_AHEAD:
        return vague(text)
    return DayMention(text=text, day=today + timedelta(days=days))


def in_months(text: str, months: int, today: date) -> DayMention:
    """Return the same day so many months later, or the last one that month has."""
    if not 0 <= months <= MAX_DAYS_AHEAD // 31:
        return past(text) if months < 0 else vague(text)
    year, month = month_after(today, months)
    return DayMention(text=text, day=date(year, month, min(today.day, monthrange(year, month)[1])))


def month_after(today: date, months: int) -> tuple[int, int]:
    """Return year and month so many months from today's."""
    at = today.year * 12 + today.month - 1 + months
    return at // 12, at % 12 + 1


def month_length(year: int, month: int) -> int:
    """Return how many days a month has."""
    return monthrange(year, month)[1]


def next_yearly(month: int, day: int, today: date) -> date:
    """Return the next such day of the calendar, today's own included."""
    return date(today.year + ((month, day) < (today.month, today.day)), month, day)


def nth_weekday(year: int, month: int, wanted: int, nth: int | None) -> date:
    """Return the nth weekday (Monday is 0) of a month, counted from 0; the last one when None."""
    first = 1 + (wanted - date(year, month, 1).weekday()) % 7
    last = first + 7 * ((month_length(year, month) - first) // 7)
    return date(year, month, last if nth is None else first + 7 * nth)


def day_of_month(text: str, day: int, today: date, months: int | None = None) -> DayMention:
    """Return the `day`-th of a month so many months from now; of the next one that still has it when None."""
    if not 1 <= day <= 31:
        return impossible(text)
    if months is None:
        months = 0 if day >= today.day else 1
    year, month = month_after(today, months)
    if day > monthrange(year, month)[1]:
        return impossible(text)
    return on(text, date(year, month, day), today)


def day_and_month(text: str, day: int, month: int, today: date, year: int | None = None) -> DayMention:
    """Return a calendar day; without a year the nearest one, so that "March 5th" said on 10 March is over."""
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return impossible(text)
    if year is not None:
        if not today.year - 100 <= year <= today.year + 100 or day > monthrange(year, month)[1]:
            return impossible(text)
        return on(text, date(year, month, day), today)
    if day > monthrange(2024, month)[1]:
        return impossible(text)
    possible = [
        date(y, month, day)
        for y in (today.year - 1, today.year, today.year + 1)
        if day <= monthrange(y, month)[1]
    ]
    if not possible:
        return impossible(text)
    return on(text, min(possible, key=lambda d: abs((d - today).days)), today)


def end_of_month(text: str, today: date, months: int = 0) -> DayMention:
    """Return the last day of a month so many months from now."""
    year, month = month_after(today, months)
    return on(text, date(year, month, monthrange(year, month)[1]), today)


def settled(
    days: Sequence[DayMention],
    text: str,
    turned: re.Pattern[str],
    bare: re.Pattern[str],
    following: re.Pattern[str],
) -> list[DayMention]:
    """Return the days without what is vague and only goes on about the one before it: 一号发工资的时候.

    `turned` finds the words between two days after which the second is another one: not, or, the rest. A day of the
    month alone, which is all that `bare` matches, is counted on from the one before it; what `following` matches is the day
    after that one, and without one nothing.
    """
    kept: list[DayMention] = []
    end = 0
    for mention in days:
        start = text.find(mention.text, end)
        between = text[end : max(start, end)]
        end = max(start, end) + len(mention.text)
        before = kept[-1] if kept else None
        if following.fullmatch(mention.text):
            if before is not None and before.day is not None:
                kept.append(DayMention(text=mention.text, day=before.day + timedelta(days=1)))
        elif before is None:
            kept.append(mention)
        elif mention.problem is DayProblem.VAGUE and start >= 0:
            goes_on = (
                not turned.search(between)
                if before.day
                else before.problem is not DayProblem.PAST and not between.strip()
            )
            if not goes_on:
                kept.append(mention)
        else:
            counts_on = bare.fullmatch(mention.text) and not turned.search(between.replace(" and ", " "))
            kept.append(_counted_on(mention, before) if counts_on else mention)
    return kept


def _counted_on(mention: DayMention, before: DayMention) -> DayMention:
    """Return "the twentieth" after "the fifth of January" as one of the same month, or of the next that has it."""
    if mention.day is None or before.day is None or mention.day >= before.day:
        return mention
    later = day_of_month(mention.text, mention.day.day, before.day)
    return later if later.day else mention


def weekday(text: str, wanted: int, today: date, weeks: int | None) -> DayMention:
    """Return a weekday (Monday is 0) of the week so many weeks from this one; the next to come when None."""
    if weeks is None:
        return in_days(text, (wanted - today.weekday() - 1) % 7 + 1, today)
    return on(text, today + timedelta(days=wanted - today.weekday() + 7 * weeks), today)
