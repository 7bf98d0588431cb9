"""Reservations to dial, written before the modem hears ATD, and what happened in each call."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from firmware.clock import from_ms, to_ms
from firmware.store.connection import Connection, Row
from firmware.store.errors import StoreConflictError
from firmware.values import E164, AttemptId, CampaignId, ContactId, Disposition, LineId, PersonId


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """The permission to dial one number once."""

    attempt: AttemptId
    campaign: CampaignId
    contact: ContactId
    person: PersonId
    debt: str | None
    number: E164 = field(repr=False)
    line: LineId
    line_number: E164 | None = field(repr=False, default=None)
    """The own number that the callee sees."""
    reserved_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAttempt(Reservation):
    """A reservation and what came of it so far; the gate's history is made of these."""

    dialled_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    disposition: Disposition | None = None
    cause: str | None = None
    cause_q850: int | None = None
    conversation: bool = False
    """It counts as a conversation with the person."""

    @property
    def connected(self) -> bool:
        """Say whether somebody or something answered."""
        return self.answered_at is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEvent:
    """One timed thing in a call: alerting, a digit, a prompt, a tone…"""

    at: datetime
    kind: str
    detail: str = ""


def reserve(con: Connection, reservation: Reservation) -> None:
    """Keep a reservation and count it.

    Raises StoreConflictError if the line, number or contact has an open reservation, or if the id is known.
    """
    con.insert(
        "attempt",
        {
            "attempt": reservation.attempt,
            "campaign": reservation.campaign,
            "contact": reservation.contact,
            "person": reservation.person,
            "debt": reservation.debt,
            "number": reservation.number,
            "line": reservation.line,
            "line_number": reservation.line_number,
            "reserved_at": to_ms(reservation.reserved_at),
        },
    )
    con.execute(
        "UPDATE contact SET attempts = attempts + 1 WHERE campaign = ? AND contact = ?",
        (reservation.campaign, reservation.contact),
    )
    con.touch("attempt")


def mark_dialled(con: Connection, attempt: AttemptId, at: datetime) -> None:
    """Note that ATD goes out now; once per reservation. Raises StoreConflictError the second time."""
    _change(con, "UPDATE attempt SET dialled_at = ? WHERE attempt = ?", (to_ms(at), attempt))


def mark_answered(con: Connection, attempt: AttemptId, at: datetime) -> None:
    """Note the answer. Raises StoreConflictError if the attempt is unknown or over."""
    _change(con, "UPDATE attempt SET answered_at = ? WHERE attempt = ?", (to_ms(at), attempt))


def finish(
    con: Connection,
    attempt: AttemptId,
    *,
    ended_at: datetime,
    disposition: Disposition,
    cause: str = "",
    cause_q850: int | None = None,
    confidence: float = 1.0,
    conversation: bool = False,
) -> None:
    """End an attempt, once; its line, number and contact may be reserved again. Raises StoreConflictError."""
    _change(
        con,
        """UPDATE attempt SET ended_at = ?, disposition = ?, cause = ?, cause_q850 = ?, confidence = ?,
               conversation = ? WHERE attempt = ?""",
        (to_ms(ended_at), disposition, cause, cause_q850, confidence, int(conversation), attempt),
    )


def get_attempt(con: Connection, attempt: AttemptId) -> StoredAttempt | None:
    """Return one attempt."""
    row = con.row("SELECT * FROM attempt WHERE attempt = ?", (attempt,))
    return _attempt(row) if row else None


def open_reservations(con: Connection) -> list[StoredAttempt]:
    """Return what was reserved and has not ended: after a start, calls that a crash cut short."""
    return [
        _attempt(row)
        for row in con.rows("SELECT * FROM attempt WHERE ended_at IS NULL ORDER BY reserved_at, attempt")
    ]


def history_for(
    con: Connection, person: PersonId, debt: str | None, number: E164, since: datetime
) -> list[StoredAttempt]:
    """Return every attempt since then that touches this person, this debt or this number, oldest first."""
    rows = con.rows(
        """SELECT * FROM attempt WHERE person = :person AND reserved_at >= :since
           UNION SELECT * FROM attempt WHERE number = :number AND reserved_at >= :since
           UNION SELECT * FROM attempt WHERE debt = :debt AND reserved_at >= :since
           ORDER BY reserved_at, attempt""",
        {"person": person, "number": number, "debt": debt, "since": to_ms(since)},
    )
    return [_attempt(row) for row in rows]


def add_call_events(con: Connection, attempt: AttemptId, events: Iterable[CallEvent]) -> None:
    """Append to a call's log, in the order given."""
    first = con.value("SELECT ifnull(max(position), -1) + 1 FROM call_event WHERE attempt = ?", (attempt,))
    con.execute_many(
        "INSERT INTO call_event VALUES (?, ?, ?, ?, ?)",
        (
            (attempt, first + offset, to_ms(event.at), event.kind, event.detail)
            for offset, event in enumerate(events)
        ),
    )


def call_events(con: Connection, attempt: AttemptId) -> list[CallEvent]:
    """Return a call's log in order."""
    rows = con.rows("SELECT * FROM call_event WHERE attempt = ? ORDER BY position", (attempt,))
    return [CallEvent(at=from_ms(row["at"]), kind=row["kind"], detail=row["detail"]) for row in rows]


def _change(con: Connection, sql: str, parameters: tuple[str | int | float | None, ...]) -> None:
    if not con.execute(sql, parameters):
        raise StoreConflictError(f"attempt {parameters[-1]} is unknown")
    con.touch("attempt")


def _attempt(row: Row) -> StoredAttempt:
    return StoredAttempt(
        attempt=AttemptId(row["attempt"]),
        campaign=CampaignId(row["campaign"]),
        contact=ContactId(row["contact"]),
        person=PersonId(row["person"]),
        debt=row["debt"],
        number=E164(row["number"]),
        line=LineId(row["line"]),
        line_number=E164(row["line_number"]) if row["line_number"] else None,
        reserved_at=from_ms(row["reserved_at"]),
        dialled_at=None if row["dialled_at"] is None else from_ms(row["dialled_at"]),
        answered_at=None if row["answered_at"] is None else from_ms(row["answered_at"]),
        ended_at=None if row["ended_at"] is None else from_ms(row["ended_at"]),
        disposition=Disposition(row["disposition"]) if row["disposition"] else None,
        cause=row["cause"],
        cause_q850=row["cause_q850"],
        conversation=bool(row["conversation"]),
    )
