"""How far people came, and what held calls back: the funnel, cohorts, refusals by rule, how many people were called."""

from datetime import datetime, timedelta, tzinfo
from itertools import pairwise

import msgspec
from sqlalchemy import Connection, and_, case, func, literal, select

from console.ledger_tables import CAMPAIGN, CONTACT, OUTCOME, PROMISE, REFUSAL
from console.measures import EVERYTHING, Scope, conditions, ratio
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
    }
    of_promises = {"promised": PROMISE.c.attempt.is_not(None), "kept": PROMISE.c.kept_on.is_not(None)}
    counts: dict[str, int] = {}
    for table, asked in ((OUTCOME, flags), (PROMISE, of_promises)):
        each = (
            select(*(func.max(case((flag, 1), else_=0)).label(name) for name, flag in asked.items()))
            .select_from(table)
            .where(*conditions(scope, table))
            .group_by(table.c.box, table.c.campaign, table.c.contact)
            .subquery()
        )
        sums = [func.sum(each.c[name]).label(name) for name in asked]
        row = connection.execute(select(func.count().label("attempted"), *sums)).one()
        counts.setdefault("attempted", int(row.attempted))
        counts |= {name: int(getattr(row, name) or 0) for name in asked}
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
    for name, table, which in (
        ("right_party", OUTCOME, [OUTCOME.c.right_party]),
        ("promised", PROMISE, []),
    ):
        counts = found[name]
        same_list = and_(CAMPAIGN.c.box == table.c.box, CAMPAIGN.c.campaign == table.c.campaign)
        first = (
            select(table.c.box, table.c.campaign, func.min(table.c.reserved_at).label("at"))
            .join_from(table, CAMPAIGN, same_list)
            .where(*which, *conditions(scope, table), *sent)
            .group_by(table.c.box, table.c.campaign, table.c.contact)
            .subquery()
        )
        after = (first.c.at - CAMPAIGN.c.pushed_at) // literal(_WEEK_MS, type_=CAMPAIGN.c.pushed_at.type)
        same = and_(CAMPAIGN.c.box == first.c.box, CAMPAIGN.c.campaign == first.c.campaign)
        query = (
            select(first.c.box, first.c.campaign, after.label("after"), func.count().label("n"))
            .join_from(first, CAMPAIGN, same)
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
    # By contact first: that is hashed, where counting what differs would sort everything.
    query = select(REFUSAL.c.rule, func.count().label("n")).group_by(
        REFUSAL.c.rule, REFUSAL.c.campaign, REFUSAL.c.contact
    )
    for column, value in ((REFUSAL.c.campaign, scope.campaign), (REFUSAL.c.box, scope.box)):
        query = query if value is None else query.where(column == value)
    if scope.since is not None:
        query = query.where(REFUSAL.c.at >= to_ms(scope.since))
    if scope.until is not None:
        query = query.where(REFUSAL.c.at < to_ms(scope.until))
    each = query.subquery()
    sums = func.sum(each.c.n).label("refusals"), func.count().label("contacts")
    rows = connection.execute(select(each.c.rule, *sums).group_by(each.c.rule))
    found = [RuleRefusals(rule=row.rule, refusals=int(row.refusals), contacts=row.contacts) for row in rows]
    return sorted(found, key=lambda each: (-each.refusals, each.rule))


def people_called(connection: Connection, scope: Scope = EVERYTHING) -> int:
    """Return how many different people were called."""
    people = select(OUTCOME.c.person).where(*conditions(scope)).distinct().subquery()
    return int(connection.execute(select(func.count()).select_from(people)).scalar_one())
