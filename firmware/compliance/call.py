"""The facts that the gate judges: one call to be placed, what went before, and the state of the box."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from firmware.compliance.policy import Week
from firmware.values import E164, PersonId


class Point(StrEnum):
    """When the gate is asked; every call is judged at all three."""

    ENQUEUE = "enqueue"
    PREDIAL = "predial"
    """Immediately before dialling, in the transaction that writes the reservation."""
    ANSWER = "answer"
    """After answer, before the first word about a debt."""


class Channel(StrEnum):
    """How somebody was reached, or tried."""

    CALL = "call"
    """One of this fleet's boxes."""
    AGENT = "agent"
    """A person of ours on the telephone."""
    INBOUND = "inbound"
    """The callee called us: no contact of ours, but a conversation all the same."""
    SMS = "sms"
    EMAIL = "email"
    MESSAGE = "message"
    LETTER = "letter"
    VISIT = "visit"
    NOTICE = "notice"
    """What the law wants sent; it uses up no limit."""


CALL = Channel.CALL.value


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOrder:
    """One call that somebody would like to have placed, or one message sent."""

    campaign: str
    contact: str
    person: PersonId
    debt: str
    number: E164
    region: str | None
    """ISO 3166-2 of the address on file, e.g. ``CN-GD``; its rules apply besides those of the number."""
    time_zone: str | None
    """IANA name; narrows the hours further, never widens them."""
    status: str
    """Only ``open`` may be called."""
    consents: tuple[str, ...]
    """What is on file: consents given, notices sent."""
    max_call_s: int
    """Bound on the whole call after answer: it must end before the window does."""
    language: str
    caller_number: E164 | None
    """The own number the callee would see; None at ENQUEUE, and where the SIM does not tell it."""
    consented_at: tuple[tuple[str, datetime], ...] = ()
    """When a consent was given, where that is known."""
    number_reassigned_at: datetime | None = None
    """The number went to somebody else then: an older consent, or one of unknown age, is not this person's."""
    stated_hours: Week | None = None
    """The person's own wish when to be called, local: narrows the hours further."""
    channel: str = CALL
    """``call`` or ``sms``: how the person is to be reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastAttempt:
    """One reservation to dial, whatever came of it; an open reservation after a crash is an attempt too.

    Or one contact over another channel, as a shared ledger tells it.
    """

    person: PersonId
    debt: str
    number: E164
    line_number: str | None
    """The own number used, as `CallOrder.caller_number`."""
    reserved_at: datetime
    connected: bool
    """Somebody or something answered."""
    conversation: bool
    """A human was talked to; False while the call is still going on."""
    disposition: str | None
    """`firmware.values.Disposition`; None while the call goes on, or if a crash left it open."""
    channel: str = CALL
    """A `Channel`; a word this version does not know counts wherever a call or a contact does."""


class SuppressionScope(StrEnum):
    """How far a "do not call" reaches."""

    PERSON = "person"
    NUMBER = "number"
    DEBT = "debt"


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressionEntry:
    """Do not call: one entry of a list that is only ever added to."""

    person: str | None = None
    number: str | None = None
    debt: str | None = None
    scope: str = SuppressionScope.PERSON
    """A `SuppressionScope`; a word this version does not know suppresses whatever the entry names."""
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """All attempts and suppressions that touch the order's person, number or debt, in any order."""

    attempts: tuple[PastAttempt, ...] = ()
    """At least those of the last `Gate.history_days` days, over all campaigns and lines."""
    suppressions: tuple[SuppressionEntry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxState:
    """Whether the box itself is fit to dial."""

    clock_trusted: bool
    clock_reason: str
    """Why not; shown to the operator."""
    suppressions_confirmed_at: datetime | None
    """When the console last said that the suppression list is complete."""
    suppression_lease_s: int
    """How long that is good for; the packs may shorten it."""
    audit_healthy: bool
    audio_ready: bool
    """Every prompt of the call is rendered: no call may start in silence."""
    zones_known_until: date | None = None
    """When the time-zone data was released, where that is known: what changed since is not in it."""
