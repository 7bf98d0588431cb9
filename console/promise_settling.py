"""Payments to promises: which money keeps which promise, the same whatever came first.

What is paid goes to the oldest promise about the debt that is still open and was made no later than that day, what is
left of it to the next. Money that comes after a promise's grace is over keeps it no more, but may keep a later one.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice

from sqlalchemy import Connection, and_, select, update

from console.ledger_tables import CONTACT, OUTCOME, PROMISE
from console.payment_tables import PAYMENT
from firmware.clock import from_ms

GRACE = timedelta(days=3)
"""How long after its last day a payment still keeps a promise: banks are slow, and closed at weekends."""
_AT_ONCE = 500
SETTLING = "settling"
"""A turn: those who bring promises share it, who brings payments has it alone. Else neither would see the other's."""


@dataclass(slots=True, kw_only=True)
class Owed:
    """A promise while payments are told off against it."""

    box: str
    attempt: str
    debt: str | None
    made_on: date
    last_day: date
    """Grace included."""
    currency: str | None
    total_minor: int | None
    """None: the person promised to pay and named no sum; any payment keeps that."""
    paid_minor: int = 0
    kept_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """A payment."""

    debt: str | None
    amount_minor: int
    currency: str
    paid_on: date


def settle(connection: Connection, people: Collection[str]) -> None:
    """Work out anew what the payments of these people keep; those who paid nothing cost one look."""
    remaining = iter(sorted(people))
    while part := list(islice(remaining, _AT_ONCE)):
        payments: dict[str, list[Paid]] = {}
        asked = (
            select(PAYMENT).where(PAYMENT.c.person.in_(part)).order_by(PAYMENT.c.paid_on, PAYMENT.c.payment)
        )
        for row in connection.execute(asked):
            payments.setdefault(row.person, []).append(
                Paid(
                    debt=row.debt,
                    amount_minor=row.amount_minor,
                    currency=row.currency,
                    paid_on=date.fromisoformat(row.paid_on),
                )
            )
        if payments:
            _settle(connection, payments)


def tell_off(promises: Iterable[Owed], payments: Iterable[Paid]) -> None:
    """Tell payments, the oldest first, off against promises, the oldest first."""
    ordered = list(promises)
    for payment in payments:
        left = payment.amount_minor
        for promise in ordered:
            if left <= 0:
                break
            if promise.kept_on is not None or not _concerns(promise, payment):
                continue
            wanted = left if promise.total_minor is None else promise.total_minor - promise.paid_minor
            part = min(left, wanted)
            promise.paid_minor += part
            left -= part
            if promise.total_minor is None or promise.paid_minor >= promise.total_minor:
                promise.kept_on = payment.paid_on


def _concerns(promise: Owed, payment: Paid) -> bool:
    is_same_debt = None in {promise.debt, payment.debt} or promise.debt == payment.debt
    is_same_money = promise.currency in {None, payment.currency}
    return is_same_debt and is_same_money and promise.made_on <= payment.paid_on <= promise.last_day


def _settle(connection: Connection, payments: dict[str, list[Paid]]) -> None:
    call = and_(PROMISE.c.box == OUTCOME.c.box, PROMISE.c.attempt == OUTCOME.c.attempt)
    sent = and_(
        CONTACT.c.box == OUTCOME.c.box,
        CONTACT.c.campaign == OUTCOME.c.campaign,
        CONTACT.c.contact == OUTCOME.c.contact,
    )
    asked = (
        select(PROMISE, OUTCOME.c.person, CONTACT.c.debt)
        .select_from(PROMISE.join(OUTCOME, call).outerjoin(CONTACT, sent))
        .where(OUTCOME.c.person.in_(sorted(payments)))
        .order_by(OUTCOME.c.reserved_at, PROMISE.c.box, PROMISE.c.attempt)
    )
    promises: dict[str, list[Owed]] = {}
    for row in connection.execute(asked):
        last = date.fromisoformat(row.last_due)
        promises.setdefault(row.person, []).append(
            Owed(
                box=row.box,
                attempt=row.attempt,
                debt=row.debt,
                # A day is somebody's: the least that a call's own zone may say is the day before UTC's.
                made_on=from_ms(row.reserved_at).date() - timedelta(days=1),
                last_day=last if last > date.max - GRACE else last + GRACE,
                currency=row.currency,
                total_minor=row.total_minor,
            )
        )
    for person, owed in promises.items():
        tell_off(owed, payments[person])
        for each in owed:
            here = (PROMISE.c.box == each.box) & (PROMISE.c.attempt == each.attempt)
            kept_on = each.kept_on.isoformat() if each.kept_on else None
            connection.execute(
                update(PROMISE).where(here).values(paid_minor=each.paid_minor, kept_on=kept_on)
            )
