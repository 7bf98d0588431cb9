"""What the office's books say was paid (CSV), into the ledger: each payment once, and what it keeps and ends follows.

Columns: payment (the books' own reference), person or debt (or both), amount, currency, paid_on; `settled` says that
nothing is left to pay: calls about it end.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, select

from console.contact_fields import FieldError, clean, parse_amount, parse_currency, parse_date, parse_id
from console.contacts_file import RowProblem
from console.csv_table import read_table
from console.elsewhere import tell_person
from console.errors import ContactsFileError
from console.ledger_engine import insert_into, take_turn
from console.ledger_tables import CONTACT
from console.payment_tables import PAYMENT
from console.promise_settling import SETTLING, settle
from console.suppressions import add_suppression
from firmware.clock import to_ms
from firmware.sync.messages_policy import PersonElsewhere

T = TypeVar("T")

COLUMNS = ("payment", "amount", "currency", "paid_on")
_YES, _NO = {"yes", "y", "true", "1", "是"}, {"no", "n", "false", "0", "否", ""}
_AT_ONCE = 500
PAID = "paid"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRow:
    """A good row of the file."""

    row: int
    payment: str
    person: str | None
    debt: str | None
    amount_minor: int
    currency: str
    paid_on: date
    is_settled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of a file."""

    new: int
    known: int
    """Imported before, and the same: nothing changes."""
    settled: int
    """Debts and people whose calls end with this."""
    problems: tuple[RowProblem, ...]


def read_payments(
    path: Path, mapping: Mapping[str, str], *, today: date
) -> tuple[list[PaymentRow], list[RowProblem]]:
    """Return good rows and bad ones. Raises ContactsFileError when it is no list of payments at all."""
    table = read_table(path)
    header = [mapping.get(clean(name), clean(name).lower().replace(" ", "_")) for name in table[0][1]]
    missing = [name for name in COLUMNS if name not in header]
    if not {"person", "debt"} & set(header):
        missing.append("person")
    if missing:
        raise ContactsFileError(
            f"{path}: no column {', '.join(missing)}; add it, or name yours: --mapping 'yours={missing[0]}'"
        )
    rows: list[PaymentRow] = []
    problems: list[RowProblem] = []
    seen: dict[str, int] = {}
    for number, cells in table[1:]:
        if not any(cell.strip() for cell in cells):
            continue
        try:
            found = _read(number, dict(zip(header, map(clean, cells), strict=False)), today)
            if (first := seen.setdefault(found.payment, number)) != number:
                detail = f"row {first} has the same reference; keep one of them"
                raise _BadCell("payment", FieldError("duplicate_payment", detail))
        except _BadCell as bad:
            problems.append(bad.problem(number))
            continue
        rows.append(found)
    return rows, problems


def import_payments(connection: Connection, rows: Sequence[PaymentRow], at: datetime) -> Imported:
    """Keep payments that are not there, and settle what they keep, in the caller's transaction."""
    problems: list[RowProblem] = []
    people: set[str] = set()
    take_turn(connection, SETTLING)
    new = known = settled = 0
    for start in range(0, len(rows), _AT_ONCE):
        part = rows[start : start + _AT_ONCE]
        owners = _owners(connection, {each.debt for each in part if each.debt and not each.person})
        stored = _stored(connection, [each.payment for each in part])
        adding = []
        for each in part:
            try:
                person = each.person or _only(owners.get(each.debt or "", set()))
                row = _as_stored(each, person)
                if (kept := stored.get(each.payment)) is not None and kept != row:
                    detail = "the reference is known with another content; a payment never changes: check the books"
                    raise _BadCell("payment", FieldError("payment_changed", detail))
            except _BadCell as bad:
                problems.append(bad.problem(each.row))
                continue
            if kept is None:
                adding.append({**row, "imported_at": to_ms(at)})
                people.add(person)
                new += 1
            else:
                known += 1
            if each.is_settled:
                settled += _end(connection, each, person, at)
        if adding:
            connection.execute(insert_into(connection, PAYMENT).on_conflict_do_nothing(), adding)
    settle(connection, people)
    return Imported(new=new, known=known, settled=settled, problems=tuple(problems))


class _BadCell(Exception):
    def __init__(self, column: str, fault: FieldError) -> None:
        super().__init__(column, fault.reason)
        self._column = column
        self._fault = fault

    def problem(self, row: int) -> RowProblem:
        """Return it as a person reads it."""
        reason, detail = self._fault.reason, self._fault.detail
        return RowProblem(row=row, column=self._column, reason=reason, detail=detail)


def _read(number: int, cells: Mapping[str, str], today: date) -> PaymentRow:
    def must(column: str, parse: Callable[[str], T]) -> T:
        if not cells.get(column):
            raise _BadCell(column, FieldError("missing", "the cell is empty; fill it in"))
        try:
            return parse(cells[column])
        except FieldError as fault:
            raise _BadCell(column, fault) from None

    currency = must("currency", parse_currency)
    person = must("person", parse_id) if cells.get("person") else None
    debt = must("debt", parse_id) if cells.get("debt") else None
    if person is None and debt is None:
        raise _BadCell("person", FieldError("missing", "neither person nor debt; fill one in"))
    paid_on = must("paid_on", parse_date)
    if paid_on > today:
        raise _BadCell("paid_on", FieldError("date_in_future", "nothing was paid tomorrow; correct the date"))
    word = cells.get("settled", "").lower()
    if word not in _YES | _NO:
        raise _BadCell("settled", FieldError("invalid_word", "write yes or no"))
    return PaymentRow(
        row=number,
        payment=must("payment", parse_id),
        person=person,
        debt=debt,
        amount_minor=must("amount", lambda cell: parse_amount(cell, currency)).minor,
        currency=currency,
        paid_on=paid_on,
        is_settled=word in _YES,
    )


def _owners(connection: Connection, debts: set[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    asked = select(CONTACT.c.debt, CONTACT.c.person).where(CONTACT.c.debt.in_(sorted(debts))).distinct()
    for row in connection.execute(asked) if debts else ():
        found.setdefault(row.debt, set()).add(row.person)
    return found


def _only(people: set[str]) -> str:
    if len(people) == 1:
        return next(iter(people))
    if people:
        fault = FieldError(
            "debt_of_several", "several people were called about this debt; fill in the person"
        )
    else:
        fault = FieldError("unknown_debt", "nobody was called about this debt; fill in the person")
    raise _BadCell("debt", fault)


def _stored(connection: Connection, payments: Sequence[str]) -> dict[str, dict[str, object]]:
    asked = select(PAYMENT).where(PAYMENT.c.payment.in_(payments))
    return {
        row.payment: {name: value for name, value in row._mapping.items() if name != "imported_at"}
        for row in connection.execute(asked)
    }


def _as_stored(each: PaymentRow, person: str) -> dict[str, object]:
    return {
        "payment": each.payment,
        "person": person,
        "debt": each.debt,
        "amount_minor": each.amount_minor,
        "currency": each.currency,
        "paid_on": each.paid_on.isoformat(),
    }


def _end(connection: Connection, each: PaymentRow, person: str, at: datetime) -> bool:
    """Let no box call about it any more: a debt that has an id by that, else whatever this person owes."""
    if each.debt is not None:
        return add_suppression(connection, "debt", each.debt, PAID, at)
    return tell_person(connection, f"paid:{each.payment}", PersonElsewhere(person=person, status=PAID))
