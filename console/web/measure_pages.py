"""Measures with plots: rates, the funnel, the week's hours, the days."""

from datetime import datetime, timedelta

from flask import Blueprint, abort, render_template
from sqlalchemy import select

from console.ledger_tables import BOX, CAMPAIGN
from console.web import plots
from console.web.desk import asked, desk
from console.web.figures import Counts, Figures, rate, read_figures
from console.web.roles import May, needs
from console.web.wording import gettext
from firmware.clock import to_ms

measure_pages = Blueprint("measures", __name__)
PERIODS = (7, 30, 90)


@measure_pages.get("/measures")
@needs(May.SEE_MEASURES)
def show() -> str:
    """Show what came of the calls of the last days."""
    here = desk()
    campaign, box, days = asked("campaign"), asked("box"), asked("days") or "30"
    if not days.isascii() or not days.isdigit() or int(days) not in PERIODS:
        abort(400)
    today = here.clock.now().astimezone().date()
    until = datetime.combine(today + timedelta(days=1), datetime.min.time())
    since_ms = to_ms((until - timedelta(days=int(days))).astimezone())

    def read() -> Figures:
        with here.ledger.reading() as rows:
            return read_figures(
                rows, since_ms=since_ms, until_ms=to_ms(until.astimezone()), campaign=campaign, box=box
            )

    figures = here.remembered.get(("figures", campaign, box, since_ms), read)
    with here.ledger.reading() as rows:
        campaigns = (
            rows.execute(select(CAMPAIGN.c.campaign).distinct().order_by(CAMPAIGN.c.campaign)).scalars().all()
        )
        boxes = rows.execute(select(BOX.c.box).order_by(BOX.c.box)).scalars().all()
    return render_template(
        "measures.html",
        figures=figures,
        rates=_rates(figures.total),
        filters={"campaign": campaign, "box": box, "days": int(days)},
        choices={"campaign": campaigns, "box": boxes},
        periods=PERIODS,
        **_plots(figures),
    )


def _rates(total: Counts) -> list[tuple[str, float | None, int, int]]:
    return [
        (gettext("Connected, of calls"), rate(total.answered, total.attempts), total.answered, total.attempts),
        (gettext("Right person, of connected"), rate(total.right_party, total.answered), total.right_party, total.answered),
        (gettext("Promised, of right persons"), rate(total.promises, total.right_party), total.promises, total.right_party),
    ]  # fmt: skip


def _plots(figures: Figures) -> dict[str, object]:
    total = figures.total
    weekdays = [gettext(name) for name in ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")]
    return {
        "funnel": plots.funnel(
            [
                (gettext("calls"), total.attempts),
                (gettext("connected"), total.answered),
                (gettext("talked"), total.reached),
                (gettext("right person"), total.right_party),
                (gettext("promised"), total.promises),
            ],
            title=gettext("From calls to promises"),
        ),
        "week": plots.heat_map(
            [[(cell.answered, cell.attempts) for cell in row] for row in figures.week],
            names=weekdays,
            title=gettext("Share of calls that connected, by weekday and hour"),
        ),
        "trend": plots.trend(
            [f"{day:%m-%d}" for day, _counts in figures.days],
            [
                (gettext("connected"), [rate(each.answered, each.attempts) for _day, each in figures.days]),
                (
                    gettext("right person"),
                    [rate(each.right_party, each.attempts) for _day, each in figures.days],
                ),
            ],
            title=gettext("Share of calls by day"),
        ),
    }
