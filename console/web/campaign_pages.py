"""Campaigns: how far each is on each box, and the orders to pause, resume and cancel."""

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import Connection, Row, Select, delete, func, insert, select
from werkzeug.wrappers import Response as AnyResponse

from console.errors import ConsoleError
from console.ledger_tables import ACK, CAMPAIGN, OUTCOME, PROMISE
from console.reports import CampaignReport, campaign_reports
from console.web.box_words import reason_word
from console.web.desk import Desk, asked, desk, log_access, me
from console.web.live import live
from console.web.ordering import ACTIONS
from console.web.roles import May, needs
from console.web.wording import gettext, language
from console.web_tables import WEB_ORDER

campaign_pages = Blueprint("campaigns", __name__)
COUNTS = "campaigns"
"""What is remembered of all campaigns."""
STATE_AFTER = {"pause": "paused", "resume": "running", "cancel": "cancelled"}
FORBIDDEN_IN: dict[str, set[str]] = {
    "paused": {"pause"},
    "running": {"resume"},
    "cancelled": set(ACTIONS),
    "expired": set(ACTIONS),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Progressed:
    """What came of a campaign's calls so far."""

    called: int = 0
    """Contacts with at least one attempt."""
    finished: int = 0
    """Contacts that will not be called again."""
    attempts: int = 0
    answered: int = 0
    right_party: int = 0
    promises: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far one campaign is on one box."""

    box: str
    campaign: str
    name: str
    contacts: int
    counts: Progressed
    expires_at: int
    state: str
    order: str
    """The last order that has not been answered yet, empty for none."""


@campaign_pages.get("/campaigns")
@needs(May.SEE_CAMPAIGNS)
def show() -> str:
    """Show every campaign."""
    return render_template("campaigns.html", **_shown())


@campaign_pages.get("/campaigns/part")
@needs(May.SEE_CAMPAIGNS)
def part() -> str:
    """Show the part that changes."""
    return render_template("campaigns_part.html", **_shown())


@campaign_pages.get("/campaigns/live")
@needs(May.SEE_CAMPAIGNS)
def stream() -> Response:
    """Keep the part up to date."""
    return live(part)


@campaign_pages.get("/campaigns/one")
@needs(May.SEE_CAMPAIGNS)
def one() -> str:
    """Show one campaign on one box: counts, refusals, rejected rows, orders."""
    box, campaign = asked("box"), asked("campaign")
    found = next((each for each in _all() if (each.box, each.campaign) == (box, campaign)), None)
    if found is None:
        abort(404)
    here = desk()

    def read() -> CampaignReport | None:
        with here.ledger.reading() as rows:
            return next(iter(campaign_reports(rows, campaign=campaign, box=box)), None)

    with here.ledger.reading() as rows:
        orders = _orders(rows, box, campaign)
    key = ("report", box, campaign)
    return render_template(
        "campaign.html",
        one=found,
        report=here.remembered.get(key, read),
        as_of_ms=here.as_of_ms(COUNTS, key),
        orders=orders,
        actions=[each for each in ACTIONS if each not in FORBIDDEN_IN[found.state]],
    )


@campaign_pages.route("/campaigns/order", methods=["GET", "POST"])
@needs(May.ORDER_CAMPAIGNS)
def order() -> str | AnyResponse:
    """Ask whether an order is meant (GET), and give it (POST)."""
    box, campaign, action = asked("box"), asked("campaign"), asked("action")
    found = next((each for each in _all() if (each.box, each.campaign) == (box, campaign)), None)
    if found is None or action not in ACTIONS:
        abort(404)
    if request.method == "GET":
        return render_template("campaign_order.html", one=found, action=action)
    here = desk()
    identity = here.new_id()
    with here.ledger.transaction() as rows:
        log_access(rows, "campaign_ordered", f"{action} {campaign} on {box}")
        given = {"id": identity, "at": here.now_ms(), "name": me().name}
        rows.execute(insert(WEB_ORDER).values(given | {"box": box, "campaign": campaign, "action": action}))
    try:
        said = here.orders.control(box, campaign, action, identity)
    except ConsoleError:
        with here.ledger.transaction() as rows:  # it went nowhere, so nothing is waited for
            rows.execute(delete(WEB_ORDER).where(WEB_ORDER.c.id == identity))
        raise
    if said == "done":
        flash(gettext("The box has done it."), "good")
    elif said == "waits":
        flash(gettext("Sent. The box is away and will do it when it is back."), "waits")
    else:
        flash(gettext("The box refuses: %(reason)s", reason=reason_word(said, language())), "bad")
    return redirect(url_for("campaigns.one", box=box, campaign=campaign))


def campaign_counts(here: Desk) -> dict[tuple[str, str], Progressed]:
    """Return what came of the calls of each campaign on each box."""
    with here.ledger.reading() as rows:
        return _counts(rows)


def _shown() -> dict[str, object]:
    campaigns = _all()
    return {"campaigns": campaigns, "as_of_ms": desk().as_of_ms(COUNTS)}


def _all() -> list[Progress]:
    here = desk()
    counts = here.remembered.get(COUNTS, lambda: campaign_counts(here))
    now_ms = here.now_ms()
    with here.ledger.reading() as rows:
        sent = rows.execute(
            select(CAMPAIGN).order_by(CAMPAIGN.c.pushed_at.desc(), CAMPAIGN.c.campaign, CAMPAIGN.c.box)
        )
        given = _last_orders(rows)
        return [_progress(row, counts.get((row.box, row.campaign)), given, now_ms) for row in sent]


def _progress(
    row: Row[Any],
    counts: Progressed | None,
    given: dict[tuple[str, str], list[Row[Any]]],
    now_ms: int,
) -> Progress:
    mine = given.get((row.box, row.campaign), [])
    done = [each for each in mine if each.accepted]
    state = "expired" if row.expires_at <= now_ms else "running"
    if done and (state == "running" or done[-1].action == "cancel"):
        state = STATE_AFTER[done[-1].action]
    waits = mine[-1].action if mine and mine[-1].accepted is None else ""
    return Progress(
        box=row.box,
        campaign=row.campaign,
        name=row.name,
        contacts=row.contacts,
        counts=counts or Progressed(),
        expires_at=row.expires_at,
        state=state,
        order=waits,
    )


def _counts(rows: Connection) -> dict[tuple[str, str], Progressed]:
    """Count by contact first: along the index, where counting different contacts would sort every outcome."""
    by_contact = (
        select(
            OUTCOME.c.campaign,
            OUTCOME.c.box,
            func.count().label("attempts"),
            func.count().filter(OUTCOME.c.final).label("final"),
            func.count(OUTCOME.c.answered_at).label("answered"),
            func.count().filter(OUTCOME.c.right_party).label("right_party"),
        )
        .group_by(OUTCOME.c.campaign, OUTCOME.c.box, OUTCOME.c.contact)
        .subquery()
    )
    query = select(
        by_contact.c.box,
        by_contact.c.campaign,
        func.sum(by_contact.c.attempts).label("attempts"),
        func.count().label("called"),
        func.count().filter(by_contact.c.final > 0).label("finished"),
        func.sum(by_contact.c.answered).label("answered"),
        func.sum(by_contact.c.right_party).label("right_party"),
    ).group_by(by_contact.c.campaign, by_contact.c.box)
    promises = select(PROMISE.c.box, PROMISE.c.campaign, func.count())
    promised = {
        (row[0], row[1]): row[2] for row in rows.execute(promises.group_by(PROMISE.c.box, PROMISE.c.campaign))
    }
    return {
        (row.box, row.campaign): Progressed(
            called=row.called,
            finished=row.finished,
            attempts=int(row.attempts),
            answered=int(row.answered),
            right_party=int(row.right_party),
            promises=promised.get((row.box, row.campaign), 0),
        )
        for row in rows.execute(query)
    }


def _last_orders(rows: Connection) -> dict[tuple[str, str], list[Row[Any]]]:
    found: dict[tuple[str, str], list[Row[Any]]] = {}
    for row in rows.execute(_with_answer().order_by(WEB_ORDER.c.at, WEB_ORDER.c.id)):
        found.setdefault((row.box, row.campaign), []).append(row)
    return found


def _orders(rows: Connection, box: str, campaign: str) -> list[Row[Any]]:
    here = (WEB_ORDER.c.box == box) & (WEB_ORDER.c.campaign == campaign)
    return list(
        rows.execute(_with_answer().where(here).order_by(WEB_ORDER.c.at.desc(), WEB_ORDER.c.id.desc()))
    )


def _with_answer() -> Select[Any]:
    same = (ACK.c.about == WEB_ORDER.c.id) & (ACK.c.box == WEB_ORDER.c.box)
    first = select(ACK).where(same).correlate(WEB_ORDER).order_by(ACK.c.at, ACK.c.id).limit(1)
    accepted = first.with_only_columns(ACK.c.accepted).scalar_subquery()
    reason = first.with_only_columns(ACK.c.reason).scalar_subquery()
    return select(WEB_ORDER, accepted.label("accepted"), reason.label("reason"))
