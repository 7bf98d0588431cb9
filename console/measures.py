"""What the calls came to: counts, rates and money over any part of the ledger, for tables, pages and plots.

Everything is read in the connection's own transaction (`Ledger.reading()`), so that figures on one page agree. A call
counts where it was reserved; a promise counts where its call counts, whenever it is kept.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum
from itertools import pairwise
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, case, cast, distinct, func, literal, select

from console.ledger_tables import CAMPAIGN, CONTACT, OUTCOME, PROMISE, REFUSAL
from console.promise_settling import GRACE
from firmware.clock import from_ms, to_ms
from firmware.values import Disposition

_BUCKET_MS = 15 * 60 * 1000
"""Zones differ from UTC by whole quarters of an hour, so these fold into anybody's hours."""
_WEEK_MS = 7 * 24 * 3600 * 1000

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
    opt_outs_per_10000: float | None = None
    """Of attempts, as regulators and carriers count them."""
    complaints_per_10000: float | None = None


class Group(msgspec.Struct, kw_only=True, frozen=True):
    """Figures of one value of a dimension."""

    key: str
    measures: Measures


class Stage(msgspec.Struct, kw_only=True, frozen=True):
    """One step of the funnel: contacts that came so far."""

    name: str
    """sent, attempted, answered, reached, right_party, promised, kept."""
    contacts: int
    of_before: float | None
    """Share of the stage before."""


class Cell(msgspec.Struct, kw_only=True, frozen=True):
    """One hour of the week."""

    weekday: int
    """1 for Monday to 7."""
    hour: int
    measures: Measures


class Cohort(msgspec.Struct, kw_only=True, frozen=True):
    """Contacts that were sent in one week, and how many of them had been spoken to, week by week."""

    week: str
    """The Monday, ``2026-11-02``."""
    contacts: int
    right_party: list[int]
    """Contacts whose right party was reached within 1, 2, … weeks of the push (cumulative)."""
    promised: list[int]


class RuleRefusals(msgspec.Struct, kw_only=True, frozen=True):
    """How often one rule held a call back."""

    rule: str
    refusals: int
    """Times that a contact came under it."""
    contacts: int


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
    columns = _COLUMNS.get(dimension, (_bucket(),))
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
    for (bucket,), sums in _sums(connection, scope, (_bucket(),), today).items():
        at = from_ms(bucket * _BUCKET_MS).astimezone(zone)
        _add(folded.setdefault((at.isoweekday(), at.hour), {}), sums)
    return [
        Cell(weekday=weekday, hour=hour, measures=_measures(folded[weekday, hour]))
        for weekday, hour in sorted(folded)
    ]


def funnel(connection: Connection, scope: Scope = EVERYTHING) -> list[Stage]:
    """Return how many contacts came how far, from the list to the money.

    With a time or a flow in the scope it begins at the attempts: a list has neither.
    """
    flags = {
        "answered": OUTCOME.c.answered_at.is_not(None),
        "reached": OUTCOME.c.reached,
        "right_party": OUTCOME.c.right_party,
        "promised": PROMISE.c.attempt.is_not(None),
        "kept": PROMISE.c.kept_on.is_not(None),
    }
    each = (
        select(*(func.max(case((flag, 1), else_=0)).label(name) for name, flag in flags.items()))
        .select_from(OUTCOME.outerjoin(PROMISE, _SAME_CALL))
        .where(*_conditions(scope))
        .group_by(OUTCOME.c.box, OUTCOME.c.campaign, OUTCOME.c.contact)
        .subquery()
    )
    row = connection.execute(
        select(func.count().label("attempted"), *(func.sum(each.c[name]).label(name) for name in flags))
    ).one()
    counts = {"attempted": int(row.attempted), **{name: int(getattr(row, name) or 0) for name in flags}}
    if all(part is None for part in (scope.since, scope.until, scope.flow, scope.flow_version)):
        sent = select(func.count()).select_from(CONTACT)
        for column, value in ((CONTACT.c.campaign, scope.campaign), (CONTACT.c.box, scope.box)):
            sent = sent if value is None else sent.where(column == value)
        counts = {"sent": connection.execute(sent).scalar_one(), **counts}
    first, *_ = counts.items()
    stages = [Stage(name=first[0], contacts=first[1], of_before=None)]
    for (_, before), (name, n) in pairwise(counts.items()):
        stages.append(Stage(name=name, contacts=n, of_before=_ratio(n, before)))
    return stages


def cohorts(
    connection: Connection, scope: Scope = EVERYTHING, *, zone: tzinfo | None, weeks: int = 8
) -> list[Cohort]:
    """Return, for each week in which lists were pushed, how many contacts had been spoken to after 1…`weeks` weeks."""
    first = (
        select(
            OUTCOME.c.box,
            OUTCOME.c.campaign,
            func.min(case((OUTCOME.c.right_party, OUTCOME.c.reserved_at))).label("right_party"),
            func.min(case((PROMISE.c.attempt.is_not(None), OUTCOME.c.reserved_at))).label("promised"),
        )
        .select_from(OUTCOME.outerjoin(PROMISE, _SAME_CALL))
        .where(*_conditions(scope))
        .group_by(OUTCOME.c.box, OUTCOME.c.campaign, OUTCOME.c.contact)
        .subquery()
    )
    pushed = select(CAMPAIGN.c.box, CAMPAIGN.c.campaign, CAMPAIGN.c.pushed_at, CAMPAIGN.c.contacts)
    for column, value in ((CAMPAIGN.c.campaign, scope.campaign), (CAMPAIGN.c.box, scope.box)):
        pushed = pushed if value is None else pushed.where(column == value)
    sizes: dict[str, int] = {}
    week_of: dict[tuple[str, str], str] = {}
    for row in connection.execute(pushed):
        day = from_ms(row.pushed_at).astimezone(zone).date()
        week = (day - timedelta(days=day.weekday())).isoformat()
        week_of[row.box, row.campaign] = week
        sizes[week] = sizes.get(week, 0) + row.contacts
    found = {name: {week: [0] * weeks for week in sizes} for name in ("right_party", "promised")}
    for name, counts in found.items():
        after = (first.c[name] - CAMPAIGN.c.pushed_at) // literal(_WEEK_MS, type_=CAMPAIGN.c.pushed_at.type)
        same = and_(CAMPAIGN.c.box == first.c.box, CAMPAIGN.c.campaign == first.c.campaign)
        query = (
            select(first.c.box, first.c.campaign, after.label("after"), func.count().label("n"))
            .join_from(first, CAMPAIGN, same)
            .where(first.c[name].is_not(None))
            .group_by(first.c.box, first.c.campaign, after)
        )
        for row in connection.execute(query):
            known = week_of.get((row.box, row.campaign))
            for week_number in range(max(int(row.after), 0), weeks) if known else ():
                counts[known or ""][week_number] += row.n
    return [
        Cohort(week=week, contacts=sizes[week], **{name: counts[week] for name, counts in found.items()})
        for week in sorted(sizes)
    ]


def refusals(connection: Connection, scope: Scope = EVERYTHING) -> list[RuleRefusals]:
    """Return how often each rule held calls back, the most frequent first; a refusal knows no flow."""
    query = select(
        REFUSAL.c.rule,
        func.count().label("refusals"),
        func.count(distinct(REFUSAL.c.campaign + literal("\n") + REFUSAL.c.contact)).label("contacts"),
    ).group_by(REFUSAL.c.rule)
    for column, value in ((REFUSAL.c.campaign, scope.campaign), (REFUSAL.c.box, scope.box)):
        query = query if value is None else query.where(column == value)
    if scope.since is not None:
        query = query.where(REFUSAL.c.at >= to_ms(scope.since))
    if scope.until is not None:
        query = query.where(REFUSAL.c.at < to_ms(scope.until))
    rows = connection.execute(query)
    found = [RuleRefusals(rule=row.rule, refusals=row.refusals, contacts=row.contacts) for row in rows]
    return sorted(found, key=lambda each: (-each.refusals, each.rule))


_SAME_CALL = and_(PROMISE.c.box == OUTCOME.c.box, PROMISE.c.attempt == OUTCOME.c.attempt)
_COLUMNS: Mapping[Dimension, tuple[ColumnElement[Any], ...]] = {
    Dimension.CAMPAIGN: (OUTCOME.c.campaign,),
    Dimension.FLOW: (OUTCOME.c.flow, OUTCOME.c.flow_version),
    Dimension.BOX: (OUTCOME.c.box,),
    Dimension.LINE: (OUTCOME.c.box, OUTCOME.c.line),
}
_OF_TIME = {Dimension.HOUR, Dimension.WEEKDAY, Dimension.DAY, Dimension.MONTH}


def _bucket() -> ColumnElement[int]:
    return OUTCOME.c.reserved_at // literal(_BUCKET_MS, type_=OUTCOME.c.reserved_at.type)


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


def _conditions(scope: Scope) -> list[ColumnElement[bool]]:
    wanted = (
        (OUTCOME.c.campaign, scope.campaign),
        (OUTCOME.c.box, scope.box),
        (OUTCOME.c.flow, scope.flow),
        (OUTCOME.c.flow_version, scope.flow_version),
    )
    found: list[ColumnElement[bool]] = [column == value for column, value in wanted if value is not None]
    if scope.since is not None:
        found.append(OUTCOME.c.reserved_at >= to_ms(scope.since))
    if scope.until is not None:
        found.append(OUTCOME.c.reserved_at < to_ms(scope.until))
    return found


def _sums(
    connection: Connection, scope: Scope, columns: Iterable[ColumnElement[Any]], today: date
) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Return sums by the columns' values: one pass over the calls, one over the (few) promises."""
    keys = [column.label(f"key{index}") for index, column in enumerate(columns)]

    def n(flag: ColumnElement[bool]) -> ColumnElement[int]:
        return func.coalesce(func.sum(case((flag, 1), else_=0)), 0)

    counts = {
        "attempts": func.count(),
        "answered": func.count(OUTCOME.c.answered_at),
        "reached": n(OUTCOME.c.reached),
        "right_party": n(OUTCOME.c.right_party),
        "talk_ms": cast(func.coalesce(func.sum(OUTCOME.c.talk_ms), 0), OUTCOME.c.talk_ms.type),
        "opt_outs": n(OUTCOME.c.disposition == str(Disposition.OPT_OUT)),
        "complaints": n(OUTCOME.c.disposition == str(Disposition.COMPLAINT)),
        "stopped": func.count(OUTCOME.c.suppressed),
    }
    query = select(*keys, *(count.label(name) for name, count in counts.items()))
    query = query.select_from(OUTCOME).where(*_conditions(scope)).group_by(*keys)
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
    query = select(*keys, PROMISE.c.currency, *(each.label(name) for name, each in of_promises.items()))
    query = query.select_from(PROMISE.join(OUTCOME, _SAME_CALL)).where(*_conditions(scope))
    for row in connection.execute(query.group_by(*keys, PROMISE.c.currency)):
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
        connect_rate=_ratio(found.answered, found.attempts),
        right_party_rate=_ratio(found.right_party, found.answered),
        promise_rate=_ratio(found.promises, found.right_party),
        kept_rate=_ratio(found.kept, found.kept + found.broken),
        mean_talk_ms=_ratio(found.talk_ms, found.answered),
        opt_outs_per_10000=_ratio(10_000 * found.opt_outs, found.attempts),
        complaints_per_10000=_ratio(10_000 * found.complaints, found.attempts),
    )


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
