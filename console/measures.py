"""What the calls came to: counts, rates and money over any part of the ledger, for tables, pages and plots.

Everything is read in the connection's own transaction (`Ledger.reading()`), so that figures on one page agree. A call
counts where it was reserved; a promise counts where its call counts, whenever it is kept.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, case, cast, func, literal, select

from console.ledger_tables import OUTCOME, PROMISE
from console.promise_settling import GRACE
from firmware.clock import from_ms, to_ms
from firmware.values import Disposition

_BUCKET_MS = 15 * 60 * 1000
"""Zones differ from UTC by whole quarters of an hour, so these fold into anybody's hours."""

MoneyByCurrency = dict[str, int]
"""ISO 4217 to minor units; `reports.amount_text` writes one out."""


class Dimension(StrEnum):
    """By what figures are set side by side."""

    CAMPAIGN = "campaign"
    FLOW = "flow"
    """Name and version: ``reminder v3``."""
    BOX = "box"
    """A branch has one box."""
    LINE = "line"
    """``box/line``."""
    HOUR = "hour"
    """``00`` to ``23``, in the zone that is asked for."""
    WEEKDAY = "weekday"
    """``1`` for Monday to ``7``."""
    DAY = "day"
    MONTH = "month"


class Scope(msgspec.Struct, kw_only=True, frozen=True):
    """Which part of the ledger; whatever is None is not asked for."""

    since: datetime | None = None
    """First instant."""
    until: datetime | None = None
    """First instant after."""
    campaign: str | None = None
    box: str | None = None
    flow: str | None = None
    flow_version: int | None = None


EVERYTHING = Scope()


class Measures(msgspec.Struct, kw_only=True, frozen=True):
    """Figures of some calls. A rate whose denominator is zero is None, never 0."""

    attempts: int = 0
    answered: int = 0
    reached: int = 0
    """A human was."""
    right_party: int = 0
    promises: int = 0
    kept: int = 0
    """Promises that payments have met in full, the last instalment within its grace."""
    broken: int = 0
    """Promises whose last day and grace are over."""
    promised: MoneyByCurrency = {}
    kept_money: MoneyByCurrency = {}
    """Of what was promised, what has come in."""
    talk_ms: int = 0
    first_words: int = 0
    """Calls in which the box said something, as far as it told when."""
    first_word_ms: int = 0
    """From the answer to the first word, of all of these together."""
    opt_outs: int = 0
    complaints: int = 0
    stopped: int = 0
    """Calls after which the person, number or debt is called no more."""
    connect_rate: float | None = None
    """Answered of attempts."""
    right_party_rate: float | None = None
    """Right party of answered."""
    promise_rate: float | None = None
    """Promises of right party."""
    kept_rate: float | None = None
    """Kept of kept and broken: a promise that still has time is neither."""
    mean_talk_ms: float | None = None
    """Of answered calls."""
    mean_first_word_ms: float | None = None
    opt_outs_per_10000: float | None = None
    """Of attempts, as regulators and carriers count them."""
    complaints_per_10000: float | None = None


class Group(msgspec.Struct, kw_only=True, frozen=True):
    """Figures of one value of a dimension."""

    key: str
    measures: Measures


class FirstWord(msgspec.Struct, kw_only=True, frozen=True):
    """How long those who answered waited for the first word."""

    calls: int
    median_ms: int | None
    p95_ms: int | None
    """Rounded up to 50 ms."""


class Cell(msgspec.Struct, kw_only=True, frozen=True):
    """One hour of the week."""

    weekday: int
    """1 for Monday to 7."""
    hour: int
    measures: Measures


class Calendar(msgspec.Struct, kw_only=True, frozen=True):
    """Figures of a scope as a whole and by the clock, all from one look."""

    total: Measures
    hours: list[Group]
    weekdays: list[Group]
    days: list[Group]
    """Every day of the scope if it names its ends, else those with a call."""
    cells: list[Cell]


def totals(connection: Connection, scope: Scope = EVERYTHING, *, today: date) -> Measures:
    """Return the figures of a scope; `today` decides which promises are broken."""
    return _measures(_sums(connection, scope, (), today).get((), {}))


def by(
    connection: Connection,
    dimension: Dimension,
    scope: Scope = EVERYTHING,
    *,
    zone: tzinfo | None,
    today: date,
) -> list[Group]:
    """Return the figures by the values of a dimension, in their order; `zone` is what clocks and days go by, None this computer's."""
    columns = _COLUMNS.get(dimension, _BUCKET)
    folded: dict[str, dict[str, Any]] = {}
    for key, sums in _sums(connection, scope, columns, today).items():
        name = _timed(dimension, key[0], zone) if dimension in _OF_TIME else _named(dimension, key)
        _add(folded.setdefault(name, {}), sums)
    return [Group(key=key, measures=_measures(folded[key])) for key in sorted(folded)]


def heat_map(
    connection: Connection, scope: Scope = EVERYTHING, *, zone: tzinfo | None, today: date
) -> list[Cell]:
    """Return the figures of every hour of the week in which there was a call, Monday first."""
    folded: dict[tuple[int, int], dict[str, Any]] = {}
    for (bucket,), sums in _sums(connection, scope, _BUCKET, today).items():
        at = from_ms(bucket * _BUCKET_MS).astimezone(zone)
        _add(folded.setdefault((at.isoweekday(), at.hour), {}), sums)
    return _cells(folded)


def calendar(
    connection: Connection, scope: Scope = EVERYTHING, *, zone: tzinfo | None, today: date
) -> Calendar:
    """Return the figures of a scope in total, by hour, weekday, day, and hour of the week."""
    total: dict[str, Any] = {}
    folded: dict[Dimension, dict[str, dict[str, Any]]] = {each: {} for each in _CLOCK}
    cells: dict[tuple[int, int], dict[str, Any]] = {}
    if scope.since is not None and scope.until is not None:
        first, last = scope.since.astimezone(zone).date(), (scope.until - _A_MOMENT).astimezone(zone).date()
        folded[Dimension.DAY] = {
            (first + timedelta(days=n)).isoformat(): {} for n in range((last - first).days + 1)
        }
    for (bucket,), sums in _sums(connection, scope, _BUCKET, today).items():
        at = from_ms(bucket * _BUCKET_MS).astimezone(zone)
        _add(total, sums)
        _add(cells.setdefault((at.isoweekday(), at.hour), {}), sums)
        for dimension, groups in folded.items():
            _add(groups.setdefault(_timed(dimension, bucket, zone), {}), sums)
    hours, weekdays, days = (
        [Group(key=key, measures=_measures(groups[key])) for key in sorted(groups)]
        for groups in folded.values()
    )
    return Calendar(total=_measures(total), hours=hours, weekdays=weekdays, days=days, cells=_cells(cells))


def first_word(connection: Connection, scope: Scope = EVERYTHING) -> FirstWord:
    """Return the middle and the 95th percentile of the time from the answer to the box's first word."""
    step = (
        OUTCOME.c.first_word_ms // literal(_FIRST_WORD_STEP_MS, type_=OUTCOME.c.first_word_ms.type)
    ).label("step")
    query = select(step, func.count()).where(*conditions(scope), OUTCOME.c.first_word_ms.is_not(None))
    steps = sorted((int(row[0]), int(row[1])) for row in connection.execute(query.group_by(step)))
    calls = sum(n for _step, n in steps)

    def percentile(share: float) -> int | None:
        seen = 0
        for place, n in steps:
            seen += n
            if seen >= share * calls:
                return (place + 1) * _FIRST_WORD_STEP_MS
        return None

    return FirstWord(calls=calls, median_ms=percentile(0.5), p95_ms=percentile(0.95))


_BUCKET = ("",)
"""The quarter of an hour in which a call was reserved."""
_COLUMNS: Mapping[Dimension, tuple[str, ...]] = {
    # As calls and promises both have them.
    Dimension.CAMPAIGN: ("campaign",),
    Dimension.FLOW: ("flow", "flow_version"),
    Dimension.BOX: ("box",),
    Dimension.LINE: ("box", "line"),
}
_OF_TIME = {Dimension.HOUR, Dimension.WEEKDAY, Dimension.DAY, Dimension.MONTH}


_CLOCK = (Dimension.HOUR, Dimension.WEEKDAY, Dimension.DAY)
_A_MOMENT = timedelta(milliseconds=1)
_FIRST_WORD_STEP_MS = 50


def _cells(folded: dict[tuple[int, int], dict[str, Any]]) -> list[Cell]:
    return [
        Cell(weekday=weekday, hour=hour, measures=_measures(folded[weekday, hour]))
        for weekday, hour in sorted(folded)
    ]


def _key(table: Table, name: str) -> ColumnElement[Any]:
    if name:
        return table.c[name]
    return table.c.reserved_at // literal(_BUCKET_MS, type_=table.c.reserved_at.type)


def _named(dimension: Dimension, key: tuple[Any, ...]) -> str:
    match dimension:
        case Dimension.FLOW:
            return f"{key[0] or '(none)'} v{key[1]}"
        case Dimension.LINE:
            return f"{key[0]}/{key[1]}"
        case _:
            return str(key[0])


def _timed(dimension: Dimension, bucket: int, zone: tzinfo | None) -> str:
    at = from_ms(bucket * _BUCKET_MS).astimezone(zone)
    match dimension:
        case Dimension.HOUR:
            return f"{at.hour:02d}"
        case Dimension.WEEKDAY:
            return str(at.isoweekday())
        case Dimension.MONTH:
            return f"{at:%Y-%m}"
        case _:
            return at.date().isoformat()


def conditions(scope: Scope, table: Table = OUTCOME) -> list[ColumnElement[bool]]:
    """Return what a scope asks of a call, or of the call of a promise."""
    wanted = (
        (table.c.campaign, scope.campaign),
        (table.c.box, scope.box),
        (table.c.flow, scope.flow),
        (table.c.flow_version, scope.flow_version),
    )
    found: list[ColumnElement[bool]] = [column == value for column, value in wanted if value is not None]
    if scope.since is not None:
        found.append(table.c.reserved_at >= to_ms(scope.since))
    if scope.until is not None:
        found.append(table.c.reserved_at < to_ms(scope.until))
    return found


def _sums(
    connection: Connection, scope: Scope, columns: Sequence[str], today: date
) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Return sums by the columns' values: one pass over the calls, one over the (few) promises."""
    keys, of_promise = (
        [_key(table, name).label(f"key{index}") for index, name in enumerate(columns)]
        for table in (OUTCOME, PROMISE)
    )

    def n(flag: ColumnElement[bool]) -> ColumnElement[int]:
        return func.coalesce(func.sum(case((flag, 1), else_=0)), 0)

    counts = {
        "attempts": func.count(),
        "answered": func.count(OUTCOME.c.answered_at),
        "reached": n(OUTCOME.c.reached),
        "right_party": n(OUTCOME.c.right_party),
        "talk_ms": cast(func.coalesce(func.sum(OUTCOME.c.talk_ms), 0), OUTCOME.c.talk_ms.type),
        "first_words": func.count(OUTCOME.c.first_word_ms),
        "first_word_ms": cast(func.coalesce(func.sum(OUTCOME.c.first_word_ms), 0), OUTCOME.c.talk_ms.type),
        "opt_outs": n(OUTCOME.c.disposition == str(Disposition.OPT_OUT)),
        "complaints": n(OUTCOME.c.disposition == str(Disposition.COMPLAINT)),
        "stopped": func.count(OUTCOME.c.suppressed),
    }
    query = select(*keys, *(count.label(name) for name, count in counts.items()))
    query = query.select_from(OUTCOME).where(*conditions(scope)).group_by(*keys)
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in connection.execute(query):
        found[tuple(row[: len(keys)])] = {name: int(getattr(row, name)) for name in counts}
    is_over = PROMISE.c.last_due < (today - GRACE).isoformat()
    of_promises = {
        "promises": func.count(),
        "kept": func.count(PROMISE.c.kept_on),
        "broken": n(PROMISE.c.kept_on.is_(None) & is_over),
        "promised": func.coalesce(func.sum(PROMISE.c.total_minor), 0),
        "kept_money": func.coalesce(func.sum(PROMISE.c.paid_minor), 0),
    }
    query = select(*of_promise, PROMISE.c.currency, *(each.label(name) for name, each in of_promises.items()))
    query = query.where(*conditions(scope, PROMISE))
    for row in connection.execute(query.group_by(*of_promise, PROMISE.c.currency)):
        here: dict[str, Any] = {name: int(getattr(row, name)) for name in ("promises", "kept", "broken")}
        if row.currency is not None:
            here |= {name: {row.currency: int(getattr(row, name))} for name in ("promised", "kept_money")}
        _add(found.setdefault(tuple(row[: len(keys)]), {}), here)
    return found


def _add(target: dict[str, Any], more: Mapping[str, Any]) -> None:
    for name, value in more.items():
        if isinstance(value, dict):
            _add(target.setdefault(name, {}), value)
        else:
            target[name] = target.get(name, 0) + value


def _measures(sums: dict[str, Any]) -> Measures:
    found = Measures(**sums)
    return msgspec.structs.replace(
        found,
        connect_rate=ratio(found.answered, found.attempts),
        right_party_rate=ratio(found.right_party, found.answered),
        promise_rate=ratio(found.promises, found.right_party),
        kept_rate=ratio(found.kept, found.kept + found.broken),
        mean_talk_ms=ratio(found.talk_ms, found.answered),
        mean_first_word_ms=ratio(found.first_word_ms, found.first_words),
        opt_outs_per_10000=ratio(10_000 * found.opt_outs, found.attempts),
        complaints_per_10000=ratio(10_000 * found.complaints, found.attempts),
    )


def ratio(part: int, whole: int) -> float | None:
    """Return a share, None of nothing."""
    return part / whole if whole else None
