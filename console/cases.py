"""Cases: what a call left for people to do, ours or one that came in, once each, whatever the order they come in.

The periods are this office's own targets, not the law's: an office that owes an answer sooner works to that.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    true,
    update,
)

from console.errors import ConsoleError
from console.inbound_tables import INBOUND
from console.ledger_tables import OUTCOME, UPLINK, UPLINK_AHEAD
from console.web_tables import CASE, CASE_NOTE, CASE_SWEEP
from firmware.values import Disposition

HOUR_MS = 3600 * 1000
DAY_MS = 24 * HOUR_MS
MAX_NOTE = 4000
_CALLERS = ("", "callers")
"""Stands among the streams once the calls that came in were looked at: ledgers had them before they made cases."""


class CaseKind(StrEnum):
    """Why a person has to look at it."""

    COMPLAINT = "complaint"
    DISPUTE = "dispute"
    HARDSHIP = "hardship"
    VULNERABLE = "vulnerable"
    CALLBACK = "callback"
    HUMAN = "human"


class CaseState(StrEnum):
    """Where the work stands."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"
    WAITING = "waiting"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Which outcomes make a case of a kind, and how long it may take."""

    kind: CaseKind
    period_ms: int
    dispositions: tuple[Disposition, ...]


TARGETS = (
    # The first that fits counts.
    Target(
        kind=CaseKind.VULNERABLE,
        period_ms=DAY_MS,
        dispositions=(Disposition.VULNERABLE, Disposition.DECEASED, Disposition.MINOR),
    ),
    Target(kind=CaseKind.COMPLAINT, period_ms=2 * DAY_MS, dispositions=(Disposition.COMPLAINT,)),
    Target(
        kind=CaseKind.DISPUTE,
        period_ms=5 * DAY_MS,
        dispositions=(Disposition.DISPUTE, Disposition.ALREADY_PAID, Disposition.LEGAL_REPRESENTATION),
    ),
    Target(kind=CaseKind.HARDSHIP, period_ms=3 * DAY_MS, dispositions=(Disposition.HARDSHIP,)),
    Target(kind=CaseKind.CALLBACK, period_ms=DAY_MS, dispositions=(Disposition.CALLBACK_SET,)),
    Target(kind=CaseKind.HUMAN, period_ms=DAY_MS, dispositions=(Disposition.HUMAN_UNAVAILABLE,)),
)


def sweep(rows: Connection) -> int:
    """Make cases of the outcomes that came since the last sweep. Return how many were made.

    What lies above a gap of a stream is looked at now, and again until the gap is closed.
    """
    swept = {(row.box, row.stream): row.up_to for row in rows.execute(select(CASE_SWEEP))}
    above = select(UPLINK_AHEAD.c.box, UPLINK_AHEAD.c.stream).distinct()
    with_gap = {(row.box, row.stream) for row in rows.execute(above)}
    n_made = 0
    if swept.pop(_CALLERS, None) is None:
        n_made = _open_callers(rows, true())
        rows.execute(insert(CASE_SWEEP).values(box=_CALLERS[0], stream=_CALLERS[1], up_to=0))
    if not swept:
        # A ledger full of calls and no case yet: once over all of it, not once a stream.
        n_made += _open_all(rows, true())
    for mark in rows.execute(select(UPLINK)).all():
        before = swept.get((mark.box, mark.stream))
        if before == mark.up_to and (mark.box, mark.stream) not in with_gap:
            continue
        if swept:
            of_stream = (OUTCOME.c.box == mark.box) & (OUTCOME.c.stream == mark.stream)
            n_made += _open_all(rows, of_stream & (OUTCOME.c.seq > (before or 0)))
        came_in = (INBOUND.c.box == mark.box) & (INBOUND.c.stream == mark.stream)
        n_made += _open_callers(rows, came_in & (INBOUND.c.seq > (before or 0)))
        if before != mark.up_to:
            here = (CASE_SWEEP.c.box == mark.box) & (CASE_SWEEP.c.stream == mark.stream)
            rows.execute(delete(CASE_SWEEP).where(here))
            rows.execute(insert(CASE_SWEEP).values(box=mark.box, stream=mark.stream, up_to=mark.up_to))
    return n_made


def is_swept(rows: Connection) -> bool:
    """Say whether every committed outcome was looked at."""
    same = (CASE_SWEEP.c.box == UPLINK.c.box) & (CASE_SWEEP.c.stream == UPLINK.c.stream)
    ahead = select(UPLINK.c.box).where(~exists().where(same & (CASE_SWEEP.c.up_to == UPLINK.c.up_to)))
    has_gap = rows.execute(select(UPLINK_AHEAD.c.seq).limit(1)).first() is not None
    return not has_gap and rows.execute(ahead.limit(1)).first() is None


def find_case(rows: Connection, box: str, attempt: str) -> Row[Any] | None:
    """Return one case."""
    here = (CASE.c.box == box) & (CASE.c.attempt == attempt)
    return rows.execute(select(CASE).where(here)).first()


def work_case(
    rows: Connection, case: Row[Any], *, name: str, at_ms: int, identity: str, state: CaseState, note: str
) -> None:
    """Note what was done and where the case stands now. Raises ConsoleError."""
    if len(note) > MAX_NOTE:
        raise ConsoleError(f"a note has {MAX_NOTE} characters at most; write a shorter one")
    if state is CaseState.DONE and not note:
        raise ConsoleError("a case that is done says what was done; write a note")
    here = (CASE.c.box == case.box) & (CASE.c.attempt == case.attempt)
    rows.execute(update(CASE).where(here).values(state=state.value, is_done=state is CaseState.DONE))
    row = {"id": identity, "box": case.box, "attempt": case.attempt, "at": at_ms, "name": name}
    rows.execute(insert(CASE_NOTE).values(row | {"state": state.value, "note": note}))


def assign_case(rows: Connection, case: Row[Any], assignee: str | None) -> None:
    """Give a case to somebody, or to nobody."""
    here = (CASE.c.box == case.box) & (CASE.c.attempt == case.attempt)
    rows.execute(update(CASE).where(here).values(assignee=assignee))


def notes_of(rows: Connection, box: str, attempt: str) -> list[Row[Any]]:
    """Return what was noted, the oldest first."""
    here = (CASE_NOTE.c.box == box) & (CASE_NOTE.c.attempt == attempt)
    return list(rows.execute(select(CASE_NOTE).where(here).order_by(CASE_NOTE.c.at, CASE_NOTE.c.id)))


def _open_all(rows: Connection, among: ColumnElement[bool]) -> int:
    wished = OUTCOME.c.transfer.is_not(None) & (OUTCOME.c.disposition != Disposition.HUMAN_BRIDGED.value)
    wanted = [
        (each, OUTCOME.c.disposition.in_([word.value for word in each.dispositions])) for each in TARGETS
    ]
    return sum(_open(rows, target, among & which) for target, which in [*wanted, (TARGETS[-1], wished)])


def _open_callers(rows: Connection, among: ColumnElement[bool]) -> int:
    """Make cases of calls that came in. The number proves nobody: whose case it is says one who alone has it."""
    known = exists().where((CASE.c.box == INBOUND.c.box) & (CASE.c.attempt == INBOUND.c.call))
    kinds = {each: target for target in TARGETS for each in target.dispositions}
    wished = INBOUND.c.transfer.is_not(None) & (INBOUND.c.disposition != Disposition.HUMAN_BRIDGED.value)
    wanted = INBOUND.c.disposition.in_([each.value for each in kinds]) | wished
    made = []
    for call in rows.execute(select(INBOUND).where(among, wanted, ~known)):
        target = kinds.get(Disposition(call.disposition), TARGETS[-1])
        due = call.callback_at if target.kind is CaseKind.CALLBACK else None
        people = json.loads(call.people)
        made.append(
            {
                "box": call.box,
                "attempt": call.call,
                "kind": target.kind.value,
                "campaign": "",
                "contact": "",
                "person": people[0] if len(people) == 1 else "",
                "opened_at": call.ended_at,
                "due_at": call.ended_at + target.period_ms if due is None else due,
                "state": CaseState.OPEN.value,
                "is_done": False,
            }
        )
    if made:
        rows.execute(insert(CASE), made)
    return len(made)


def _open(rows: Connection, target: Target, wanted: Any) -> int:
    due = OUTCOME.c.ended_at + target.period_ms
    if target.kind is CaseKind.CALLBACK:
        due = func.coalesce(OUTCOME.c.callback_at, due)
    known = exists().where((CASE.c.box == OUTCOME.c.box) & (CASE.c.attempt == OUTCOME.c.attempt))
    columns = (
        "box",
        "attempt",
        "kind",
        "campaign",
        "contact",
        "person",
        "opened_at",
        "due_at",
        "state",
        "is_done",
    )
    made = select(
        OUTCOME.c.box,
        OUTCOME.c.attempt,
        literal(target.kind.value),
        OUTCOME.c.campaign,
        OUTCOME.c.contact,
        OUTCOME.c.person,
        OUTCOME.c.ended_at,
        due,
        literal(CaseState.OPEN.value),
        literal(False),
    ).where(wanted, ~known)
    return rows.execute(insert(CASE).from_select(columns, made)).rowcount
