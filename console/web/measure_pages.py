"""Measures with plots: rates, money, the funnel, the week's hours, the days, what held calls back."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from flask import Blueprint, abort, render_template
from sqlalchemy import Connection, select

from console.contact_measures import Cohort, RuleRefusals, cohorts, people_called, refusals
from console.ledger_tables import BOX, CAMPAIGN
from console.measures import Calendar, Dimension, FirstWord, Group, Measures, Scope, calendar, first_word
from console.measures import by as beside
from console.web import plots
from console.web.desk import Desk, asked, desk
from console.web.roles import May, needs
from console.web.wording import gettext

measure_pages = Blueprint("measures", __name__)
PERIODS = (7, 30, 90)
USUAL_DAYS, USUAL_DIMENSION = 30, Dimension.CAMPAIGN
N_HOURS, N_WEEKDAYS = 24, 7
N_WEEKS = 8
MAX_GROUPS = 60
DIMENSIONS = {
    # What calls are set side by side by, and what it is called.
    "campaign": "Campaign", "flow": "Conversation", "box": "Box", "weekday": "Weekday", "hour": "Hour",
}  # fmt: skip
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the page shows, all from one state of the ledger."""

    calendar: Calendar
    people: int
    first_word: FirstWord
    refusals: list[RuleRefusals]
    cohorts: list[Cohort]
    """Lists that were pushed in these days; what came of them until now."""


@measure_pages.get("/measures")
@needs(May.SEE_MEASURES)
def show() -> str:
    """Show what came of the calls of the last days, by this computer's clock."""
    here = desk()
    campaign, box, days = asked("campaign"), asked("box"), asked("days") or str(USUAL_DAYS)
    if not days.isascii() or not days.isdigit() or int(days) not in PERIODS:
        abort(400)
    by = asked("by") or USUAL_DIMENSION.value
    if by not in DIMENSIONS:
        abort(400)
    scope, today = scope_of(here, int(days), campaign=campaign, box=box)

    def read_groups() -> list[Group]:
        with here.ledger.reading() as rows:
            return beside(rows, Dimension(by), scope, zone=None, today=today)

    key, key_of_groups = ("figures", scope), ("groups", by, scope)
    figures = here.remembered.get(key, lambda: count_figures(here, scope, today))
    of_clock = {Dimension.HOUR: figures.calendar.hours, Dimension.WEEKDAY: figures.calendar.weekdays}
    groups = of_clock.get(Dimension(by)) or here.remembered.get(key_of_groups, read_groups)
    with here.ledger.reading() as rows:
        campaigns = (
            rows.execute(select(CAMPAIGN.c.campaign).distinct().order_by(CAMPAIGN.c.campaign)).scalars().all()
        )
        boxes = rows.execute(select(BOX.c.box).order_by(BOX.c.box)).scalars().all()
    return render_template(
        "measures.html",
        figures=figures,
        as_of_ms=here.as_of_ms(key, key_of_groups),
        total=figures.calendar.total,
        rates=_rates(figures.calendar.total),
        groups=_named(by, groups),
        n_groups=len(groups),
        dimensions=DIMENSIONS,
        filters={"campaign": campaign, "box": box, "days": int(days), "by": by},
        choices={"campaign": campaigns, "box": boxes},
        periods=PERIODS,
        **_plots(figures.calendar),
    )


def scope_of(here: Desk, days: int, *, campaign: str = "", box: str = "") -> tuple[Scope, date]:
    """Return the last days by this computer's clock, and which day it is."""
    today = here.clock.now().astimezone().date()
    until = datetime.combine(today + timedelta(days=1), datetime.min.time())
    since = (until - timedelta(days=days)).astimezone()
    return Scope(since=since, until=until.astimezone(), campaign=campaign or None, box=box or None), today


def count_figures(here: Desk, scope: Scope, today: date) -> Figures:
    """Return what the page shows, from one look at the ledger."""
    with here.ledger.reading() as rows:
        return Figures(
            calendar=calendar(rows, scope, zone=None, today=today),
            people=people_called(rows, scope),
            first_word=first_word(rows, scope),
            refusals=refusals(rows, scope),
            cohorts=_cohorts(rows, scope),
        )


def _cohorts(rows: Connection, scope: Scope) -> list[Cohort]:
    assert scope.since is not None
    assert scope.until is not None
    of_lists = Scope(campaign=scope.campaign, box=scope.box)
    return cohorts(rows, of_lists, zone=None, weeks=N_WEEKS, pushed=(scope.since, scope.until))


def prepare_usual_figures(here: Desk) -> None:
    """Count behind the pages what somebody who opens this one sees first, and then the other periods."""
    for days in sorted(PERIODS, key=lambda each: each != USUAL_DAYS):
        scope, today = scope_of(here, days)

        def figures(scope: Scope = scope, today: date = today) -> Figures:
            return count_figures(here, scope, today)

        def groups(scope: Scope = scope, today: date = today) -> list[Group]:
            with here.ledger.reading() as rows:
                return beside(rows, USUAL_DIMENSION, scope, zone=None, today=today)

        here.remembered.prepare(("figures", scope), figures)
        here.remembered.prepare(("groups", USUAL_DIMENSION.value, scope), groups)


def _named(by: str, groups: list[Group]) -> list[tuple[str, Measures]]:
    """Return the groups as people call them: times in their order, others by how many calls they are."""
    if by in {Dimension.HOUR, Dimension.WEEKDAY}:
        is_day = by == Dimension.WEEKDAY
        return [
            (gettext(WEEKDAYS[int(each.key) - 1]) if is_day else each.key, each.measures) for each in groups
        ]
    most = sorted(groups, key=lambda each: (-each.measures.attempts, each.key))
    return [(each.key, each.measures) for each in most[:MAX_GROUPS]]


def _rates(total: Measures) -> list[tuple[str, float | None, int, int]]:
    over = total.kept + total.broken
    return [
        (gettext("Connected, of calls"), total.connect_rate, total.answered, total.attempts),
        (gettext("Right person, of connected"), total.right_party_rate, total.right_party, total.answered),
        (gettext("Promised, of right persons"), total.promise_rate, total.promises, total.right_party),
        (gettext("Kept, of promises that are over"), total.kept_rate, total.kept, over),
    ]


def _plots(figures: Calendar) -> dict[str, object]:
    total = figures.total
    by_hour = {
        (cell.weekday - 1, cell.hour): (cell.measures.answered, cell.measures.attempts)
        for cell in figures.cells
    }
    days = [(group.key[5:], group.measures) for group in figures.days]
    return {
        "funnel": plots.funnel(
            [
                (gettext("calls"), total.attempts),
                (gettext("connected"), total.answered),
                (gettext("talked"), total.reached),
                (gettext("right person"), total.right_party),
                (gettext("promised"), total.promises),
                (gettext("kept"), total.kept),
            ],
            title=gettext("From calls to promises"),
        ),
        "week": plots.heat_map(
            [[by_hour.get((day, hour), (0, 0)) for hour in range(N_HOURS)] for day in range(N_WEEKDAYS)],
            names=[gettext(name) for name in WEEKDAYS],
            title=gettext("Share of calls that connected, by weekday and hour"),
        ),
        "trend": plots.trend(
            [day for day, _counts in days],
            [
                (gettext("connected"), [each.connect_rate for _day, each in days]),
                (gettext("right person"), [_of_calls(each) for _day, each in days]),
            ],
            title=gettext("Share of calls by day"),
        ),
    }


def _of_calls(counts: Measures) -> float | None:
    return counts.right_party / counts.attempts if counts.attempts else None
