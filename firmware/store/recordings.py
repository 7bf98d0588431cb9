"""Sealed recordings: which file belongs to which attempt, and when it may go."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from firmware.clock import from_ms, to_ms
from firmware.store.connection import Connection, Row
from firmware.store.errors import StoreConflictError
from firmware.values import AttemptId


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecording:
    """One sealed file."""

    recording: str
    attempt: AttemptId
    path: Path
    sha256: str
    duration_ms: int
    n_bytes: int
    recipients: tuple[str, ...]
    """Public keys that open it."""
    notice_at: datetime | None
    """When the callee was told."""
    delete_after: datetime | None
    uploaded_at: datetime | None = None


def add(con: Connection, recording: StoredRecording) -> None:
    """Keep the record of a file. Raises StoreConflictError."""
    con.insert(
        "recording",
        {
            "recording": recording.recording,
            "attempt": recording.attempt,
            "path": str(recording.path),
            "sha256": recording.sha256,
            "duration_ms": recording.duration_ms,
            "n_bytes": recording.n_bytes,
            "recipients": json.dumps(recording.recipients),
            "notice_at": None if recording.notice_at is None else to_ms(recording.notice_at),
            "delete_after": None if recording.delete_after is None else to_ms(recording.delete_after),
            "uploaded_at": None if recording.uploaded_at is None else to_ms(recording.uploaded_at),
        },
    )
    con.touch("recording")


def list_recordings(con: Connection, attempt: AttemptId | None = None) -> list[StoredRecording]:
    """Return the recordings of one attempt, or all, oldest first."""
    rows = con.rows(
        "SELECT * FROM recording WHERE :attempt IS NULL OR attempt = :attempt ORDER BY recording",
        {"attempt": attempt},
    )
    return [_recording(row) for row in rows]


def get_recording(con: Connection, recording: str) -> StoredRecording | None:
    """Return one recording."""
    row = con.row("SELECT * FROM recording WHERE recording = ?", (recording,))
    return _recording(row) if row else None


def undelivered(con: Connection, *, limit: int, but: Sequence[str] = ()) -> list[StoredRecording]:
    """Return recordings that the console has not said it has, oldest first, without those named in `but`."""
    rows = con.rows(
        """SELECT * FROM recording WHERE uploaded_at IS NULL
           AND recording NOT IN (SELECT value FROM json_each(?)) ORDER BY recording LIMIT ?""",
        (json.dumps(list(but)), limit),
    )
    return [_recording(row) for row in rows]


def mark_uploaded(con: Connection, recording: str, at: datetime) -> None:
    """Note that the console has it. Raises StoreConflictError if it is unknown."""
    if not con.execute("UPDATE recording SET uploaded_at = ? WHERE recording = ?", (to_ms(at), recording)):
        raise StoreConflictError(f"recording {recording} is unknown")
    con.touch("recording")


def mark_delivered(con: Connection, recording: str, sha256: str, at: datetime) -> None:
    """Note the console's word that it has this content whole; the first word counts.

    Raises StoreConflictError if the recording is unknown or another one.
    """
    known = get_recording(con, recording)
    if known is None or known.sha256 != sha256:
        raise StoreConflictError(f"recording {recording} is not here with this content")
    if known.uploaded_at is None:
        mark_uploaded(con, recording, at)


def _recording(row: Row) -> StoredRecording:
    return StoredRecording(
        recording=row["recording"],
        attempt=AttemptId(row["attempt"]),
        path=Path(row["path"]),
        sha256=row["sha256"],
        duration_ms=row["duration_ms"],
        n_bytes=row["n_bytes"],
        recipients=tuple(json.loads(row["recipients"])),
        notice_at=None if row["notice_at"] is None else from_ms(row["notice_at"]),
        delete_after=None if row["delete_after"] is None else from_ms(row["delete_after"]),
        uploaded_at=None if row["uploaded_at"] is None else from_ms(row["uploaded_at"]),
    )
