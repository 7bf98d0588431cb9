"""Short messages as the ledger knows them: what became of each, what people answered, and what that stopped."""

import json
from collections.abc import Iterator, Sequence

import msgspec
from sqlalchemy import Connection, Row, func, select, tuple_

from console.ledger_tables import ACK
from console.sms_tables import SMS, SMS_REPLY
from firmware.values import mask

_AT_ONCE = 400
"""Values in one question: databases take a bounded number."""


class SmsLine(msgspec.Struct, kw_only=True, frozen=True):
    """One message to somebody, as the box last said."""

    ordered_at_ms: int
    box: str
    line: str
    campaign: str
    contact: str
    person: str
    attempt: str
    text: str
    """Its name in the campaign's catalogue."""
    language: str
    state: str
    reason: str
    n_parts: int
    sent_at_ms: int | None
    ended_at_ms: int | None
    origin: str
    sms: str


class ReplyLine(msgspec.Struct, kw_only=True, frozen=True):
    """One message from somebody."""

    received_at_ms: int
    box: str
    line: str
    number: str
    """Masked unless asked for whole; empty for a word or a short code."""
    people: list[str]
    text: str
    is_opt_out: bool
    suppressed: str
    reply: str


def sms_lines(
    connection: Connection,
    *,
    person: str | None = None,
    state: str | None = None,
    limit: int | None = None,
) -> list[SmsLine]:
    """Return messages, the oldest first, each as its box last said; with `limit`, the newest so many."""
    # Ids rise with time within a box: the newest word counts, in whichever order they came.
    newest = select(SMS.c.box, func.max(SMS.c.id)).group_by(SMS.c.box, SMS.c.sms)
    if person is not None:
        newest = newest.where(SMS.c.person == person)
    asked = select(SMS).where(tuple_(SMS.c.box, SMS.c.id).in_(newest))
    if state is not None:
        asked = asked.where(SMS.c.state == state)
    rows = connection.execute(asked.order_by(SMS.c.ordered_at.desc(), SMS.c.sms.desc()).limit(limit)).all()
    return [
        SmsLine(
            ordered_at_ms=row.ordered_at,
            box=row.box,
            line=row.line,
            campaign=row.campaign,
            contact=row.contact,
            person=row.person,
            attempt=row.attempt or "",
            text=row.text,
            language=row.language,
            state=row.state,
            reason=row.reason,
            n_parts=row.n_parts,
            sent_at_ms=row.sent_at,
            ended_at_ms=row.ended_at,
            origin=row.origin,
            sms=row.sms,
        )
        for row in reversed(rows)
    ]


def became_of(connection: Connection, orders: Sequence[str]) -> dict[str, str]:
    """Return, by order, what a box last said of it: its state with the reason, or why the box refused the order."""
    found: dict[str, str] = {}
    for start in range(0, len(orders), _AT_ONCE):
        part = list(orders[start : start + _AT_ONCE])
        refused = select(ACK.c.about, ACK.c.reason).where(ACK.c.about.in_(part) & ~ACK.c.accepted)
        found |= {row.about: f"refused: {row.reason}" for row in connection.execute(refused)}
        said = select(SMS.c.sms, SMS.c.state, SMS.c.reason).where(SMS.c.sms.in_(part)).order_by(SMS.c.id)
        for row in connection.execute(said):
            found[row.sms] = f"{row.state}: {row.reason}" if row.reason else row.state
    return found


def reply_lines(
    connection: Connection,
    *,
    person: str | None = None,
    limit: int | None = None,
    shows_numbers: bool = False,
) -> list[ReplyLine]:
    """Return what people wrote, the oldest first, each once however often it was read; with `limit`, the newest so many."""
    asked = select(SMS_REPLY).order_by(SMS_REPLY.c.received_at.desc(), SMS_REPLY.c.id.desc())
    found: dict[tuple[str, str], ReplyLine] = {}
    for row in connection.execute(asked):
        people = json.loads(row.people)
        if (row.box, row.reply) in found or (person is not None and person not in people):
            continue
        found[row.box, row.reply] = _reply(row, people, shows_numbers=shows_numbers)
        if limit is not None and len(found) == limit:
            break
    return list(reversed(found.values()))


def stops_by_sms(connection: Connection) -> Iterator[tuple[tuple[str, str], str, int]]:
    """Yield what answers took off every list: (scope, value), why, and when; the oldest first."""
    wanted = select(SMS_REPLY).where(SMS_REPLY.c.suppressed.is_not(None))
    for row in connection.execute(wanted.order_by(SMS_REPLY.c.received_at, SMS_REPLY.c.id)):
        if row.number:
            yield ("number", row.number), "opt_out", row.received_at
        for person in json.loads(row.people) if row.suppressed == "person" else ():
            yield ("person", person), "opt_out", row.received_at


def _reply(row: Row[tuple[object, ...]], people: list[str], *, shows_numbers: bool) -> ReplyLine:
    return ReplyLine(
        received_at_ms=row.received_at,
        box=row.box,
        line=row.line,
        number=(row.number if shows_numbers else mask(row.number)) if row.number else "",
        people=people,
        text=row.text,
        is_opt_out=row.is_opt_out,
        suppressed=row.suppressed or "",
        reply=row.reply,
    )
