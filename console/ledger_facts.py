"""One reported message to rows: each fact once by its id, an outcome once by its attempt."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, assert_never

import msgspec
from sqlalchemy import Connection, Table, delete, select, update
from sqlalchemy.dialects.sqlite import insert

from console.audit_ledger import keep_head, keep_segment
from console.ledger_tables import ACK, BATCH, BOX, EVENT, OUTCOME, PROMISE, REFUSAL, RESPONSE, UNREAD
from firmware.clock import to_ms
from firmware.sync.messages import Ack, BoxEvent, BoxState, OutcomeMessage, Refusals, Response
from firmware.sync.messages_audit import AuditHead, AuditSegment


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A durable message of which only the envelope could be read."""

    id: str
    at: datetime
    stream: str
    seq: int
    payload: bytes
    problem: str


Fact = Ack | OutcomeMessage | Refusals | BoxEvent | Response | AuditHead | AuditSegment | Unread


def keep_fact(connection: Connection, box: str, message: Fact) -> bool:
    """Insert the fact unless it is there. Return whether it is new."""
    match message:
        case OutcomeMessage():
            return _keep_outcome(connection, box, message)
        case Ack():
            rejected = msgspec.json.encode(message.rejected).decode()
            if not message.is_too_early:
                # Names and amounts are kept here no longer than until the box has them.
                sent = (BATCH.c.box == box) & (BATCH.c.id == message.about)
                connection.execute(update(BATCH).where(sent).values(payload=None))
            return insert_new(connection, ACK, _row(ACK, box, message) | {"rejected": rejected})
        case Refusals():
            return insert_new(connection, REFUSAL, _row(REFUSAL, box, message))
        case BoxEvent():
            return insert_new(connection, EVENT, _row(EVENT, box, message))
        case Response():
            result = msgspec.json.encode(message.result).decode()
            return insert_new(connection, RESPONSE, _row(RESPONSE, box, message) | {"result": result})
        case AuditHead():
            return keep_head(connection, box, message)
        case AuditSegment():
            return keep_segment(connection, box, message)
        case Unread():
            return insert_new(connection, UNREAD, _row(UNREAD, box, message))
        case _:
            assert_never(message)


def keep_state(connection: Connection, box: str, state: BoxState, seen_at_ms: int) -> None:
    """Replace what is known of the box's state: the last one received counts, also if it is a will."""
    lines = msgspec.json.encode(state.lines).decode()
    row = _row(BOX, box, state) | {"lines": lines, "seen_at": seen_at_ms}
    replacing = insert(BOX).values(row).on_conflict_do_update(index_elements=["box"], set_=row)
    connection.execute(replacing)


def insert_new(connection: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    """Insert the row unless its key is there. Return whether it was inserted."""
    return connection.execute(insert(table).on_conflict_do_nothing(), dict(row)).rowcount == 1


def instant_ms(at: datetime) -> int:
    """Return an instant as ms; one without a zone is UTC, as the wire demands."""
    return to_ms(at if at.tzinfo else at.replace(tzinfo=UTC))


def _keep_outcome(connection: Connection, box: str, message: OutcomeMessage) -> bool:
    here = (OUTCOME.c.box == box) & (OUTCOME.c.attempt == message.attempt)
    kept = connection.execute(select(OUTCOME.c.id).where(here)).scalar_one_or_none()
    if kept is not None and kept <= message.id:
        return False
    if kept is not None:
        # Two messages about one attempt are a box's fault. The older id wins, in whichever order they come.
        promised = (PROMISE.c.box == box) & (PROMISE.c.attempt == message.attempt)
        connection.execute(delete(PROMISE).where(promised))
        connection.execute(delete(OUTCOME).where(here))
    callback = message.callback
    fields = {
        "hand_over": message.hand_over.result if message.hand_over else None,
        "answers": json.dumps(message.answers, ensure_ascii=False, sort_keys=True),
        "callback_local": callback.local if callback else None,
        "callback_at": instant_ms(callback.at) if callback and callback.at else None,
    }
    insert_new(connection, OUTCOME, _row(OUTCOME, box, message) | fields)
    if message.promise is not None:
        amount, plan = message.promise.amount, message.promise.plan
        row = {
            "box": box,
            "attempt": message.attempt,
            "due": message.promise.due.isoformat(),
            "amount_minor": amount.minor if amount else None,
            "currency": amount.currency if amount else None,
            "confirmed": message.promise.confirmed,
            "instalments": plan.instalments if plan else 1,
            "every": plan.every if plan else None,
        }
        insert_new(connection, PROMISE, row)
    return kept is None


def _row(table: Table, box: str, message: Fact | BoxState) -> dict[str, Any]:
    """Return the fields that have a column of their name, instants as ms."""
    fields = ((column.name, getattr(message, column.name, None)) for column in table.columns)
    row = {name: instant_ms(value) if isinstance(value, datetime) else value for name, value in fields}
    return row | {"box": box}
