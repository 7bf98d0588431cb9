"""Whom no box may call any more: what a person here said, and what calls brought about."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection, select

from console.errors import ConsoleError
from console.inbound_calls import stops
from console.ledger_facts import insert_new
from console.ledger_tables import CONTACT, OUTCOME, SUPPRESSION
from console.short_messages import stops_by_sms
from firmware.clock import to_ms
from firmware.sync.messages import Suppress, SuppressionWire
from firmware.values import UuidV7

MAX_IN_ONE_MESSAGE = 400
"""An entry has at most 600 bytes, so a message stays below 256 KiB."""

Key = tuple[str, str]


def add_suppression(connection: Connection, scope: str, value: str, reason: str, at: datetime) -> bool:
    """Add what a person here decided; nothing is ever taken back. Return whether it is new."""
    if scope not in {"person", "number", "debt"}:
        raise ConsoleError(f"{scope!r} is no scope; use person, number or debt")
    row = {"scope": scope, "value": value, "reason": reason, "at": to_ms(at)}
    return insert_new(connection, SUPPRESSION, row)


def all_suppressions(connection: Connection) -> list[SuppressionWire]:
    """Return every suppression known here, each once, in a fixed order."""
    reasons: dict[Key, str] = {}
    for row in connection.execute(select(SUPPRESSION)):
        reasons[row.scope, row.value] = row.reason
    for key, reason in _from_calls(connection):
        reasons.setdefault(key, reason)
    for key, reason, _at in (*stops(connection), *stops_by_sms(connection)):
        reasons.setdefault(key, reason)
    return [_wire(key, reasons[key]) for key in sorted(reasons)]


def as_messages(suppressions: list[SuppressionWire], ids: UuidV7, now: datetime) -> list[Suppress]:
    """Return the list as messages; an empty list is one empty message, and says that there is nothing else."""
    starts = range(0, max(len(suppressions), 1), MAX_IN_ONE_MESSAGE)
    parts = [suppressions[start : start + MAX_IN_ONE_MESSAGE] for start in starts]
    return [Suppress(id=ids.new(to_ms(now)), at=now, suppressions=part) for part in parts]


def _from_calls(connection: Connection) -> Iterator[tuple[Key, str]]:
    same = (
        (CONTACT.c.box == OUTCOME.c.box)
        & (CONTACT.c.campaign == OUTCOME.c.campaign)
        & (CONTACT.c.contact == OUTCOME.c.contact)
    )
    wanted = select(
        OUTCOME.c.suppressed, OUTCOME.c.disposition, OUTCOME.c.person, CONTACT.c.number, CONTACT.c.debt
    )
    rows = wanted.select_from(OUTCOME.outerjoin(CONTACT, same)).where(OUTCOME.c.suppressed.is_not(None))
    for row in connection.execute(rows.order_by(OUTCOME.c.ended_at, OUTCOME.c.attempt)):
        value = {"person": row.person, "number": row.number, "debt": row.debt}.get(row.suppressed)
        if value:
            yield (row.suppressed, value), row.disposition


def _wire(key: Key, reason: str) -> SuppressionWire:
    match key:
        case ("number", number):
            return SuppressionWire(number=number, scope="number", reason=reason)
        case ("debt", debt):
            return SuppressionWire(debt=debt, scope="debt", reason=reason)
        case (_, person):
            return SuppressionWire(person=person, scope="person", reason=reason)
