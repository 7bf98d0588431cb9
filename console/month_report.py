"""A month's figures in one look at the ledger: everything that the month's page shows, also as JSON."""

import re
from datetime import date, datetime, timedelta, tzinfo

import msgspec
from sqlalchemy import Connection

from console import contact_measures, measures
from console.contact_measures import Cohort, RuleRefusals, Stage
from console.errors import ConsoleError
from console.measures import Calendar, Dimension, FirstWord, Group, Measures, Scope

_MONTH = re.compile(r"[12]\d{3}-(0[1-9]|1[0-2])")


class MonthReport(msgspec.Struct, kw_only=True, frozen=True):
    """What came of the calls of one month; a call counts where it was reserved."""

    month: str
    """``2026-11``."""
    since: datetime
    until: datetime
    campaign: str | None
    box: str | None
    calendar: Calendar
    before: Measures
    """The month before, for comparison."""
    people: int
    first_word: FirstWord
    funnel: list[Stage]
    campaigns: list[Group]
    flows: list[Group]
    branches: list[Group]
    cohorts: list[Cohort]
    """Lists pushed in this month, and how many contacts were spoken to since; later weeks may be still to come."""
    refusals: list[RuleRefusals]


def month_report(
    rows: Connection,
    month: str,
    *,
    zone: tzinfo | None,
    today: date,
    campaign: str | None = None,
    box: str | None = None,
) -> MonthReport:
    """Count a month by the clock of `zone`, None for this computer's. Raises ConsoleError for what is no month."""
    first, after = month_ends(month)
    before, _ = month_ends(f"{first - timedelta(days=1):%Y-%m}")
    since, until = _begin(first, zone), _begin(after, zone)
    scope = Scope(since=since, until=until, campaign=campaign, box=box)
    earlier = Scope(since=_begin(before, zone), until=since, campaign=campaign, box=box)
    of_lists = Scope(campaign=campaign, box=box)
    return MonthReport(
        month=month,
        since=since,
        until=until,
        campaign=campaign,
        box=box,
        calendar=measures.calendar(rows, scope, zone=zone, today=today),
        before=measures.totals(rows, earlier, today=today),
        people=contact_measures.people_called(rows, scope),
        first_word=measures.first_word(rows, scope),
        funnel=contact_measures.funnel(rows, scope),
        campaigns=measures.by(rows, Dimension.CAMPAIGN, scope, zone=zone, today=today),
        flows=measures.by(rows, Dimension.FLOW, scope, zone=zone, today=today),
        branches=measures.by(rows, Dimension.BOX, scope, zone=zone, today=today),
        cohorts=contact_measures.cohorts(rows, of_lists, zone=zone, pushed=(since, until)),
        refusals=contact_measures.refusals(rows, scope),
    )


def month_ends(month: str) -> tuple[date, date]:
    """Return the first day of a month ``2026-11`` and that of the next. Raises ConsoleError."""
    if not _MONTH.fullmatch(month):
        raise ConsoleError(f"{month!r} is no month; write a year and a month, such as 2026-11")
    first = date.fromisoformat(f"{month}-01")
    return first, (first + timedelta(days=31)).replace(day=1)


def _begin(day: date, zone: tzinfo | None) -> datetime:
    at = datetime.combine(day, datetime.min.time())
    return at.astimezone() if zone is None else at.replace(tzinfo=zone)
