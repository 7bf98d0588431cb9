"""The sets of signing keys that the console has sent; the newest one is whom the box obeys."""

from datetime import datetime

from firmware.clock import from_ms, to_ms
from firmware.store.connection import Connection


def keep(con: Connection, version: int, body: bytes, *, received_at: datetime) -> None:
    """Keep a new set. Raises StoreConflictError if its version is known."""
    con.insert("key_set", {"version": version, "body": body, "received_at": to_ms(received_at)})


def newest(con: Connection) -> tuple[int, bytes] | None:
    """Return version and body of the newest set, None for a box that knows its keys from enrolment alone."""
    row = con.row("SELECT version, body FROM key_set ORDER BY version DESC LIMIT 1")
    return (row["version"], row["body"]) if row else None


def latest_time(con: Connection) -> datetime | None:
    """Return an instant that has certainly passed: a clock set back must not bring a retired key to life."""
    at = con.value(
        "SELECT max(at) FROM (SELECT max(received_at) AS at FROM inbox UNION ALL SELECT max(received_at) FROM key_set)"
    )
    return None if at is None else from_ms(at)
