"""What is past its time, and its deletion: recordings one by one, people whole. Attempts stay and go on counting.

Nothing here knows how long is long enough: the caller does. Nothing is deleted that a legal hold covers, or that belongs
to a campaign still running; an outcome never before the console has it, a recording only after it was warned.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from firmware.clock import from_ms, to_ms
from firmware.store.connection import Connection, Row
from firmware.store.legal_holds import HELD_RECORDING, is_person_held

NOBODY = "(erased)"
"""The contact that stands for everybody whose time has come, one in each campaign: attempts must refer to one."""
_CLOCK = "retention_clock"
_TRACES = "retention_traces"


@dataclass(frozen=True, slots=True, kw_only=True)
class OldRecording:
    """A sealed file that may be past its time."""

    recording: str
    attempt: str
    campaign: str
    person: str
    number: str
    region: str | None
    path: Path
    sha256: str
    n_bytes: int
    ended_at: datetime
    uploaded_at: datetime | None
    """When the console had it whole; until then it stays, unless the console was warned long enough before."""
    alarmed_at: datetime | None
    """When the console was warned that it has not fetched it."""
    is_held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRecord:
    """All that says how long one person's data must stay."""

    person: str
    places: tuple[tuple[str, str | None], ...]
    """(number, region) of every contact: the rules of all of them count."""
    last_at: datetime | None
    """The last call, or the end of their last campaign; None while a campaign still runs or a call is up."""
    n_attempts: int
    n_recordings: int
    is_held: bool
    is_unreceived: bool
    """The console has not got everything up to then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What went, for the audit log."""

    n_contacts: int
    n_events: int
    n_outcomes: int
    n_promises: int
    attempts: tuple[str, ...]
    """Attempts that no longer say whom they called."""


def note_over(con: Connection, now: datetime) -> int:
    """Note since when the campaigns that are over are so, as far as anybody has seen; return how many are new."""
    return con.execute(
        # A time to come was noted under a clock that was wrong.
        """UPDATE campaign SET over_at = :now
           WHERE (over_at IS NULL OR over_at > :now) AND state IN ('done','cancelled','expired')""",
        {"now": to_ms(now)},
    )


def old_recordings(con: Connection, ended_before: datetime, after: str, limit: int) -> list[OldRecording]:
    """Return recordings of calls that ended before an instant and are not going already, from behind an id."""
    rows = con.rows(
        f"""SELECT recording.*, attempt.campaign, attempt.person, attempt.number, attempt.ended_at, contact.region,
                {HELD_RECORDING} AS is_held
            FROM recording JOIN attempt USING (attempt)
            JOIN contact ON contact.campaign = attempt.campaign AND contact.contact = attempt.contact
            WHERE going_at IS NULL AND attempt.ended_at <= ? AND recording > ? ORDER BY recording LIMIT ?""",
        (to_ms(ended_before), after, limit),
    )
    return [_old_recording(row) for row in rows]


def going_recordings(con: Connection, limit: int) -> list[OldRecording]:
    """Return recordings whose deletion was decided and is not finished."""
    rows = con.rows(
        """SELECT recording.*, attempt.campaign, attempt.person, attempt.number, attempt.ended_at, contact.region,
               0 AS is_held
           FROM recording JOIN attempt USING (attempt)
           JOIN contact ON contact.campaign = attempt.campaign AND contact.contact = attempt.contact
           WHERE going_at IS NOT NULL ORDER BY recording LIMIT ?""",
        (limit,),
    )
    return [_old_recording(row) for row in rows]


def let_recording_go(con: Connection, recording: str, at: datetime) -> bool:
    """Decide that a file is deleted; False if a hold was set meanwhile, or the console neither has it nor was warned."""
    return bool(
        con.execute(
            f"""UPDATE recording SET going_at = ? WHERE recording = ? AND going_at IS NULL
                AND (uploaded_at IS NOT NULL OR alarmed_at IS NOT NULL) AND EXISTS (SELECT 1 FROM attempt
                    WHERE attempt.attempt = recording.attempt AND NOT {HELD_RECORDING})""",
            (to_ms(at), recording),
        )
    )


def note_alarmed(con: Connection, recordings: Sequence[str], at: datetime) -> None:
    """Note that the console was warned of the deletion of what it has not fetched; the first warning counts."""
    for recording in recordings:
        con.execute(
            "UPDATE recording SET alarmed_at = ? WHERE recording = ? AND alarmed_at IS NULL",
            (to_ms(at), recording),
        )


def forget_recording(con: Connection, recording: str) -> bool:
    """Delete the row of a file that is gone; False if it was forgotten already."""
    con.touch("recording")
    return bool(
        con.execute("DELETE FROM recording WHERE recording = ? AND going_at IS NOT NULL", (recording,))
    )


def old_people(con: Connection, over_before: datetime, after: str, limit: int) -> list[str]:
    """Return people with a contact in a campaign that was over before an instant, from behind one of them."""
    rows = con.rows(
        """SELECT DISTINCT person FROM contact JOIN campaign USING (campaign)
           WHERE person > ? AND person <> '' AND over_at <= ? ORDER BY person LIMIT ?""",
        (after, to_ms(over_before), limit),
    )
    return [row["person"] for row in rows]


def person_record(con: Connection, person: str) -> PersonRecord:
    """Return what is kept of one person."""
    contacts = con.rows(
        """SELECT numbers, region, over_at, contact.state = 'in_call' AS in_call
           FROM contact JOIN campaign USING (campaign) WHERE person = ?""",
        (person,),
    )
    calls = con.row(
        """SELECT count(*) AS n, max(ended_at) AS last, count(*) - count(ended_at) AS n_open,
               (SELECT count(*) FROM recording JOIN attempt USING (attempt) WHERE attempt.person = :person) AS n_recordings
           FROM attempt WHERE person = :person""",
        {"person": person},
    )
    assert calls is not None
    ends = [row["over_at"] for row in contacts]
    runs = None in ends or calls["n_open"] or any(row["in_call"] for row in contacts)
    written = con.value(
        "SELECT max(max(ordered_at, ifnull(reserved_at, 0), ifnull(ended_at, 0))) FROM sms WHERE person = ?",
        (person,),
    )
    known = [at for at in (*ends, calls["last"], written) if at is not None]
    last = None if runs or not known else max(known)
    oldest = con.value("SELECT min(created_at) FROM outbox")
    numbers = [(number, row["region"]) for row in contacts for number in json.loads(row["numbers"])]
    return PersonRecord(
        person=person,
        places=tuple(dict.fromkeys(numbers)),
        last_at=None if last is None else from_ms(last),
        n_attempts=calls["n"],
        n_recordings=calls["n_recordings"],
        is_held=is_person_held(con, person),
        is_unreceived=last is not None and oldest is not None and oldest <= last + 86_400_000,
    )


def erase_person(con: Connection, person: str) -> Erased:
    """Delete what is kept of one person; their attempts stay without them, so that what they count stays counted.

    Suppressions stay for ever: who asked not to be called is not called.
    """
    con.execute("PRAGMA defer_foreign_keys = ON")
    attempts = tuple(
        row["attempt"]
        for row in con.rows("SELECT attempt FROM attempt WHERE person = ? ORDER BY attempt", (person,))
    )
    of_them = "attempt IN (SELECT attempt FROM attempt WHERE person = ?)"
    n_events = con.execute(f"DELETE FROM call_event WHERE {of_them}", (person,))
    n_promises = con.execute(f"DELETE FROM promise WHERE {of_them}", (person,))
    n_outcomes = con.execute(
        f"UPDATE outcome SET contact = ?, person = '', note = '' WHERE {of_them}", (NOBODY, person)
    )
    con.execute(
        """INSERT INTO contact (campaign, contact, row, person, numbers, language, status, consents, vars,
               priority, state, due_at)
           SELECT DISTINCT campaign, ?, 0, '', '[]', '', '', '[]', '{}', 0, 'done', 0 FROM attempt WHERE person = ?
           ON CONFLICT (campaign, contact) DO NOTHING""",
        (NOBODY, person),
    )
    con.execute(
        "UPDATE attempt SET contact = ?, person = '', number = '', debt = NULL, line_number = NULL WHERE person = ?",
        (NOBODY, person),
    )
    n_contacts = con.execute("DELETE FROM contact WHERE person = ?", (person,))
    con.execute("DELETE FROM sms WHERE person = ?", (person,))
    con.execute(
        "DELETE FROM legal_hold WHERE scope = 'person' AND subject = ? AND released_at IS NOT NULL", (person,)
    )
    con.touch("contact")
    return Erased(
        n_contacts=n_contacts,
        n_events=n_events,
        n_outcomes=n_outcomes,
        n_promises=n_promises,
        attempts=attempts,
    )


# ---- keys ----


def keep_key_until(con: Connection, person_ref: str, until: datetime) -> None:
    """Let a person's audit key go at an instant, unless a decision about them is written before."""
    con.execute("UPDATE audit_secret SET keep_until = ? WHERE person_ref = ?", (to_ms(until), person_ref))


def old_keys(con: Connection, now: datetime, limit: int) -> list[str]:
    """Return the people, by what stands for them in the log, of whom nothing is left but a key past its time."""
    rows = con.rows("SELECT person_ref FROM audit_secret WHERE keep_until <= ? LIMIT ?", (to_ms(now), limit))
    return [row["person_ref"] for row in rows]


def key_digest(key: bytes) -> str:
    """Return what stands for a key in the list of destroyed ones."""
    return hashlib.sha256(key).hexdigest()


# ---- how far a pass came ----


def clock_of_last_pass(con: Connection) -> datetime | None:
    """Return what the last pass took for now."""
    value = con.value("SELECT value FROM setting WHERE key = ?", (_CLOCK,))
    return None if value is None else from_ms(int(value))


def note_pass(con: Connection, at: datetime) -> None:
    """Note what this pass takes for now; never goes back."""
    con.execute(
        """INSERT INTO setting VALUES (?, ?) ON CONFLICT (key) DO UPDATE
           SET value = max(CAST(value AS INTEGER), CAST(excluded.value AS INTEGER)) || ''""",
        (_CLOCK, str(to_ms(at))),
    )


def leaves_traces(con: Connection) -> None:
    """Note, in the transaction that deletes, that copies of what it deletes must go too."""
    con.execute("INSERT INTO setting VALUES (?, '1') ON CONFLICT (key) DO NOTHING", (_TRACES,))


def has_traces(con: Connection) -> bool:
    """Say whether copies may hold what was deleted."""
    return con.value("SELECT 1 FROM setting WHERE key = ?", (_TRACES,)) is not None


def traces_gone(con: Connection) -> None:
    """Note that no copy holds what was deleted."""
    con.execute("DELETE FROM setting WHERE key = ?", (_TRACES,))


def _old_recording(row: Row) -> OldRecording:
    return OldRecording(
        recording=row["recording"],
        attempt=row["attempt"],
        campaign=row["campaign"],
        person=row["person"],
        number=row["number"],
        region=row["region"],
        path=Path(row["path"]),
        sha256=row["sha256"],
        n_bytes=row["n_bytes"],
        ended_at=from_ms(row["ended_at"]),
        uploaded_at=None if row["uploaded_at"] is None else from_ms(row["uploaded_at"]),
        alarmed_at=None if row["alarmed_at"] is None else from_ms(row["alarmed_at"]),
        is_held=bool(row["is_held"]),
    )
