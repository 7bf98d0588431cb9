"""How boxes feel, as their telemetry says: the last word of each, and one for each quarter of an hour of a week.

The last word may be some minutes old. Ordered by when it came here: a box whose clock is wrong says so, and must not
hide behind a later one.
"""

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Connection, delete, func, select

from console.ledger_engine import insert_into
from console.ledger_tables import TELEMETRY
from firmware.sync.messages_telemetry import Telemetry

SLOT_MS = 15 * 60 * 1000
KEPT_MS = 7 * 24 * 3600 * 1000


class Health(msgspec.Struct, kw_only=True, frozen=True):
    """What one box said of itself, and when that came."""

    box: str
    seen_at_ms: int
    telemetry: Telemetry


def keep_telemetry(connection: Connection, came: Iterable[tuple[str, Telemetry]], seen_at_ms: int) -> None:
    """Keep the last word of each box in its quarter of an hour, and forget those of more than a week ago."""
    last = dict(came)
    slot = seen_at_ms // SLOT_MS
    for box in sorted(last):
        body = msgspec.json.encode(last[box]).decode()
        adding = insert_into(connection, TELEMETRY).values(box=box, slot=slot, seen_at=seen_at_ms, body=body)
        change = {"seen_at": adding.excluded.seen_at, "body": adding.excluded.body}
        connection.execute(
            adding.on_conflict_do_update(
                index_elements=["box", "slot"],
                set_=change,
                where=TELEMETRY.c.seen_at <= adding.excluded.seen_at,
            )
        )
    old = TELEMETRY.c.slot < slot - KEPT_MS // SLOT_MS
    connection.execute(delete(TELEMETRY).where(TELEMETRY.c.box.in_(sorted(last)) & old))


def latest_health(connection: Connection, boxes: Sequence[str] | None = None) -> dict[str, Health]:
    """Return the last word of every box, or of these."""
    newest = select(TELEMETRY.c.box, func.max(TELEMETRY.c.slot).label("slot")).group_by(TELEMETRY.c.box)
    if boxes is not None:
        newest = newest.where(TELEMETRY.c.box.in_(boxes))
    of = newest.subquery()
    asked = select(TELEMETRY).join(of, (of.c.box == TELEMETRY.c.box) & (of.c.slot == TELEMETRY.c.slot))
    return {row.box: _health(row.box, row.seen_at, row.body) for row in connection.execute(asked)}


def health_history(connection: Connection, box: str, *, since_ms: int = 0) -> list[Health]:
    """Return what a box said, a quarter of an hour apart, oldest first; a week of it at most."""
    asked = select(TELEMETRY).where((TELEMETRY.c.box == box) & (TELEMETRY.c.seen_at >= since_ms))
    return [
        _health(row.box, row.seen_at, row.body)
        for row in connection.execute(asked.order_by(TELEMETRY.c.slot))
    ]


def in_short(telemetry: Telemetry) -> str:
    """Return the state of a computer in a few words; what it could not measure is left out."""
    said: list[str] = []
    if telemetry.cpu_temp_c is not None:
        said.append(f"{telemetry.cpu_temp_c:.0f} °C")
    if telemetry.load_1m is not None:
        said.append(f"load {telemetry.load_1m:.1f}")
    if telemetry.memory_available_bytes is not None:
        said.append(f"{telemetry.memory_available_bytes / 2**20:.0f} MiB free")
    if telemetry.disk_free_bytes is not None:
        said.append(f"disk {telemetry.disk_free_bytes / 2**30:.1f} GiB free")
    if telemetry.time_to_full_s is not None:
        said.append(f"full in {telemetry.time_to_full_s / 3600:.0f} h")
    if telemetry.uplink != "free":
        said.append(f"uplink {telemetry.uplink}")
    return ", ".join(said)


def _health(box: str, seen_at_ms: int, body: str) -> Health:
    return Health(box=box, seen_at_ms=seen_at_ms, telemetry=msgspec.json.decode(body, type=Telemetry))
