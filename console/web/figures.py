"""Counts of calls by the hour, and what follows from them: rates, a funnel, the week as a heat map, days as a trend."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, distinct, func, select

from console.ledger_tables import OUTCOME, PROMISE
from firmware.values import Disposition

HOUR_MS = 3600 * 1000
N_HOURS, N_WEEKDAYS = 24, 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Calls of some time, counted."""

    attempts: int = 0
    answered: int = 0
    reached: int = 0
    right_party: int = 0
    promises: int = 0
    opt_outs: int = 0
    complaints: int = 0
    talk_ms: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            **{each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(Counts)}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the measures page shows."""

    total: Counts
    people: int
    """Different people that were called."""
    promised: tuple[tuple[str, int, int], ...]
    """Currency, promises with a sum, sum in minor units."""
    week: tuple[tuple[Counts, ...], ...]
    """By weekday, Monday first, and hour."""
    days: tuple[tuple[date, Counts], ...]
    """Every day, also those without a call."""


def read_figures(
    rows: Connection, *, since_ms: int, until_ms: int, campaign: str = "", box: str = ""
) -> Figures:
    """Return the figures of calls that ended in [since, until), by this computer's local hours."""
    wanted = [OUTCOME.c.ended_at >= since_ms, OUTCOME.c.ended_at < until_ms]
    if campaign:
        wanted.append(OUTCOME.c.campaign == campaign)
    if box:
        wanted.append(OUTCOME.c.box == box)
    same = (PROMISE.c.box == OUTCOME.c.box) & (PROMISE.c.attempt == OUTCOME.c.attempt)
    hour = (OUTCOME.c.ended_at // HOUR_MS).label("hour")
    by_hour = (
        select(
            hour,
            func.count().label("attempts"),
            func.count(OUTCOME.c.answered_at).label("answered"),
            func.count().filter(OUTCOME.c.reached).label("reached"),
            func.count().filter(OUTCOME.c.right_party).label("right_party"),
            func.count(PROMISE.c.due).label("promises"),
            func.count().filter(OUTCOME.c.disposition == Disposition.OPT_OUT.value).label("opt_outs"),
            func.count().filter(OUTCOME.c.disposition == Disposition.COMPLAINT.value).label("complaints"),
            func.coalesce(func.sum(OUTCOME.c.talk_ms), 0).label("talk_ms"),
        )
        .select_from(OUTCOME.outerjoin(PROMISE, same))
        .where(*wanted)
        .group_by(hour)
    )
    hours = [
        (row.hour, Counts(**{each.name: int(getattr(row, each.name)) for each in fields(Counts)}))
        for row in rows.execute(by_hour)
    ]
    people = select(func.count(distinct(OUTCOME.c.person))).where(*wanted)
    sums = (
        select(PROMISE.c.currency, func.count(), func.sum(PROMISE.c.amount_minor))
        .select_from(OUTCOME.join(PROMISE, same))
        .where(*wanted, PROMISE.c.currency.is_not(None))
        .group_by(PROMISE.c.currency)
        .order_by(PROMISE.c.currency)
    )
    return Figures(
        total=_sum(counts for _hour, counts in hours),
        people=rows.execute(people).scalar_one(),
        promised=tuple((row[0], row[1], int(row[2])) for row in rows.execute(sums)),
        week=_week(hours),
        days=_days(hours, _local(since_ms).date(), _local(until_ms - 1).date()),
    )


def rate(part: int, whole: int) -> float | None:
    """Return a share, None of nothing."""
    return part / whole if whole else None


def _week(hours: list[tuple[int, Counts]]) -> tuple[tuple[Counts, ...], ...]:
    cells = [[Counts() for _hour in range(N_HOURS)] for _day in range(N_WEEKDAYS)]
    for hour, counts in hours:
        at = _local(hour * HOUR_MS)
        cells[at.weekday()][at.hour] += counts
    return tuple(tuple(row) for row in cells)


def _days(hours: list[tuple[int, Counts]], first: date, last: date) -> tuple[tuple[date, Counts], ...]:
    days = {first + timedelta(days=n): Counts() for n in range((last - first).days + 1)}
    for hour, counts in hours:
        day = _local(hour * HOUR_MS).date()
        days[day] = days.get(day, Counts()) + counts
    return tuple(sorted(days.items()))


def _sum(counts: Iterable[Counts]) -> Counts:
    total = Counts()
    for each in counts:
        total += each
    return total


def _local(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000).astimezone()
