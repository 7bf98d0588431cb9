"""How far people came, and what held calls back: the funnel, cohorts, refusals by rule, how many people were called."""

from datetime import datetime, timedelta, tzinfo
from itertools import pairwise

import msgspec
from sqlalchemy import Connection, and_, case, distinct, func, literal, select

from console.ledger_tables import CAMPAIGN, CONTACT, OUTCOME, PROMISE, REFUSAL
from console.measures import EVERYTHING, SAME_CALL, Scope, conditions, ratio
from firmware.clock import from_ms, to_ms

_WEEK_MS = 7 * 24 * 3600 * 1000


class Stage(msgspec.Struct, kw_only=True, frozen=True):
    """One step of the funnel: contacts that came so far."""

    name: str
    """sent, attempted, answered, reached, right_party, promised, kept."""
    contacts: int
    of_before: float | None
    """Share of the stage before."""


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
        .select_from(OUTCOME.outerjoin(PROMISE, SAME_CALL))
        .where(*conditions(scope))
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
        stages.append(Stage(name=name, contacts=n, of_before=ratio(n, before)))
    return stages


def cohorts(
    connection: Connection,
    scope: Scope = EVERYTHING,
    *,
    zone: tzinfo | None,
    weeks: int = 8,
    pushed: tuple[datetime, datetime] | None = None,
) -> list[Cohort]:
    """Return, for each week in which lists were pushed, how many contacts had been spoken to after 1…`weeks` weeks.

    With `pushed` only lists that were pushed from the one instant to before the other; `scope` is of their calls.
    """
    sent = [
        column == value
        for column, value in ((CAMPAIGN.c.campaign, scope.campaign), (CAMPAIGN.c.box, scope.box))
        if value is not None
    ]
    if pushed is not None:
        sent += [CAMPAIGN.c.pushed_at >= to_ms(pushed[0]), CAMPAIGN.c.pushed_at < to_ms(pushed[1])]
    same_list = and_(CAMPAIGN.c.box == OUTCOME.c.box, CAMPAIGN.c.campaign == OUTCOME.c.campaign)
    first = (
        select(
            OUTCOME.c.box,
            OUTCOME.c.campaign,
            func.min(case((OUTCOME.c.right_party, OUTCOME.c.reserved_at))).label("right_party"),
            func.min(case((PROMISE.c.attempt.is_not(None), OUTCOME.c.reserved_at))).label("promised"),
        )
        .select_from(OUTCOME.join(CAMPAIGN, same_list).outerjoin(PROMISE, SAME_CALL))
        .where(*conditions(scope), *sent)
        .group_by(OUTCOME.c.box, OUTCOME.c.campaign, OUTCOME.c.contact)
        .subquery()
    )
    lists = select(CAMPAIGN.c.box, CAMPAIGN.c.campaign, CAMPAIGN.c.pushed_at, CAMPAIGN.c.contacts).where(
        *sent
    )
    sizes: dict[str, int] = {}
    week_of: dict[tuple[str, str], str] = {}
    for row in connection.execute(lists):
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


def people_called(connection: Connection, scope: Scope = EVERYTHING) -> int:
    """Return how many different people were called."""
    query = select(func.count(distinct(OUTCOME.c.person))).where(*conditions(scope))
    return int(connection.execute(query).scalar_one())
