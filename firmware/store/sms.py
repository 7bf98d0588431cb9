"""Short messages of ours: ordered, reserved before anything is said to a modem, and what became of each.

From `waiting` a message goes to `sending` once; from there nothing but an answer that it was not sent lets it wait again.
What a crash left in `sending` may have gone out: it is uncertain, and never sent again.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from firmware.clock import from_ms, to_ms
from firmware.store.connection import Connection, Row
from firmware.store.errors import StoreConflictError
from firmware.values import E164, AttemptId, CampaignId, ContactId, LineId, PersonId


class SmsState(StrEnum):
    """Where a message stands."""

    WAITING = "waiting"
    SENDING = "sending"
    """Reserved: the modem may have heard of it."""
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    REFUSED = "refused"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsOrdered:
    """A message that somebody wants sent."""

    sms: str
    origin: str
    """``flow`` or ``console``."""
    attempt: AttemptId | None
    campaign: CampaignId
    contact: ContactId
    person: PersonId
    number: E164 = field(repr=False)
    text: str
    """Its name in the campaign's catalogue."""
    language: str
    slots: str = field(repr=False, default="{}")
    """What was agreed in the call, JSON."""
    may_tell_debt: bool = False
    ordered_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSms(SmsOrdered):
    """A message and what became of it so far."""

    state: SmsState = SmsState.WAITING
    rule: str = ""
    """Why it waits, was refused or failed."""
    due_at: datetime
    tries: int = 0
    line: LineId | None = None
    reserved_at: datetime | None = None
    sent_at: datetime | None = None
    ended_at: datetime | None = None
    n_parts: int = 0
    parts: tuple[tuple[int, str], ...] = ()
    """(reference, state as reported or ``""``) of each part that the network took, or reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A message that counts."""

    sms: str
    person: PersonId
    debt: str
    number: E164 = field(repr=False)
    at: datetime


def add(con: Connection, order: SmsOrdered) -> bool:
    """Keep an order; False if its id is known: it has been, or will be, sent once."""
    con.touch("sms")
    return bool(
        con.execute(
            """INSERT INTO sms (sms, origin, attempt, campaign, contact, person, number, text, language, slots,
                   may_tell_debt, state, ordered_at, due_at, expires_at)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'waiting', ?, ?, ?) ON CONFLICT (sms) DO NOTHING""",
            (
                order.sms,
                order.origin,
                order.attempt,
                order.campaign,
                order.contact,
                order.person,
                order.number,
                order.text,
                order.language,
                order.slots,
                int(order.may_tell_debt),
                to_ms(order.ordered_at),
                to_ms(order.ordered_at),
                to_ms(order.expires_at),
            ),
        )
    )


def get(con: Connection, sms: str) -> StoredSms | None:
    """Return one message."""
    row = con.row("SELECT * FROM sms WHERE sms = ?", (sms,))
    return _sms(row) if row else None


def due(con: Connection, now: datetime, limit: int) -> list[StoredSms]:
    """Return what waits and is due, the longest waiting first."""
    rows = con.rows(
        "SELECT * FROM sms WHERE state = 'waiting' AND due_at <= ? ORDER BY due_at, sms LIMIT ?",
        (to_ms(now), limit),
    )
    return [_sms(row) for row in rows]


def overdue(con: Connection, now: datetime) -> list[StoredSms]:
    """Return what waits though its time is over."""
    rows = con.rows(
        "SELECT * FROM sms WHERE state = 'waiting' AND expires_at <= ? ORDER BY sms", (to_ms(now),)
    )
    return [_sms(row) for row in rows]


def next_due_at(con: Connection) -> datetime | None:
    """Return when a message is next due; None: none waits."""
    at_ms = con.value("SELECT min(due_at) FROM sms WHERE state = 'waiting'")
    return None if at_ms is None else from_ms(at_ms)


def n_waiting(con: Connection) -> int:
    """Return how many wait."""
    return int(con.value("SELECT count(*) FROM sms WHERE state = 'waiting'"))


def n_to_person(con: Connection, campaign: CampaignId, person: PersonId, besides: str) -> int:
    """Return how many messages of a campaign a person was sent, perhaps was, or is being sent."""
    return int(
        con.value(
            """SELECT count(*) FROM sms WHERE campaign = ? AND person = ? AND sms <> ?
               AND state IN ('sending','sent','delivered','uncertain')""",
            (campaign, person, besides),
        )
    )


def reserve(con: Connection, sms: str, *, line: LineId, at: datetime, n_parts: int, sealed: bytes) -> None:
    """Take a waiting message for one line; the modem may hear of it once this is on the disk. Raises StoreConflictError."""
    _change(
        con,
        """UPDATE sms SET state = 'sending', line = ?, reserved_at = ?, n_parts = ?, sealed = ?, tries = tries + 1,
               rule = '' WHERE sms = ? AND state = 'waiting'""",
        (line, to_ms(at), n_parts, sealed, sms),
    )


def put_off(con: Connection, sms: str, until: datetime, rule: str) -> None:
    """Let a message wait longer: it has not been sent."""
    _change(
        con,
        """UPDATE sms SET state = 'waiting', due_at = ?, rule = ?, line = NULL
           WHERE sms = ? AND state IN ('waiting','sending')""",
        (to_ms(until), rule, sms),
    )


def mark_sent(con: Connection, sms: str, references: tuple[int, ...], at: datetime) -> None:
    """Note that the network took every part."""
    parts = json.dumps([[reference, ""] for reference in references])
    _change(
        con,
        "UPDATE sms SET state = 'sent', sent_at = ?, parts = ? WHERE sms = ? AND state = 'sending'",
        (to_ms(at), parts, sms),
    )


def mark_uncertain(con: Connection, sms: str, references: tuple[int, ...], rule: str, at: datetime) -> None:
    """Note that it may have gone out: it is never sent again."""
    parts = json.dumps([[reference, ""] for reference in references])
    _change(
        con,
        "UPDATE sms SET state = 'uncertain', rule = ?, ended_at = ?, parts = ? WHERE sms = ? AND state = 'sending'",
        (rule, to_ms(at), parts, sms),
    )


def end(con: Connection, sms: str, state: SmsState, rule: str, at: datetime) -> None:
    """End a message that was not sent: refused, failed or expired."""
    _change(
        con,
        "UPDATE sms SET state = ?, rule = ?, ended_at = ? WHERE sms = ? AND state IN ('waiting','sending')",
        (state, rule, to_ms(at), sms),
    )


def set_reported(
    con: Connection,
    sms: str,
    parts: tuple[tuple[int, str], ...],
    state: SmsState,
    rule: str,
    at: datetime | None,
) -> None:
    """Keep what the network reported of the parts, and what follows for the message."""
    _change(
        con,
        """UPDATE sms SET parts = ?, state = ?, rule = ?, ended_at = ?
           WHERE sms = ? AND state IN ('sent','uncertain','delivered','failed')""",
        (json.dumps(parts), state, rule, None if at is None else to_ms(at), sms),
    )


def sending(con: Connection) -> list[StoredSms]:
    """Return what is being sent: after a start, what a crash cut short."""
    return [_sms(row) for row in con.rows("SELECT * FROM sms WHERE state = 'sending' ORDER BY sms")]


def reportable(con: Connection, line: LineId, number: str, since: datetime) -> list[StoredSms]:
    """Return what this line sent, or perhaps did, to a number since then, the newest first: what a report may be about."""
    rows = con.rows(
        """SELECT * FROM sms WHERE line = ? AND number = ? AND reserved_at >= ?
           AND state IN ('sent','uncertain','delivered','failed') AND n_parts > 0
           ORDER BY reserved_at DESC, sms DESC""",
        (line, number, to_ms(since)),
    )
    return [_sms(row) for row in rows]


def history_for(
    con: Connection, person: PersonId, debt: str | None, number: E164, since: datetime
) -> list[Written]:
    """Return what went out since then, or perhaps did, that touches this person, debt or number, oldest first."""
    rows = con.rows(
        """SELECT sms.sms, sms.person, sms.number, sms.reserved_at, ifnull(contact.debt, sms.contact) AS owed
           FROM sms LEFT JOIN contact USING (campaign, contact)
           WHERE (sms.person = :person OR sms.number = :number OR owed = :debt) AND reserved_at >= :since
           AND (sms.state IN ('sending','sent','delivered','uncertain')
                OR sms.state = 'failed' AND sms.sent_at IS NOT NULL)
           ORDER BY reserved_at, sms.sms""",
        {"person": person, "number": number, "debt": debt, "since": to_ms(since)},
    )
    return [
        Written(
            sms=row["sms"],
            person=PersonId(row["person"]),
            debt=row["owed"],
            number=E164(row["number"]),
            at=from_ms(row["reserved_at"]),
        )
        for row in rows
    ]


def people_at(con: Connection, number: E164) -> list[PersonId]:
    """Return who was written to at a number."""
    rows = con.rows("SELECT DISTINCT person FROM sms WHERE number = ? ORDER BY person", (number,))
    return [PersonId(row["person"]) for row in rows]


def of_attempt(con: Connection, attempt: AttemptId) -> list[StoredSms]:
    """Return every message that follows a call, the oldest first."""
    rows = con.rows("SELECT * FROM sms WHERE attempt = ? ORDER BY ordered_at, sms", (attempt,))
    return [_sms(row) for row in rows]


def withdraw_waiting(con: Connection, at: datetime) -> int:
    """Give up what waits in a restored database, and return how many: the lost one may have sent it."""
    con.touch("sms")
    return con.execute(
        """UPDATE sms SET state = 'sending', line = '', tries = tries + 1, reserved_at = :at WHERE state = 'waiting'""",
        {"at": to_ms(at)},
    )


def sealed_text(con: Connection, sms: str) -> bytes | None:
    """Return what was written, sealed with the person's key; None: it was never about to be sent."""
    sealed: bytes | None = con.value("SELECT sealed FROM sms WHERE sms = ?", (sms,))
    return sealed


def _change(con: Connection, sql: str, parameters: tuple[str | int | bytes | None, ...]) -> None:
    if not con.execute(sql, parameters):
        raise StoreConflictError("the message is unknown, or past that")
    con.touch("sms")


def _sms(row: Row) -> StoredSms:
    def at(name: str) -> datetime | None:
        return None if row[name] is None else from_ms(row[name])

    return StoredSms(
        sms=row["sms"],
        origin=row["origin"],
        attempt=AttemptId(row["attempt"]) if row["attempt"] else None,
        campaign=CampaignId(row["campaign"]),
        contact=ContactId(row["contact"]),
        person=PersonId(row["person"]),
        number=E164(row["number"]),
        text=row["text"],
        language=row["language"],
        slots=row["slots"],
        may_tell_debt=bool(row["may_tell_debt"]),
        ordered_at=from_ms(row["ordered_at"]),
        expires_at=from_ms(row["expires_at"]),
        state=SmsState(row["state"]),
        rule=row["rule"],
        due_at=from_ms(row["due_at"]),
        tries=row["tries"],
        line=LineId(row["line"]) if row["line"] else None,
        reserved_at=at("reserved_at"),
        sent_at=at("sent_at"),
        ended_at=at("ended_at"),
        n_parts=row["n_parts"],
        parts=tuple((reference, state) for reference, state in json.loads(row["parts"])),
    )
