"""Commands that were sent to boxes, and what became of those that order an update."""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select

from console.ledger_facts import insert_new
from console.ledger_tables import COMMAND, EVENT, RESPONSE
from console.web_tables import OF_UPDATES
from firmware.clock import to_ms
from firmware.sync.messages_command import Command

UPDATE = "update"


class UpdateOrder(msgspec.Struct, kw_only=True, frozen=True):
    """One box that was asked to become a release."""

    box: str
    version: str
    at_ms: int
    expires_at_ms: int
    status: str
    """What the box answered: ``done`` (it will), ``refused``, ``failed``; empty: nothing yet."""
    reason: str
    end: str
    """``update_good``, ``update_failed``; empty: not known yet."""
    ended_at_ms: int | None
    end_facts: str
    """What the box told with it, as the ledger keeps it."""
    end_detail: str


def keep_command(rows: Connection, box: str, message: Command) -> None:
    """Note a command that is about to be sent; the same one again changes nothing."""
    row = {
        "box": box,
        "id": message.id,
        "name": message.name,
        "arguments": msgspec.json.encode(message.arguments).decode(),
        "at": to_ms(message.at),
        "expires_at": to_ms(message.expires_at),
    }
    insert_new(rows, COMMAND, row)


def update_orders(rows: Connection, *, limit: int) -> list[UpdateOrder]:
    """Return the last boxes that were asked to become a release, the latest first."""
    asked = select(COMMAND).where(COMMAND.c.name == UPDATE)
    orders = list(rows.execute(asked.order_by(COMMAND.c.at.desc(), COMMAND.c.box).limit(limit)))
    if not orders:
        return []
    since = min(row.at for row in orders)
    told = select(RESPONSE).where(RESPONSE.c.about.in_([row.id for row in orders]))
    answers = {(row.box, row.about): row for row in rows.execute(told.order_by(RESPONSE.c.at.desc()))}
    ended = select(EVENT).where(OF_UPDATES & (EVENT.c.at >= since))
    ends = {
        (row.box, word): row
        for row in rows.execute(ended.order_by(EVENT.c.at.desc()))
        for word in row.detail.split()
    }
    return [_order(row, answers.get((row.box, row.id)), ends) for row in orders]


def _order(row: Row[Any], answer: Row[Any] | None, ends: Mapping[tuple[str, str], Row[Any]]) -> UpdateOrder:
    arguments: dict[str, Any] = msgspec.json.decode(row.arguments)
    # The box names its update in the answer, and again when it is over.
    result: dict[str, Any] = msgspec.json.decode(answer.result) if answer else {}
    end = ends.get((row.box, str(result.get(UPDATE) or "")))
    return UpdateOrder(
        box=row.box,
        version=str(arguments.get("version", "")),
        at_ms=row.at,
        expires_at_ms=row.expires_at,
        status=answer.status if answer else "",
        reason=answer.reason if answer else "",
        end=end.event if end else "",
        ended_at_ms=end.at if end else None,
        end_facts=end.facts if end else "{}",
        end_detail=end.detail if end else "",
    )
