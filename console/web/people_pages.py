"""People: who they are in the lists, what was said, promised and suppressed, and what proves it; every look is written down."""

from contextlib import suppress
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from sqlalchemy import Connection, Row, or_, select
from werkzeug.wrappers import Response

from console.contact_fields import FieldError, parse_number
from console.inbound_calls import calls_of, stops
from console.ledger_tables import CONTACT, OUTCOME, PROMISE, REFUSAL, SUPPRESSION
from console.short_messages import reply_lines, sms_lines, stops_by_sms
from console.web.case_pages import make_cases
from console.web.desk import asked, desk, log_access, may
from console.web.roles import May, needs
from console.web.wording import gettext
from console.web_tables import CASE
from firmware.values import mask

people_pages = Blueprint("people", __name__)
PAGE_ROWS = 50
N_HISTORY, N_REFUSALS, N_CALLED_IN, N_MESSAGES = 200, 100, 50, 100
REGIONS = ("CN", "US", "GB")
"""Whose number it may be when it is asked for without a country code."""
N_DIGITS = 7
"""What has so many digits may be a number, and is masked in the log."""


@people_pages.get("/people")
@needs(May.SEE_PEOPLE)
def show() -> str:
    """Show a page of people by their id."""
    after = asked("after")
    people = select(CONTACT.c.person).distinct().where(CONTACT.c.person > after)
    with desk().ledger.reading() as rows:
        found = list(rows.execute(people.order_by(CONTACT.c.person).limit(PAGE_ROWS + 1)).scalars())
    shown = found[:PAGE_ROWS]
    return render_template(
        "people.html", people=shown, next_key=shown[-1] if len(found) > PAGE_ROWS else "", is_first=not after
    )


@people_pages.post("/people/find")
@needs(May.SEE_PEOPLE)
def find() -> Response:
    """Go to the person with an id or a number; a form, so that numbers stand in no address."""
    wanted = asked("wanted")
    matches = [CONTACT.c.person == wanted, CONTACT.c.contact == wanted]
    for region in REGIONS:
        with suppress(FieldError):  # then it is an id, or another country's number
            matches.append(CONTACT.c.number == parse_number(wanted, region))
    digits = sum(letter.isdigit() for letter in wanted)
    with desk().ledger.transaction() as rows:
        log_access(rows, "people_searched", mask(wanted) if digits >= N_DIGITS else wanted)
        person = rows.execute(select(CONTACT.c.person).where(or_(*matches)).limit(1)).scalar_one_or_none()
        if person is None:
            of_calls = select(OUTCOME.c.person).where(OUTCOME.c.person == wanted).limit(1)
            person = rows.execute(of_calls).scalar_one_or_none()
    if person is None:
        flash(gettext("Nobody in the lists has this id or number."), "bad")
        return redirect(url_for("people.show"))
    return redirect(url_for("people.one", person=person))


@people_pages.get("/people/one")
@needs(May.SEE_PEOPLE)
def one() -> str:
    """Show one person."""
    person = asked("person")
    make_cases()
    with desk().ledger.transaction() as rows:
        contacts = list(rows.execute(select(CONTACT).where(CONTACT.c.person == person)))
        history = list(rows.execute(_history(person)))
        if not contacts and not history:
            abort(404)
        sees_numbers = may(May.SEE_NUMBERS)
        log_access(rows, "number_seen" if sees_numbers and contacts else "person_seen", person)
        cases = list(
            rows.execute(select(CASE).where(CASE.c.person == person).order_by(CASE.c.opened_at.desc()))
        )
        suppressions = _suppressions(rows, person, contacts)
        refusals = _refusals(rows, contacts)
        called_in = calls_of(rows, person, {row.number for row in contacts}, limit=N_CALLED_IN)
        messages = list(reversed(sms_lines(rows, person=person, limit=N_MESSAGES)))
        answers = list(reversed(reply_lines(rows, person=person, limit=N_MESSAGES)))
    return render_template(
        "person.html",
        person=person,
        contacts=contacts,
        history=history,
        promises=[row for row in history if row.due],
        cases=cases,
        suppressions=suppressions,
        refusals=refusals,
        called_in=called_in,
        messages=messages,
        answers=answers,
        number_of=(lambda row: row.number) if sees_numbers else (lambda row: mask(row.number)),
        n_history=N_HISTORY,
    )


def _history(person: str) -> Any:
    same = (PROMISE.c.box == OUTCOME.c.box) & (PROMISE.c.attempt == OUTCOME.c.attempt)
    promise = (
        PROMISE.c.due, PROMISE.c.amount_minor, PROMISE.c.currency, PROMISE.c.confirmed, PROMISE.c.instalments,
        PROMISE.c.every, PROMISE.c.total_minor,
    )  # fmt: skip
    query = select(OUTCOME, *promise).select_from(OUTCOME.outerjoin(PROMISE, same))
    return query.where(OUTCOME.c.person == person).order_by(OUTCOME.c.ended_at.desc()).limit(N_HISTORY)


def _suppressions(rows: Connection, person: str, contacts: list[Row[Any]]) -> list[dict[str, Any]]:
    """Return what stops calls to the person: said here, and brought about by calls."""
    keys = {("person", person)} | {("number", row.number) for row in contacts}
    keys |= {("debt", row.debt) for row in contacts if row.debt}
    mine = or_(
        *((SUPPRESSION.c.scope == scope) & (SUPPRESSION.c.value == value) for scope, value in sorted(keys))
    )
    said = rows.execute(select(SUPPRESSION).where(mine).order_by(SUPPRESSION.c.at))
    found = [{"scope": row.scope, "reason": row.reason, "at": row.at, "attempt": ""} for row in said]
    stopped = select(OUTCOME).where((OUTCOME.c.person == person) & OUTCOME.c.suppressed.is_not(None))
    found += [
        {"scope": scope, "reason": reason, "at": at, "attempt": ""}
        for (scope, value), reason, at in (*stops(rows), *stops_by_sms(rows))
        if (scope, value) in keys
    ]
    return found + [
        {"scope": row.suppressed, "reason": row.disposition, "at": row.ended_at, "attempt": row.attempt}
        for row in rows.execute(stopped.order_by(OUTCOME.c.ended_at))
    ]


def _refusals(rows: Connection, contacts: list[Row[Any]]) -> list[Row[Any]]:
    if not contacts:
        return []
    mine = or_(
        *((REFUSAL.c.campaign == row.campaign) & (REFUSAL.c.contact == row.contact) for row in contacts)
    )
    return list(rows.execute(select(REFUSAL).where(mine).order_by(REFUSAL.c.at.desc()).limit(N_REFUSALS)))
