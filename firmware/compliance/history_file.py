"""What went before a call, as a JSON file that anybody can write: attempts, suppressions, consents, the box's state.

Everything may be left out; what is there must be right. An unknown key is refused by name, because a misspelt
suppression must never be a missing one.
"""

from datetime import UTC, date, datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from firmware.compliance.call import (
    BoxState,
    CallOrder,
    Channel,
    History,
    PastAttempt,
    SuppressionEntry,
    SuppressionScope,
)
from firmware.compliance.merge import complement, daily_pieces
from firmware.compliance.numbering import canonical_number
from firmware.compliance.pack import DAYS, Day, TimeOfDay, minute_of
from firmware.compliance.policy import Hours, Week, normal_hours
from firmware.values import E164, Disposition, PersonId

MAX_BYTES = 64 * 1024 * 1024
Instant = Annotated[
    datetime, Meta(tz=True, description="RFC 3339 with an offset, e.g. 2026-11-23T10:00:00+08:00")
]
NOBODY_ANSWERED = frozenset(
    {
        Disposition.NO_ANSWER,
        Disposition.BUSY,
        Disposition.REJECTED,
        Disposition.POWERED_OFF,
        Disposition.UNREACHABLE,
        Disposition.SUSPENDED_NUMBER,
        Disposition.VACANT_NUMBER,
        Disposition.CONGESTION,
        Disposition.CALL_RESTRICTED,
        Disposition.CANCELLED,
        Disposition.RECALLED,
        Disposition.BLOCKED,
        Disposition.TECHNICAL_FAILURE,
    }
)
CONVERSATIONS = frozenset(
    {
        Disposition.PROMISE_FULL,
        Disposition.PROMISE_PARTIAL,
        Disposition.PROMISE_PLAN,
        Disposition.PAYING_NOW,
        Disposition.ALREADY_PAID,
        Disposition.DISPUTE,
        Disposition.HARDSHIP,
        Disposition.REFUSES,
        Disposition.CALLBACK_SET,
        Disposition.COMPLETED,
        Disposition.NO_DECISION,
        Disposition.LEGAL_REPRESENTATION,
        Disposition.VULNERABLE,
        Disposition.HUMAN_BRIDGED,
        Disposition.HUMAN_UNAVAILABLE,
    }
)
"""As `firmware.calls.outcome.FLAGS` counts them, which a pure room may not import; a test holds them together."""
SUPPRESSES = {
    Disposition.OPT_OUT: SuppressionScope.PERSON,
    Disposition.COMPLAINT: SuppressionScope.PERSON,
    Disposition.WRONG_NUMBER: SuppressionScope.NUMBER,
}
"""What the box would have suppressed at once after such an outcome."""


ALSO = {"reserved_at": "at", "dialled_at": "at", "outcome": "disposition", "line_number": "caller_number"}
"""What the database and its outcomes call the same things."""


class HistoryFileError(ValueError):
    """The history cannot be used as it is written; the text says where and what."""


class Entry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One object of the file."""


class PastContact(Entry, frozen=True, kw_only=True):
    """One call that was placed, or one contact over another channel."""

    at: Instant
    """When it was dialled or sent."""
    person: str | None = None
    """Left out: the person who is to be called."""
    debt: str | None = None
    """Left out: the debt it is about."""
    number: str | None = None
    """Left out: the number that is to be called."""
    caller_number: str | None = None
    """The own number that was shown; left out: the one to be shown now."""
    channel: Channel = Channel.CALL
    disposition: Disposition | None = None
    """What came of it; left out: it is still going on, or nobody knows."""
    connected: bool | None = None
    """Somebody or something answered; left out: as the disposition says."""
    conversation: bool | None = None
    """A human was talked to; left out: as the disposition says."""


class Suppressed(Entry, frozen=True, kw_only=True):
    """One entry of the do-not-call list."""

    scope: SuppressionScope = SuppressionScope.PERSON
    person: str | None = None
    number: str | None = None
    debt: str | None = None
    """Whichever the scope names; left out: the one of this call."""
    reason: str = "opt_out"
    at: Instant | None = None


class Consent(Entry, frozen=True, kw_only=True):
    """One consent, or one notice that was sent."""

    kind: str
    at: Instant | None = None
    revoked_at: Instant | None = None


class StatedHours(Entry, frozen=True, kw_only=True):
    """Hours in which the person asked not to be called, local."""

    days: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    start: TimeOfDay
    end: TimeOfDay


class Fitness(Entry, frozen=True, kw_only=True):
    """The state of the box; left out: fit to dial."""

    clock_trusted: bool = True
    clock_reason: str = ""
    suppressions_confirmed_at: Instant | UnsetType | None = UNSET
    """Left out: this very instant; null: never."""
    suppression_lease_s: Annotated[int, Meta(ge=0)] = 86400
    audit_healthy: bool = True
    audio_ready: bool = True
    zones_known_until: date | None = None
    """When the time-zone data was released; left out: recently."""


class HistoryFile(Entry, frozen=True, kw_only=True):
    """The whole file. A bare array is taken for its `attempts`."""

    person: str | None = None
    debt: str | None = None
    status: str | None = None
    attempts: tuple[PastContact, ...] = ()
    suppressions: tuple[Suppressed, ...] = ()
    consents: tuple[str | Consent, ...] = ()
    number_reassigned_at: Instant | None = None
    inconvenient_times: tuple[StatedHours, ...] = ()
    box: Fitness = Fitness()


def read_history(data: bytes) -> HistoryFile:
    """Return what the file says. Raises HistoryFileError with the JSON path of what is wrong."""
    if len(data) > MAX_BYTES:
        raise HistoryFileError(f"the history is longer than {MAX_BYTES} bytes")
    try:
        document = msgspec.json.decode(data)
        if isinstance(document, list):
            document = {"attempts": document}
        if isinstance(document, dict) and isinstance(document.get("attempts"), list):
            document = {**document, "attempts": [_renamed(past) for past in document["attempts"]]}
        return msgspec.convert(document, HistoryFile)
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError, UnicodeDecodeError) as error:
        raise HistoryFileError(f"the history cannot be read: {error}") from None


def _renamed(past: Any) -> Any:
    """Return an attempt with the box's own names for its fields understood too; one that is there twice stays wrong."""
    if not isinstance(past, dict):
        return past
    return {
        ALSO.get(name, name) if ALSO.get(name) not in past else name: value for name, value in past.items()
    }


def history_schema() -> dict[str, Any]:
    """Return the JSON Schema of the file."""
    return msgspec.json.schema(HistoryFile)


def history_of(file: HistoryFile, order: CallOrder) -> History:
    """Return the file's attempts and suppressions as they touch `order`."""
    return History(
        attempts=tuple(_attempt(past, order) for past in file.attempts),
        suppressions=(
            *(_suppression(entry, order) for entry in file.suppressions),
            *(_suppression(entry, order) for entry in _followed(file)),
        ),
    )


def consents_of(file: HistoryFile, now: datetime) -> tuple[tuple[str, ...], tuple[tuple[str, datetime], ...]]:
    """Return the consents that stand at `now`, and when each was given as far as the file says."""
    standing = [one if isinstance(one, Consent) else Consent(kind=one) for one in file.consents]
    standing = [
        one
        for one in standing
        if (one.at is None or one.at <= now) and (one.revoked_at is None or one.revoked_at > now)
    ]
    return (
        tuple(one.kind for one in standing),
        tuple((one.kind, one.at) for one in standing if one.at is not None),
    )


def stated_hours_of(file: HistoryFile) -> Week | None:
    """Return the open week that the person's own wishes leave, None where there are none."""
    if not file.inconvenient_times:
        return None

    def rest(day: str) -> Hours:
        stated = [one for one in file.inconvenient_times if day in one.days]
        pieces = [piece for one in stated for piece in daily_pieces(minute_of(one.start), minute_of(one.end))]
        return complement(normal_hours(pieces))

    mon, tue, wed, thu, fri, sat, sun = (rest(day) for day in DAYS)
    return (mon, tue, wed, thu, fri, sat, sun)


def box_of(file: HistoryFile, now: datetime) -> BoxState:
    """Return the state of the box; what the file leaves out is fit."""
    box = file.box
    confirmed = now if box.suppressions_confirmed_at is UNSET else box.suppressions_confirmed_at
    return BoxState(
        clock_trusted=box.clock_trusted,
        clock_reason=box.clock_reason,
        suppressions_confirmed_at=confirmed,
        suppression_lease_s=box.suppression_lease_s,
        audit_healthy=box.audit_healthy,
        audio_ready=box.audio_ready,
        zones_known_until=box.zones_known_until,
    )


def _attempt(past: PastContact, order: CallOrder) -> PastAttempt:
    said = past.disposition
    conversation = said in CONVERSATIONS if past.conversation is None else past.conversation
    connected = past.connected
    if connected is None:
        connected = conversation or (said is not None and said not in NOBODY_ANSWERED)
    return PastAttempt(
        person=PersonId(past.person) if past.person is not None else order.person,
        debt=past.debt if past.debt is not None else order.debt,
        number=E164(canonical_number(past.number)) if past.number is not None else order.number,
        line_number=past.caller_number if past.caller_number is not None else order.caller_number,
        reserved_at=past.at,
        connected=connected,
        conversation=conversation,
        disposition=None if said is None else said.value,
        channel=past.channel.value,
    )


def _followed(file: HistoryFile) -> list[Suppressed]:
    return [
        Suppressed(
            scope=SUPPRESSES[past.disposition],
            person=past.person,
            number=past.number,
            reason=past.disposition.value,
            at=past.at,
        )
        for past in file.attempts
        if past.disposition in SUPPRESSES
    ]


def _suppression(entry: Suppressed, order: CallOrder) -> SuppressionEntry:
    """Return the entry, the id that its scope names taken from the order where the file leaves it out."""
    scope = entry.scope
    number = canonical_number(entry.number) if entry.number is not None else None
    return SuppressionEntry(
        person=order.person if scope is SuppressionScope.PERSON and entry.person is None else entry.person,
        number=order.number if scope is SuppressionScope.NUMBER and number is None else number,
        debt=order.debt if scope is SuppressionScope.DEBT and entry.debt is None else entry.debt,
        scope=scope.value,
        reason=entry.reason,
        at=entry.at or datetime.min.replace(tzinfo=UTC),
    )
