"""The audit log: a hash chain of decisions, only ever added to. How links are made is the caller's rule."""

from collections.abc import Callable
from dataclasses import dataclass

from firmware.store.connection import Connection, Row

GENESIS = "0" * 64
"""The hash before the first entry."""
_SESSION = "audit_rules_session"


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


def bodies_of(con: Connection, kind: str) -> list[str]:
    """Return the entries of one kind, in order."""
    # Canonical JSON sorts its keys: `kind` is the last of an entry.
    found = con.rows("SELECT body FROM audit WHERE body LIKE ? ORDER BY seq", (f'%"kind":"{kind}"}}',))
    return [row["body"] for row in found]


def session_of_rules(con: Connection) -> str | None:
    """Return the run of the daemon that last wrote by which rules it judges."""
    value = con.value("SELECT value FROM setting WHERE key = ?", (_SESSION,))
    return None if value is None else str(value)


def note_session_of_rules(con: Connection, session: str) -> None:
    """Note that this run has written its rules; undone with its transaction, as they are."""
    con.execute(
        "INSERT INTO setting VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (_SESSION, session),
    )


def secret(con: Connection, person_ref: str) -> bytes | None:
    """Return the key of what the log says of one person; None when it was destroyed or never made."""
    found = con.value("SELECT key FROM audit_secret WHERE person_ref = ?", (person_ref,))
    return None if found is None else bytes(found)


def use_secret(con: Connection, person_ref: str) -> bytes | None:
    """Return a person's key for one more entry: it stays as long as that must."""
    key = secret(con, person_ref)
    if key is not None:
        con.execute(
            "UPDATE audit_secret SET keep_until = NULL WHERE person_ref = ? AND keep_until IS NOT NULL",
            (person_ref,),
        )
    return key


def keep_secret(con: Connection, person_ref: str, key: bytes) -> None:
    """Keep a person's key."""
    con.insert("audit_secret", {"person_ref": person_ref, "key": key})


def destroy_secret(con: Connection, person_ref: str) -> bool:
    """Destroy a person's key: what the log says of them can never be read again. False if there was none."""
    return bool(con.execute("DELETE FROM audit_secret WHERE person_ref = ?", (person_ref,)))


def keep_rules(con: Connection, digest: str, name: str, text: str) -> None:
    """Keep a rule pack as it was in force; the same again changes nothing."""
    con.execute(
        "INSERT INTO rule_book VALUES (?, ?, ?) ON CONFLICT (digest) DO NOTHING", (digest, name, text)
    )


def rules_kept(con: Connection) -> dict[str, str]:
    """Return every rule pack that was ever in force here, by its digest."""
    return {row["digest"]: row["text"] for row in con.rows("SELECT digest, text FROM rule_book")}


def _audit_row(row: Row) -> AuditRow:
    return AuditRow(seq=row["seq"], previous=row["previous"], body=row["body"], hash=row["hash"])
