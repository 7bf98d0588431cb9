"""The sets of signing keys that the console has sent, as it signed them; the newest that is believed is obeyed."""

from dataclasses import dataclass
from datetime import datetime

from firmware.clock import from_ms, to_ms
from firmware.store.connection import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKeySet:
    """One set, with the signature that makes it believable after it has lain on the disk."""

    version: int
    body: bytes
    topic: str | None
    kid: str | None
    signature: str | None
    """None: it was kept by a version of this program that did not keep signatures."""


def keep(con: Connection, key_set: StoredKeySet, *, received_at: datetime) -> None:
    """Keep a new set. Raises StoreConflictError if its version is known."""
    con.insert(
        "key_set",
        {
            "version": key_set.version,
            "body": key_set.body,
            "topic": key_set.topic,
            "kid": key_set.kid,
            "signature": key_set.signature,
            "received_at": to_ms(received_at),
        },
    )


def every(con: Connection) -> list[StoredKeySet]:
    """Return all sets, oldest first; none for a box that knows its keys from enrolment alone."""
    rows = con.rows("SELECT version, body, topic, kid, signature FROM key_set ORDER BY version")
    return [StoredKeySet(**row) for row in rows]


def latest_time(con: Connection) -> datetime | None:
    """Return an instant that has certainly passed: a clock set back must not bring a retired key to life."""
    at = con.value(
        "SELECT max(at) FROM (SELECT max(received_at) AS at FROM inbox UNION ALL SELECT max(received_at) FROM key_set)"
    )
    return None if at is None else from_ms(at)
