"""Who called in, what came of it, and what is known of a number that calls. No row here is an attempt of ours."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from firmware.clock import from_ms, to_ms
from firmware.store.attempts import CallEvent
from firmware.store.connection import Connection, Row
from firmware.store.errors import StoreConflictError
from firmware.values import E164, AttemptId, CampaignId, ContactId, Disposition, LineId, PersonId


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundCall:
    """One call that was let in; written before it is answered."""

    call: AttemptId
    line: LineId
    caller: E164 | None = field(repr=False)
    """None: the number was withheld."""
    rang_at: datetime
    flow: str
    flow_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundResult:
    """What came of a call, for the console."""

    call: InboundCall
    people: tuple[PersonId, ...]
    disposition: Disposition
    reached: bool
    answered_at: datetime | None
    ended_at: datetime
    talk_ms: int = 0
    suppressed: Literal["person", "number"] | None = None
    callback_local: str | None = None
    callback_at: datetime | None = None
    transfer: str | None = None
    hand_over: Mapping[str, str | int] | None = None
    answers: Mapping[str, str] = field(default_factory=dict)
    digits_heard: int = 0
    cause: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownNumber:
    """What this box knows of a number that calls in."""

    people: tuple[PersonId, ...] = ()
    """Everybody who was called at it or is on a list with it."""
    last_called_at: datetime | None = None
    language: str | None = None
    """Of the contact who was called last."""
    waiting: tuple[tuple[CampaignId, ContactId], ...] = ()
    """Contacts with this number who are still to be called."""

    @property
    def is_known(self) -> bool:
        """Say whether this box ever called the number, or has it on a list."""
        return bool(self.people) or self.last_called_at is not None


def add(con: Connection, call: InboundCall) -> None:
    """Keep a call that is about to be answered. Raises StoreConflictError if its id is known."""
    con.insert(
        "inbound_call",
        {
            "call": call.call,
            "line": call.line,
            "caller": call.caller,
            "rang_at": to_ms(call.rang_at),
            "flow": call.flow,
            "flow_version": call.flow_version,
        },
    )
    con.touch("inbound_call")


def finish(
    con: Connection,
    call: AttemptId,
    *,
    answered_at: datetime | None,
    ended_at: datetime,
    disposition: Disposition,
    record: Sequence[CallEvent] = (),
) -> None:
    """End a call, once. Raises StoreConflictError if it is unknown or has ended."""
    kept = [[to_ms(event.at), event.kind, event.detail] for event in record]
    changed = con.execute(
        """UPDATE inbound_call SET answered_at = ?, ended_at = ?, disposition = ?, record = ?
           WHERE call = ? AND ended_at IS NULL""",
        (
            None if answered_at is None else to_ms(answered_at),
            to_ms(ended_at),
            disposition,
            json.dumps(kept, ensure_ascii=False),
            call,
        ),
    )
    if not changed:
        raise StoreConflictError(f"inbound call {call} is unknown or over")
    con.touch("inbound_call")


def open_calls(con: Connection) -> list[InboundCall]:
    """Return calls that were let in and have not ended: after a start, those that a crash cut short."""
    rows = con.rows("SELECT * FROM inbound_call WHERE ended_at IS NULL ORDER BY rang_at, call")
    return [_call(row) for row in rows]


def count_since(con: Connection, since: datetime, caller: E164 | None) -> tuple[int, int]:
    """Return how many calls were let in since then: all, and those from this number; withheld is one number."""
    row = con.row(
        """SELECT count(*) AS n, ifnull(sum(caller IS :caller), 0) AS n_from
           FROM inbound_call WHERE rang_at > :since""",
        {"since": to_ms(since), "caller": caller},
    )
    assert row is not None
    return int(row["n"]), int(row["n_from"])


def known_number(con: Connection, number: E164) -> KnownNumber:
    """Return what is known of a number."""
    called = con.row(
        """SELECT reserved_at, contact.language FROM attempt LEFT JOIN contact USING (campaign, contact)
           WHERE number = ? ORDER BY reserved_at DESC LIMIT 1""",
        (number,),
    )
    listed = con.rows(
        # Each half is the one that its index was made for (migrations.py), to the letter.
        """SELECT campaign, contact, person, state FROM contact WHERE numbers = :alone
           UNION SELECT campaign, contact, person, state FROM contact INDEXED BY contact_more_numbers
               WHERE instr(numbers, ',') AND instr(numbers, :quoted)
           ORDER BY campaign, contact""",
        {"alone": f'["{number}"]', "quoted": f'"{number}"'},
    )
    people = {row["person"] for row in con.rows("SELECT person FROM attempt WHERE number = ?", (number,))}
    people |= {row["person"] for row in listed}
    return KnownNumber(
        people=tuple(sorted(PersonId(person) for person in people if person)),
        last_called_at=from_ms(called["reserved_at"]) if called else None,
        language=called["language"] if called else None,
        waiting=tuple(
            (CampaignId(row["campaign"]), ContactId(row["contact"]))
            for row in listed
            if row["state"] in {"open", "waiting"}
        ),
    )


def number_last_called(con: Connection) -> E164 | None:
    """Return whom this box called last."""
    found = con.value("SELECT number FROM attempt WHERE number LIKE '+%' ORDER BY attempt DESC LIMIT 1")
    return E164(found) if found else None


def forget_before(con: Connection, before: datetime) -> int:
    """Forget calls that ended before an instant, and return how many; the console has its own record of them.

    Those from the number of somebody under a legal hold stay.
    """
    con.touch("inbound_call")
    return con.execute(
        """DELETE FROM inbound_call WHERE ended_at < ? AND NOT EXISTS (
               SELECT 1 FROM attempt JOIN legal_hold ON released_at IS NULL AND (
                   (scope = 'person' AND subject = attempt.person)
                   OR (scope = 'campaign' AND subject = attempt.campaign)
                   OR (scope = 'recording' AND subject = attempt.attempt))
               WHERE attempt.number = inbound_call.caller)""",
        (to_ms(before),),
    )


def _call(row: Row) -> InboundCall:
    return InboundCall(
        call=AttemptId(row["call"]),
        line=LineId(row["line"]),
        caller=E164(row["caller"]) if row["caller"] else None,
        rang_at=from_ms(row["rang_at"]),
        flow=row["flow"],
        flow_version=row["flow_version"],
    )
