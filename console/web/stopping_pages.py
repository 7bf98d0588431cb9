"""Stopping calls to somebody: never again, for a reason; or off the lists that boxes have, until a later list holds them."""

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from sqlalchemy import Connection, Row, select
from werkzeug.wrappers import Response

from console.errors import ConsoleError
from console.ledger_tables import CONTACT, OUTCOME
from console.suppressions import add_suppression
from console.web.desk import asked, desk, log_access
from console.web.roles import May, needs
from console.web.wording import gettext

stopping_pages = Blueprint("stopping", __name__)
REASONS = (
    "opt_out",
    "complaint",
    "wrong_number",
    "deceased",
    "legal_representation",
    "vulnerable",
    "hardship",
)
SCOPES = ("person", "number", "debt")
ACTIONS = ("suppress", "recall")
MAX_RECALLS = 50
"""Lists at once: more would keep the page waiting for longer than a person does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Somebody:
    """Whom it is about."""

    person: str
    contacts: list[Row[Any]]

    def values(self, scope: str) -> list[str]:
        """Return what a suppression of this scope names."""
        match scope:
            case "person":
                return [self.person]
            case "number":
                return sorted({row.number for row in self.contacts})
            case _:
                return sorted({row.debt for row in self.contacts if row.debt})


@stopping_pages.get("/people/stop")
@needs(May.STOP_CALLS)
def ask() -> str:
    """Ask what is meant before anything is done."""
    action = asked("action")
    if action not in ACTIONS:
        abort(404)
    with desk().ledger.transaction() as rows:
        somebody = _somebody(rows)
        log_access(rows, "person_seen", somebody.person)
    scopes = [scope for scope in SCOPES if somebody.values(scope)]
    return render_template(
        "stop.html", action=action, somebody=somebody, scopes=scopes, reasons=REASONS, contacts=somebody.contacts
    )  # fmt: skip


@stopping_pages.post("/people/stop")
@needs(May.STOP_CALLS)
def stop() -> Response:
    """Do it: kept here first, then told to the boxes."""
    action = asked("action")
    if action not in ACTIONS:
        abort(400)
    with desk().ledger.reading() as rows:
        somebody = _somebody(rows)
    if action == "suppress":
        _suppress(somebody, asked("scope"), asked("reason"))
    else:
        _recall(somebody)
    return redirect(url_for("people.one", person=somebody.person))


def _suppress(somebody: Somebody, scope: str, reason: str) -> None:
    values = somebody.values(scope) if scope in SCOPES else []
    if not values or reason not in REASONS:
        abort(400)
    here = desk()
    with here.ledger.transaction() as rows:
        log_access(rows, "person_suppressed", f"{somebody.person}: {scope}, {reason}")
        for value in values:
            add_suppression(rows, scope, value, reason, here.clock.now())
    try:
        here.orders.tell_suppressed()
    except ConsoleError as error:
        flash(gettext("Kept. No box could be told yet: %(reason)s", reason=str(error)), "waits")
    else:
        flash(gettext("Kept, and every box is told: no more calls."), "good")


def _recall(somebody: Somebody) -> None:
    contacts = [(row.box, row.campaign, row.contact) for row in somebody.contacts][:MAX_RECALLS]
    if not contacts:
        abort(400)
    here = desk()
    with here.ledger.transaction() as rows:
        log_access(rows, "person_recalled", somebody.person)
    said = here.orders.recall(contacts)
    if off := said.count("done"):
        flash(gettext("Taken off %(n)s of %(all)s lists.", n=off, all=len(said)), "good")
    if waits := said.count("waits"):
        flash(gettext("%(n)s lists: the box is away and will do it when it is back.", n=waits), "waits")
    if nothing := said.count("nothing left"):
        flash(gettext("%(n)s lists had no call left for this person.", n=nothing), "waits")
    for reason in sorted(set(said) - {"done", "waits", "nothing left"}):
        flash(gettext("The box refuses: %(reason)s", reason=reason), "bad")


def _somebody(rows: Connection) -> Somebody:
    person = asked("person")
    by_list = (CONTACT.c.campaign, CONTACT.c.box, CONTACT.c.contact)
    contacts = list(rows.execute(select(CONTACT).where(CONTACT.c.person == person).order_by(*by_list)))
    called = select(OUTCOME.c.person).where(OUTCOME.c.person == person).limit(1)
    if not contacts and rows.execute(called).first() is None:
        abort(404)
    return Somebody(person=person, contacts=contacts)
