"""The console's releases of rules, as it signed them: each is kept, the highest version is in force."""

from dataclasses import dataclass
from datetime import datetime

from firmware.clock import to_ms
from firmware.store.connection import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRelease:
    """One release, with the signature that makes it believable after it has lain on the disk."""

    version: int
    topic: str
    kid: str
    signature: str
    body: bytes


def newest(con: Connection) -> StoredRelease | None:
    """Return the release in force, None when the console has never sent one."""
    row = con.row(
        "SELECT version, topic, kid, signature, body FROM policy_release ORDER BY version DESC LIMIT 1"
    )
    return StoredRelease(**row) if row else None


def keep(con: Connection, release: StoredRelease, received_at: datetime) -> None:
    """Keep a release. Raises StoreConflictError if its version is taken."""
    con.insert(
        "policy_release",
        {
            "version": release.version,
            "topic": release.topic,
            "kid": release.kid,
            "signature": release.signature,
            "body": release.body,
            "received_at": to_ms(received_at),
        },
    )
