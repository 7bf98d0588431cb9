"""The audit log: a hash chain of decisions, only ever added to. How links are made is the caller's rule."""

from collections.abc import Callable
from dataclasses import dataclass

from firmware.store.connection import Connection, Row

GENESIS = "0" * 64
"""The hash before the first entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One entry of the chain."""

    seq: int
    previous: str
    body: str
    """Canonical JSON."""
    hash: str


def append(con: Connection, body: str, link: Callable[[str, str], str]) -> AuditRow:
    """Add an entry after the head; `link(previous_hash, body)` makes its hash."""
    last = head(con)
    previous = last.hash if last else GENESIS
    row = AuditRow(seq=(last.seq if last else 0) + 1, previous=previous, body=body, hash=link(previous, body))
    con.insert("audit", {"seq": row.seq, "previous": previous, "body": body, "hash": row.hash})
    con.touch("audit")
    return row


def head(con: Connection) -> AuditRow | None:
    """Return the last entry."""
    row = con.row("SELECT * FROM audit ORDER BY seq DESC LIMIT 1")
    return _audit_row(row) if row else None


def rows(con: Connection, after_seq: int = 0, limit: int = 1000) -> list[AuditRow]:
    """Return entries in order, from behind `after_seq`."""
    found = con.rows("SELECT * FROM audit WHERE seq > ? ORDER BY seq LIMIT ?", (after_seq, limit))
    return [_audit_row(row) for row in found]


def _audit_row(row: Row) -> AuditRow:
    return AuditRow(seq=row["seq"], previous=row["previous"], body=row["body"], hash=row["hash"])
