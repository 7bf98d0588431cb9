"""Calls that came in, as the boxes tell of them: what came of each, and what they stopped."""

import json
from collections.abc import Collection, Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select

from console.inbound_tables import INBOUND
from firmware.sync.messages import InboundOutcome
from firmware.values import mask


class InboundLine(msgspec.Struct, kw_only=True, frozen=True):
    """One call that came in."""

    ended_at_ms: int
    box: str
    line: str
    caller: str
    """Masked unless asked for whole; empty when the number was withheld."""
    people: list[str]
    """Whom the box knows at that number; a number that is shown proves nobody."""
    disposition: str
    talk_s: float
    callback: str
    transfer: str
    hand_over: str
    suppressed: str
    call: str


def coded(message: InboundOutcome) -> dict[str, Any]:
    """Return the fields of a row that have another form than in the message."""
    callback = message.callback
    return {
        "people": json.dumps(message.people, ensure_ascii=False),
        "answers": json.dumps(message.answers, ensure_ascii=False, sort_keys=True),
        "hand_over": message.hand_over.result if message.hand_over else None,
        "callback_local": callback.local if callback else None,
    }


def inbound_lines(
    connection: Connection, *, box: str | None = None, limit: int | None = None, shows_numbers: bool = False
) -> list[InboundLine]:
    """Return calls that came in, the oldest first; with `limit`, the newest so many."""
    query = select(INBOUND).order_by(INBOUND.c.ended_at.desc(), INBOUND.c.call.desc()).limit(limit)
    if box is not None:
        query = query.where(INBOUND.c.box == box)
    return [
        InboundLine(
            ended_at_ms=row.ended_at,
            box=row.box,
            line=row.line,
            caller=(row.caller if shows_numbers else mask(row.caller)) if row.caller else "",
            people=json.loads(row.people),
            disposition=row.disposition,
            talk_s=round(row.talk_ms / 1000, 1),
            callback=(row.callback_local or "").replace("T", " "),
            transfer=row.transfer or "",
            hand_over=row.hand_over or "",
            suppressed=row.suppressed or "",
            call=row.call,
        )
        for row in reversed(list(connection.execute(query)))
    ]


def find_inbound(connection: Connection, box: str, call: str) -> Row[Any] | None:
    """Return one call that came in."""
    here = (INBOUND.c.box == box) & (INBOUND.c.call == call)
    return connection.execute(select(INBOUND).where(here)).first()


def calls_of(connection: Connection, person: str, numbers: Collection[str], *, limit: int) -> list[Row[Any]]:
    """Return the newest calls that came in from whom a box knows as this person, or from one of these numbers."""
    known = INBOUND.c.people.contains(json.dumps(person, ensure_ascii=False), autoescape=True)
    query = select(INBOUND).where(known | INBOUND.c.caller.in_(sorted(numbers)))
    return list(connection.execute(query.order_by(INBOUND.c.ended_at.desc()).limit(limit)))


def stops(connection: Connection) -> Iterator[tuple[tuple[str, str], str, int]]:
    """Yield what callers took off every list: (scope, value), why, and when; the oldest first."""
    wanted = select(INBOUND).where(INBOUND.c.suppressed.is_not(None))
    for row in connection.execute(wanted.order_by(INBOUND.c.ended_at, INBOUND.c.call)):
        if row.caller:
            yield ("number", row.caller), row.disposition, row.ended_at
        for person in json.loads(row.people) if row.suppressed == "person" else ():
            yield ("person", person), row.disposition, row.ended_at
