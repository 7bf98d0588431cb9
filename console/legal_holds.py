"""Legal holds that the office orders: what must not be deleted, at which boxes, by whose word; and their lifting.

An order is kept here before it is sent, and sent again until the box has answered. Its id at the box is the id of the message.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec
from sqlalchemy import Connection, Row, select

from console.audit_tables import TOLD
from console.elsewhere import is_told, note_sent
from console.errors import ConsoleError
from console.ledger_engine import insert_into
from console.ledger_tables import ACK, CAMPAIGN, CONTACT, OUTCOME
from firmware.sync.messages import Control

Scope = Literal["person", "campaign", "recording"]
Standing = Literal["in force", "no answer yet", "refused", "lifting", "lifted"]
HOLD, LIFT = "hold", "lift"


class HoldOrder(msgspec.Struct, kw_only=True, frozen=True):
    """An order to keep."""

    hold: str
    scope: Scope
    subject: str
    by: str
    reason: str
    at: datetime
    boxes: list[str]


class LiftOrder(msgspec.Struct, kw_only=True, frozen=True):
    """The end of one."""

    lift: str
    hold: str
    by: str
    reason: str
    at: datetime


class AtBox(msgspec.Struct, kw_only=True, frozen=True):
    """How a hold stands at one box."""

    box: str
    standing: Standing
    detail: str = ""


class HoldShown(msgspec.Struct, kw_only=True, frozen=True):
    """A hold with what became of it."""

    order: HoldOrder
    lift: LiftOrder | None
    boxes: list[AtBox]


def boxes_with(connection: Connection, scope: Scope, subject: str) -> list[str]:
    """Return the boxes that have, or had, what a hold would cover, as far as the office knows."""
    match scope:
        case "person":
            asked = [
                select(CONTACT.c.box).where(CONTACT.c.person == subject),
                select(OUTCOME.c.box).where(OUTCOME.c.person == subject),
            ]
        case "campaign":
            asked = [
                select(CAMPAIGN.c.box).where(CAMPAIGN.c.campaign == subject),
                select(OUTCOME.c.box).where(OUTCOME.c.campaign == subject),
            ]
        case "recording":
            asked = [select(OUTCOME.c.box).where(OUTCOME.c.recording == subject)]
    return sorted({box for each in asked for box in connection.execute(each.distinct()).scalars()})


def order_hold(connection: Connection, order: HoldOrder) -> None:
    """Keep an order. Raises ConsoleError where it names nobody, gives no reason or concerns no box."""
    _check_words(order.by, order.reason)
    if not order.boxes:
        raise ConsoleError(
            f"no box is known to have {order.scope} {order.subject}: name it with --box, or --everywhere"
        )
    _keep(connection, order.hold, HOLD, order.subject if order.scope == "person" else "", order)


def order_lift(connection: Connection, lift: LiftOrder) -> HoldShown:
    """Keep the end of a hold, and return what it ends. Raises ConsoleError where there is none in force."""
    _check_words(lift.by, lift.reason)
    found = next((each for each in every_hold(connection) if each.order.hold == lift.hold), None)
    if found is None or found.lift is not None:
        raise ConsoleError(f"no legal hold {lift.hold} of this office is in force: see `hold list`")
    _keep(connection, lift.lift, LIFT, "", lift)
    return found


def every_hold(connection: Connection) -> list[HoldShown]:
    """Return every hold that was ever ordered here, oldest first."""
    orders = [msgspec.json.decode(row.body, type=HoldOrder) for row in _rows(connection, HOLD)]
    lifts = {
        lift.hold: lift
        for lift in (msgspec.json.decode(row.body, type=LiftOrder) for row in _rows(connection, LIFT))
    }
    return [
        HoldShown(order=order, lift=lifts.get(order.hold), boxes=_standings(connection, order, lifts))
        for order in sorted(orders, key=lambda each: (each.at, each.hold))
    ]


def unanswered(connection: Connection, box: str, now: datetime) -> list[Control]:
    """Return the orders that a box has not answered and that were not sent to it just now; note that they are sent."""
    found = []
    for shown in every_hold(connection):
        if box not in shown.order.boxes:
            continue
        messages = [as_message(shown.order), *([as_message(shown.lift)] if shown.lift else [])]
        for message in messages:
            told = select(TOLD.c.fact).where((TOLD.c.fact == message.id) & is_told(box, TOLD.c.fact, now))
            if connection.execute(told).first() is None:
                note_sent(connection, box, [message.id], message.id, now)
                found.append(message)
    return found


def boxes_of_orders(connection: Connection) -> set[str]:
    """Return the boxes that any order concerns."""
    return {box for shown in every_hold(connection) for box in shown.order.boxes}


def as_message(order: HoldOrder | LiftOrder) -> Control:
    """Return an order as the box hears it: the same each time, so that it counts once."""
    if isinstance(order, LiftOrder):
        return Control(
            id=order.lift, at=order.at, action="release", hold=order.hold, by=order.by, reason=order.reason
        )
    subject = {order.scope: order.subject}
    return Control(
        id=order.hold,
        at=order.at,
        action="hold",
        by=order.by,
        reason=order.reason,
        person=subject.get("person"),
        campaign=subject.get("campaign"),
        recording=subject.get("recording"),
    )


def _standings(connection: Connection, order: HoldOrder, lifts: dict[str, LiftOrder]) -> list[AtBox]:
    lift = lifts.get(order.hold)
    return [_standing(connection, box, order, lift) for box in order.boxes]


def _standing(connection: Connection, box: str, order: HoldOrder, lift: LiftOrder | None) -> AtBox:
    held = _answer(connection, box, order.hold)
    lifted = None if lift is None else _answer(connection, box, lift.lift)
    standing: Standing
    if held is None:
        standing = "no answer yet"
    elif not held.is_taken:
        standing = "refused"
    elif lift is None:
        standing = "in force"
    else:
        # A hold that was released at the box itself is not there any more.
        is_gone = lifted is not None and (lifted.is_taken or lifted.reason == "unknown_hold")
        standing = "lifted" if is_gone else "lifting"
    said = lifted or held
    return AtBox(box=box, standing=standing, detail="" if said is None or said.is_taken else said.detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    is_taken: bool
    reason: str
    detail: str


def _answer(connection: Connection, box: str, about: str) -> _Answer | None:
    asked = select(ACK.c.accepted, ACK.c.reason, ACK.c.detail)
    row = connection.execute(
        asked.where((ACK.c.box == box) & (ACK.c.about == about)).order_by(ACK.c.at.desc()).limit(1)
    ).first()
    return (
        None
        if row is None
        else _Answer(is_taken=bool(row.accepted), reason=row.reason, detail=f"{row.reason}: {row.detail}")
    )


def _rows(connection: Connection, kind: str) -> Iterator[Row[tuple[object, ...]]]:
    yield from connection.execute(select(TOLD).where(TOLD.c.kind == kind))


def _keep(connection: Connection, fact: str, kind: str, person: str, body: HoldOrder | LiftOrder) -> None:
    row = {"fact": fact, "kind": kind, "person": person, "number": None, "body": msgspec.json.encode(body)}
    connection.execute(insert_into(connection, TOLD).values(row))


def _check_words(by: str, reason: str) -> None:
    for name, text, most in (("--by", by, 200), ("--reason", reason, 500)):
        if not text.strip() or len(text) > most or not text.isprintable():
            raise ConsoleError(
                f"say {name} in one line of at most {most} characters: it stands in the audit log"
            )
