"""What a person promised last time and did not keep, for the flows that ask for it.

A flow that declares `last_promise: {type: date, optional: true}` (and perhaps `last_promise_amount`, money) gets them from
the ledger where the call list leaves them open: the office need not look up its own calls.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import Connection, and_, select

from console.campaigns import check_vars_of
from console.contacts_file import FileRow, VarsRefusedError
from console.ledger_tables import CONTACT, OUTCOME, PROMISE
from console.promise_settling import GRACE
from firmware.dialogue.flow import Flow
from firmware.dialogue.variables import VarKind
from firmware.values import Disposition

DAY, AMOUNT = "last_promise", "last_promise_amount"
_AT_ONCE = 500
_SETTLED = (
    Disposition.ALREADY_PAID, Disposition.PAYING_NOW, Disposition.DISPUTE, Disposition.HARDSHIP, Disposition.VULNERABLE,
    Disposition.LEGAL_REPRESENTATION, Disposition.DECEASED,
)  # fmt: skip
"""After such a call nobody is reminded of what was promised before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Last:
    """The newest promise about one debt."""

    debt: str | None
    due: date
    amount: dict[str, Any] | None
    is_broken: bool


def remembering(connection: Connection, rows: Sequence[FileRow], flow: Flow, today: date) -> list[FileRow]:
    """Return the rows, those of people with a broken promise with what they promised where the flow asks for it."""
    wanted = {
        name for name, kind in ((DAY, VarKind.DATE), (AMOUNT, VarKind.MONEY)) if _asks(flow, name, kind)
    }
    if not wanted:
        return list(rows)
    last = _last_promises(connection, {row.contact.person for row in rows}, today)
    return [_with(row, last.get(row.contact.person, ()), wanted, flow) for row in rows]


def _asks(flow: Flow, name: str, kind: VarKind) -> bool:
    return name in flow.optional and flow.vars[name].kind is kind


def _with(row: FileRow, promises: Sequence[_Last], wanted: set[str], flow: Flow) -> FileRow:
    """Return the row with the newest promise about its debt, if that one is broken."""
    debt = row.contact.debt
    mine = [each for each in promises if None in (debt, each.debt) or debt == each.debt]
    # What the list itself says of an earlier promise, the office knows better.
    if not mine or not mine[0].is_broken or wanted & row.contact.vars.keys():
        return row
    known = {DAY: mine[0].due.isoformat(), AMOUNT: mine[0].amount}
    remembered = {name: known[name] for name in wanted if known[name] is not None}
    try:
        check_vars_of(flow, {**row.contact.vars, **remembered}, row.contact.language)
    except VarsRefusedError:
        return row  # not speakable to this person: then the call is one like the first
    return replace(row, remembered=remembered)


def _last_promises(connection: Connection, people: set[str], today: date) -> dict[str, list[_Last]]:
    """Return the promises of each person, the newest first, none that a later call settled."""
    call = and_(PROMISE.c.box == OUTCOME.c.box, PROMISE.c.attempt == OUTCOME.c.attempt)
    sent = and_(
        CONTACT.c.box == OUTCOME.c.box,
        CONTACT.c.campaign == OUTCOME.c.campaign,
        CONTACT.c.contact == OUTCOME.c.contact,
    )
    is_settled = OUTCOME.c.disposition.in_([each.value for each in _SETTLED])
    asked = (
        select(OUTCOME.c.person, OUTCOME.c.disposition, CONTACT.c.debt, PROMISE)
        .select_from(OUTCOME.outerjoin(PROMISE, call).outerjoin(CONTACT, sent))
        .where(is_settled | PROMISE.c.due.is_not(None))
        .order_by(OUTCOME.c.reserved_at.desc(), OUTCOME.c.box, OUTCOME.c.attempt)
    )
    found: dict[str, list[_Last]] = {}
    settled: set[tuple[str, str | None]] = set()
    ordered = sorted(people)
    for start in range(0, len(ordered), _AT_ONCE):
        part = OUTCOME.c.person.in_(ordered[start : start + _AT_ONCE])
        for row in connection.execute(asked.where(part)):
            if row.due is None:
                settled.add((row.person, row.debt))
            elif not any(
                person == row.person and (debt is None or row.debt in (None, debt))
                for person, debt in settled
            ):
                found.setdefault(row.person, []).append(_as_last(row, today))
    return found


def _as_last(row: Any, today: date) -> _Last:
    due = date.fromisoformat(row.due)
    has_sum = row.amount_minor is not None and row.currency is not None
    is_paid = row.kept_on is not None or (has_sum and row.paid_minor >= row.amount_minor)
    is_over = due < date.max - GRACE and due + GRACE < today
    return _Last(
        debt=row.debt,
        due=due,
        amount={"minor": row.amount_minor, "currency": row.currency} if has_sum else None,
        is_broken=bool(row.confirmed) and is_over and not is_paid,
    )
