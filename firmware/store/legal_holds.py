"""Legal holds: what must not be deleted whatever its age, by whose word and why. A hold is released, never deleted."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from firmware.clock import from_ms, to_ms
from firmware.store.connection import Connection, Row
from firmware.store.errors import StoreConflictError

HoldScope = Literal["person", "campaign", "recording"]
HoldSource = Literal["console", "local"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalHold:
    """One order to keep; it stops the deletion of all that it covers until it is released."""

    hold: str
    scope: HoldScope
    subject: str
    """The id of the person, campaign or recording."""
    by: str
    """Who ordered it, a name."""
    reason: str
    source: HoldSource
    set_at: datetime
    released_at: datetime | None = None
    released_by: str | None = None
    release_reason: str | None = None

    @property
    def is_in_force(self) -> bool:
        """Say whether it still stops deletion."""
        return self.released_at is None


HELD_RECORDING = """EXISTS (SELECT 1 FROM legal_hold WHERE released_at IS NULL AND (
    (scope = 'recording' AND subject = recording.recording)
    OR (scope = 'person' AND subject = attempt.person)
    OR (scope = 'campaign' AND subject = attempt.campaign)))"""
"""Of a row of recording JOIN attempt."""


def set_hold(con: Connection, hold: LegalHold) -> bool:
    """Keep a hold; False if it is here already. Raises StoreConflictError if it names nobody or gives no reason."""
    if con.value("SELECT 1 FROM legal_hold WHERE hold = ?", (hold.hold,)) is not None:
        return False
    con.insert(
        "legal_hold",
        {
            "hold": hold.hold,
            "scope": hold.scope,
            "subject": hold.subject,
            "by_whom": hold.by,
            "reason": hold.reason,
            "source": hold.source,
            "set_at": to_ms(hold.set_at),
        },
    )
    con.touch("legal_hold")
    return True


def release(con: Connection, hold: str, *, by: str, reason: str, at: datetime) -> None:
    """End a hold. Raises StoreConflictError if there is none of that id in force."""
    if not by.strip() or not reason.strip():
        raise StoreConflictError("say who releases the hold, and why")
    changed = con.execute(
        "UPDATE legal_hold SET released_at = ?, released_by = ?, release_reason = ?"
        " WHERE hold = ? AND released_at IS NULL",
        (to_ms(at), by, reason, hold),
    )
    if not changed:
        raise StoreConflictError(f"no legal hold {hold} is in force")
    con.touch("legal_hold")


def list_holds(con: Connection, *, in_force: bool = False) -> list[LegalHold]:
    """Return the holds, oldest first."""
    where = "WHERE released_at IS NULL" if in_force else ""
    return [_hold(row) for row in con.rows(f"SELECT * FROM legal_hold {where} ORDER BY set_at, hold")]


def unaudited(con: Connection) -> list[LegalHold]:
    """Return the holds of which the audit log lacks the setting or the release."""
    rows = con.rows(
        "SELECT * FROM legal_hold WHERE n_audited < 1 + (released_at IS NOT NULL) ORDER BY set_at, hold"
    )
    return [_hold(row) for row in rows]


def n_audited(con: Connection, hold: str) -> int:
    """Return how much of a hold the audit log has: 0 nothing, 1 its setting, 2 its release as well."""
    return int(con.value("SELECT n_audited FROM legal_hold WHERE hold = ?", (hold,)) or 0)


def note_audited(con: Connection, hold: str, n_entries: int) -> None:
    """Note how much of a hold the audit log has now."""
    con.execute("UPDATE legal_hold SET n_audited = ? WHERE hold = ?", (n_entries, hold))


def is_person_held(con: Connection, person: str) -> bool:
    """Say whether anything about this person must be kept: by a hold on them, a campaign or a recording of theirs."""
    found = con.value(
        """SELECT 1 FROM legal_hold WHERE released_at IS NULL AND (
               (scope = 'person' AND subject = :person)
               OR (scope = 'campaign' AND subject IN (SELECT campaign FROM contact WHERE person = :person))
               OR (scope = 'recording' AND subject IN (
                   SELECT recording FROM recording JOIN attempt USING (attempt) WHERE attempt.person = :person)))""",
        {"person": person},
    )
    return found is not None


def _hold(row: Row) -> LegalHold:
    return LegalHold(
        hold=row["hold"],
        scope=row["scope"],
        subject=row["subject"],
        by=row["by_whom"],
        reason=row["reason"],
        source=row["source"],
        set_at=from_ms(row["set_at"]),
        released_at=None if row["released_at"] is None else from_ms(row["released_at"]),
        released_by=row["released_by"],
        release_reason=row["release_reason"],
    )
