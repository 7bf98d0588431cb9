"""The people to call: who is due, who waits until when, who is done."""

import heapq
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from firmware.clock import from_ms, to_ms
from firmware.store.connection import Connection, Row
from firmware.store.errors import StoreConflictError
from firmware.values import E164, CampaignId, ContactId, Disposition, PersonId


class ContactState(StrEnum):
    """Where one contact stands in its campaign."""

    OPEN = "open"
    WAITING = "waiting"
    IN_CALL = "in_call"
    DONE = "done"
    RECALLED = "recalled"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredContact:
    """One person to reach in one campaign."""

    contact: ContactId
    campaign: CampaignId
    person: PersonId
    numbers: tuple[E164, ...] = field(repr=False)
    language: str
    region: str | None = None
    time_zone: str | None = None
    status: str = "open"
    debt: str | None = None
    consents: tuple[str, ...] = ()
    """Kinds of consent."""
    consented_at: dict[str, datetime] = field(default_factory=dict)
    """When a kind of consent was given, where the console says it."""
    vars: dict[str, Any] = field(default_factory=dict, repr=False)
    priority: int = 0
    not_before: datetime | None = None
    expires_at: datetime | None = None
    row: int = 0
    """Index within the campaign's list."""
    state: ContactState = ContactState.OPEN
    waiting_until: datetime | None = None
    disposition: Disposition | None = None
    """What the last attempt came to."""
    rule: str | None = None
    """The rule that makes it wait or ended it, when the gate did."""
    attempts: int = 0


_CALLABLE_CAMPAIGN = """campaign.state = 'ready' AND campaign.expires_at > :now
    AND NOT EXISTS (SELECT 1 FROM setting WHERE key = 'stopped' AND value = 'yes')"""
_CALLABLE_CONTACT = (
    "state IN ('open','waiting') AND (contact.expires_at IS NULL OR contact.expires_at > :now)"
)


class NewContact(NamedTuple):
    """A contact as it is inserted, its columns in their order: a list of 100 000 passes through no other form."""

    campaign: CampaignId
    contact: ContactId
    row: int
    person: PersonId
    numbers: str
    """JSON, like the four below it that hold more than a word."""
    language: str
    region: str | None
    time_zone: str | None
    status: str
    debt: str | None
    consents: str
    consented_at: str
    vars: str
    priority: int
    not_before: int | None
    expires_at: int | None
    due_at: int

    def __repr__(self) -> str:
        return f"NewContact({self.campaign!r}, {self.contact!r})"  # numbers and values are personal


def new_contact(
    *,
    campaign: CampaignId,
    contact: ContactId,
    row: int,
    person: PersonId,
    numbers: Sequence[E164],
    language: str,
    region: str | None,
    time_zone: str | None,
    status: str,
    debt: str | None,
    consents: Sequence[str],
    consented_at: Mapping[str, datetime],
    vars: Mapping[str, Any],
    priority: int,
    not_before: datetime | None,
    expires_at: datetime | None,
) -> NewContact:
    """Return a contact as it is inserted."""
    not_before_ms = None if not_before is None else to_ms(not_before)
    return NewContact(
        campaign,
        contact,
        row,
        person,
        # A number needs no escaping, and nearly everybody has one.
        f'["{numbers[0]}"]' if len(numbers) == 1 else _json(numbers),
        language,
        region,
        time_zone,
        status,
        debt,
        _json(consents) if consents else "[]",
        _json({kind: to_ms(at) for kind, at in consented_at.items()}) if consented_at else "{}",
        _json(vars),
        priority,
        not_before_ms,
        None if expires_at is None else to_ms(expires_at),
        not_before_ms or 0,
    )


def add_rows(con: Connection, contacts: Iterable[NewContact]) -> None:
    """Keep new contacts. Raises StoreConflictError if one is in its campaign already."""
    con.execute_many(
        """INSERT INTO contact (campaign, contact, row, person, numbers, language, region, time_zone,
               status, debt, consents, consented_at, vars, priority, not_before, expires_at, state, due_at)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'open', ?)""",
        contacts,
    )
    con.touch("contact")


def known_contacts(con: Connection, campaign: CampaignId, contacts: Iterable[ContactId]) -> set[ContactId]:
    """Return which of `contacts` are in the campaign already."""
    wanted = json.dumps(list(contacts))
    rows = con.rows(
        "SELECT contact FROM contact WHERE campaign = ? AND contact IN (SELECT value FROM json_each(?))",
        (campaign, wanted),
    )
    return {ContactId(row["contact"]) for row in rows}


def get_contact(con: Connection, campaign: CampaignId, contact: ContactId) -> StoredContact | None:
    """Return one contact."""
    row = con.row("SELECT * FROM contact WHERE campaign = ? AND contact = ?", (campaign, contact))
    return _contact(row) if row else None


def open_contact_with(con: Connection, number: E164) -> StoredContact | None:
    """Return a contact with this number who is still to be called; for a rare question: it reads every list."""
    row = con.row(
        """SELECT * FROM contact WHERE state IN ('open','waiting')
           AND EXISTS (SELECT 1 FROM json_each(numbers) WHERE value = ?) LIMIT 1""",
        (number,),
    )
    return _contact(row) if row else None


def due_contacts(con: Connection, now: datetime, limit: int) -> list[StoredContact]:
    """Return who may be called now as far as lists go: highest priority first, then the longest waiting.

    Only of campaigns that are ready, started and not expired; nobody while everything is stopped.
    """
    parameters = {"now": to_ms(now), "limit": limit}
    ready = con.rows(
        f"""SELECT campaign FROM campaign WHERE {_CALLABLE_CAMPAIGN}
            AND (starts_at IS NULL OR starts_at <= :now)""",
        parameters,
    )
    # Per campaign, so that the index gives the order and a paused list of 100 000 costs nothing.
    per_campaign = [
        con.rows(
            f"""SELECT * FROM contact WHERE campaign = :campaign AND due_at <= :now AND {_CALLABLE_CONTACT}
                ORDER BY priority DESC, due_at, row LIMIT :limit""",
            {**parameters, "campaign": campaign["campaign"]},
        )
        for campaign in ready
    ]
    merged = heapq.merge(*per_campaign, key=lambda row: (-row["priority"], row["due_at"], row["row"]))
    return [_contact(row) for row, _ in zip(merged, range(limit), strict=False)]


def next_due_at(con: Connection, now: datetime) -> datetime | None:
    """Return when `due_contacts` may next have somebody: `now` if it has, None if no list will ever again."""
    earliest = con.value(
        f"""SELECT min(max(ifnull(campaign.starts_at, 0), (
                SELECT min(due_at) FROM contact
                WHERE contact.campaign = campaign.campaign AND {_CALLABLE_CONTACT})))
            FROM campaign WHERE {_CALLABLE_CAMPAIGN}""",
        {"now": to_ms(now)},
    )
    return None if earliest is None else max(now, from_ms(earliest))


def set_in_call(con: Connection, campaign: CampaignId, contact: ContactId) -> None:
    """Take a contact for a call. Raises StoreConflictError unless it is open or waiting."""
    changed = con.execute(
        "UPDATE contact SET state = 'in_call', waiting_until = NULL"
        " WHERE campaign = ? AND contact = ? AND state IN ('open','waiting')",
        (campaign, contact),
    )
    if not changed:
        raise StoreConflictError(f"contact {contact} of {campaign} is not open: it must not be called")
    con.touch("contact")


def set_waiting(
    con: Connection,
    campaign: CampaignId,
    contact: ContactId,
    until: datetime,
    disposition: Disposition | None = None,
    rule: str | None = None,
) -> bool:
    """Let a contact wait; a disposition of None keeps the last. False if done or recalled: it stays so."""
    con.touch("contact")
    return bool(
        con.execute(
            """UPDATE contact SET state = 'waiting', waiting_until = :until, due_at = :until,
                   disposition = ifnull(:disposition, disposition), rule = :rule
               WHERE campaign = :campaign AND contact = :contact AND state IN ('open','waiting','in_call')""",
            {
                "until": to_ms(until),
                "disposition": disposition,
                "rule": rule,
                "campaign": campaign,
                "contact": contact,
            },
        )
    )


def set_done(
    con: Connection,
    campaign: CampaignId,
    contact: ContactId,
    disposition: Disposition,
    rule: str | None = None,
) -> bool:
    """End a contact in its campaign. False if it is done or recalled already: it stays so."""
    con.touch("contact")
    return bool(
        con.execute(
            """UPDATE contact SET state = 'done', waiting_until = NULL, disposition = ?, rule = ?
               WHERE campaign = ? AND contact = ? AND state IN ('open','waiting','in_call')""",
            (disposition, rule, campaign, contact),
        )
    )


def recall(con: Connection, contact: ContactId, campaign: CampaignId | None = None) -> int:
    """Take a contact off one list, or off every list, and return off how many; a call that is on goes on."""
    con.touch("contact")
    return con.execute(
        """UPDATE contact SET state = 'recalled', waiting_until = NULL
           WHERE contact = :contact AND (:campaign IS NULL OR campaign = :campaign) AND state <> 'done'""",
        {"contact": contact, "campaign": campaign},
    )


def withdraw_unaccounted(con: Connection) -> int:
    """Recall every contact that is in a call of which nothing is known, and return how many those are."""
    con.touch("contact")
    return con.execute(
        """UPDATE contact SET state = 'recalled', waiting_until = NULL
           WHERE state = 'in_call' AND NOT EXISTS (SELECT 1 FROM attempt WHERE ended_at IS NULL
               AND attempt.campaign = contact.campaign AND attempt.contact = contact.contact)"""
    )


def _contact(row: Row) -> StoredContact:
    return StoredContact(
        contact=ContactId(row["contact"]),
        campaign=CampaignId(row["campaign"]),
        person=PersonId(row["person"]),
        numbers=tuple(E164(number) for number in json.loads(row["numbers"])),
        language=row["language"],
        region=row["region"],
        time_zone=row["time_zone"],
        status=row["status"],
        debt=row["debt"],
        consents=tuple(json.loads(row["consents"])),
        consented_at={kind: from_ms(at) for kind, at in json.loads(row["consented_at"]).items()},
        vars=json.loads(row["vars"]),
        priority=row["priority"],
        not_before=_at(row["not_before"]),
        expires_at=_at(row["expires_at"]),
        row=row["row"],
        state=ContactState(row["state"]),
        waiting_until=_at(row["waiting_until"]),
        disposition=Disposition(row["disposition"]) if row["disposition"] else None,
        rule=row["rule"],
        attempts=row["attempts"],
    )


def _json(value: object) -> str:
    """Return the compact form; the standard library's encoder took a fifth of the time of a long list."""
    return msgspec.json.encode(value).decode()


def _at(at_ms: int | None) -> datetime | None:
    return None if at_ms is None else from_ms(at_ms)
