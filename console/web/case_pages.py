"""Cases as a work list: what is due first, who has it, what was done."""

import json
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from sqlalchemy import Connection, Row, func, select, tuple_
from werkzeug.wrappers import Response

from console.cases import (
    CaseKind,
    CaseState,
    assign_case,
    find_case,
    is_swept,
    notes_of,
    sweep,
    work_case,
)
from console.errors import ConsoleError
from console.inbound_calls import find_inbound
from console.ledger_tables import CONTACT, OUTCOME, PROMISE
from console.web.accounts import all_users, find_user
from console.web.desk import Desk, asked, desk, log_access, may, me
from console.web.page_keys import page_key, page_key_text
from console.web.roles import GRANTS, May, needs
from console.web.wording import gettext
from console.web_tables import CASE
from firmware.values import mask

case_pages = Blueprint("cases", __name__)
PAGE_ROWS = 50
KEY = (CASE.c.due_at, CASE.c.box, CASE.c.attempt)
VIEWS = ("todo", "mine", "done")
COUNTS = "open cases"
"""What is remembered of all cases: of a hundred thousand, counting is what takes long."""


@case_pages.get("/cases")
@needs(May.SEE_CASES)
def show() -> str:
    """Show the list: what is to be done by default, the most urgent first."""
    here, view, kind = desk(), asked("view") or "todo", asked("kind")
    if view not in VIEWS or (kind and kind not in set(CaseKind)):
        abort(400)
    make_cases()
    query = select(CASE)
    if kind:
        query = query.where(CASE.c.kind == kind)
    if view == "mine":
        query = query.where(CASE.c.assignee == me().name)
    query = query.where(CASE.c.is_done.is_(view == "done"))
    if (after := page_key(asked("after"))) is not None:
        query = query.where(tuple_(*KEY) > tuple_(*after))
    with here.ledger.reading() as rows:
        found = list(rows.execute(query.order_by(*KEY).limit(PAGE_ROWS + 1)))
    open_by_kind, n_late = here.remembered.get(COUNTS, lambda: open_cases(here))
    shown = found[:PAGE_ROWS]
    return render_template(
        "cases.html",
        cases=shown,
        view=view,
        views=VIEWS,
        kind=kind,
        kinds=list(CaseKind),
        open_by_kind=open_by_kind,
        n_late=n_late,
        as_of_ms=here.as_of_ms(COUNTS),
        now_ms=here.now_ms(),
        next_key=page_key_text(shown[-1].due_at, shown[-1].box, shown[-1].attempt)
        if len(found) > PAGE_ROWS
        else "",
    )


@case_pages.get("/cases/one")
@needs(May.SEE_CASES)
def one() -> str:
    """Show one case; whose it is sees the number to ring, and that is written down."""
    here = desk()
    box, attempt = asked("box"), asked("attempt")
    make_cases()
    with here.ledger.transaction() as rows:
        case = find_case(rows, box, attempt)
        if case is None:
            abort(404)
        outcome = rows.execute(
            select(OUTCOME).where((OUTCOME.c.box == box) & (OUTCOME.c.attempt == attempt))
        ).first()
        promised = _last_promise(rows, case.person)
        caller = find_inbound(rows, box, attempt) if outcome is None else None
        same = (
            (CONTACT.c.box == box)
            & (CONTACT.c.campaign == case.campaign)
            & (CONTACT.c.contact == case.contact)
        )
        of_contact = rows.execute(select(CONTACT.c.number).where(same)).scalar_one_or_none()
        number = (caller.caller if caller is not None else of_contact) or ""
        sees_number = may(May.SEE_NUMBERS) or (may(May.WORK_CASES) and case.assignee == me().name)
        log_access(
            rows,
            "number_seen" if sees_number and number else "case_seen",
            f"{case.person or '-'} ({attempt})",
        )
        notes = notes_of(rows, box, attempt)
        workers = [user.name for user in all_users(rows) if May.WORK_CASES in GRANTS[user.role]]
    return render_template(
        "case.html",
        case=case,
        call=outcome if caller is None else caller,
        came_in=caller is not None,
        promised=promised,
        people=json.loads(caller.people) if caller is not None else [case.person],
        number=(number if sees_number else mask(number)) if number else "",
        sees_number=sees_number,
        notes=notes,
        workers=workers,
        states=list(CaseState),
        now_ms=here.now_ms(),
        is_mine=case.assignee == me().name,
    )


@case_pages.post("/cases/note")
@needs(May.WORK_CASES)
def note() -> Response:
    """Take a note and the state it leads to."""
    case = _asked_case()
    here = desk()
    state, text = asked("state"), asked("note", limit=20_000)
    if state not in set(CaseState):
        abort(400)
    try:
        with here.ledger.transaction() as rows:
            work_case(
                rows,
                case,
                name=me().name,
                at_ms=here.now_ms(),
                identity=here.new_id(),
                state=CaseState(state),
                note=text,
            )
            log_access(rows, "case_worked", f"{case.attempt}: {state}")
        here.remembered.forget(COUNTS)
        flash(gettext("Kept."), "good")
    except ConsoleError as error:
        flash(gettext(str(error)), "bad")
    return redirect(url_for("cases.one", box=case.box, attempt=case.attempt))


@case_pages.post("/cases/assign")
@needs(May.WORK_CASES)
def assign() -> Response:
    """Take a case, give it back; give it to another, where the role may."""
    case = _asked_case()
    assignee = asked("assignee") or None
    is_own = {case.assignee, assignee} <= {me().name, None}
    if not (is_own or may(May.ASSIGN_CASES)):
        abort(403)
    with desk().ledger.transaction() as rows:
        found = find_user(rows, assignee) if assignee else None
        if assignee and (found is None or May.WORK_CASES not in GRANTS[found.role]):
            abort(400)
        assign_case(rows, case, assignee)
        log_access(rows, "case_worked", f"{case.attempt}: {assignee or '-'}")
    return redirect(url_for("cases.one", box=case.box, attempt=case.attempt))


def open_cases(here: Desk) -> tuple[dict[str, int], int]:
    """Return open cases by kind, and how many are late."""
    is_open = CASE.c.is_done.is_(False)
    late = select(func.count()).select_from(CASE).where(is_open & (CASE.c.due_at < here.now_ms()))
    with here.ledger.reading() as rows:
        counted = rows.execute(select(CASE.c.kind, func.count()).where(is_open).group_by(CASE.c.kind))
        return {row[0]: row[1] for row in counted}, rows.execute(late).scalar_one()


def _last_promise(rows: Connection, person: str | None) -> Row[Any] | None:
    """Return what the person promised last, in whichever call: who rings them has to know it."""
    if not person:
        return None
    same = (PROMISE.c.box == OUTCOME.c.box) & (PROMISE.c.attempt == OUTCOME.c.attempt)
    query = select(PROMISE, OUTCOME.c.ended_at).select_from(OUTCOME.join(PROMISE, same))
    return rows.execute(
        query.where(OUTCOME.c.person == person).order_by(OUTCOME.c.ended_at.desc()).limit(1)
    ).first()


def make_cases() -> None:
    """Make cases of the outcomes that have come, if any came."""
    ledger = desk().ledger
    with ledger.reading() as rows:
        if is_swept(rows):
            return
    with ledger.transaction() as rows:
        n_made = sweep(rows)
    if n_made:
        desk().remembered.forget(COUNTS)


def _asked_case() -> Row[Any]:
    with desk().ledger.reading() as rows:
        case = find_case(rows, asked("box"), asked("attempt"))
    if case is None:
        abort(404)
    return case
