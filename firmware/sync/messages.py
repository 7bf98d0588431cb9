"""The wire messages, shared by box and console: UTF-8 JSON, msgspec structs, unknown fields ignored.

A field that may be added later gets a default here, so an older peer's message still decodes. `id` is a
UUIDv7, instants are RFC 3339 with an offset. Durable uplink messages also carry the box's gapless `seq`
within `stream` (the id of the box's database: a replaced one starts a new stream, never re-uses numbers).
"""

from typing import Annotated, Any, Literal, TypeVar

import msgspec

from firmware.sync.envelope import Durable, Id, Instant, Message, NonNegativeInt, PositiveInt, Text
from firmware.sync.messages_audit import AuditHead, AuditRequest, AuditSegment
from firmware.sync.messages_certificate import Certificate, CertificateRequest
from firmware.sync.messages_command import Command, Response
from firmware.sync.messages_config import BoxConfig
from firmware.sync.messages_handover import HandOverWire
from firmware.sync.messages_inbound import InboundOutcome
from firmware.sync.messages_keys import KeySet
from firmware.sync.messages_policy import PeopleElsewhere, PolicyRelease
from firmware.sync.messages_promise import MoneyWire, PaymentWire, PlanWire, PromiseWire
from firmware.sync.messages_recording import (
    RecordingChunk,
    RecordingFetch,
    RecordingReceipt,
    RecordingUnavailable,
)
from firmware.sync.messages_sms import SmsOrder, SmsOutcome, SmsReply, SmsTexts
from firmware.sync.messages_state import BoxState
from firmware.sync.messages_telemetry import Telemetry
from firmware.values import Disposition

__all__ = [
    "BoxConfig",
    "BoxState",
    "Command",
    "Durable",
    "Id",
    "InboundOutcome",
    "Instant",
    "KeySet",
    "Message",
    "MoneyWire",
    "NonNegativeInt",
    "PaymentWire",
    "PlanWire",
    "PositiveInt",
    "PromiseWire",
    "RecordingChunk",
    "RecordingFetch",
    "RecordingReceipt",
    "RecordingUnavailable",
    "Response",
    "Telemetry",
    "Text",
]

T = TypeVar("T")
MAX_MESSAGE_BYTES = 256 * 1024
MAX_CONTACTS_A_BATCH = 500
MAX_AHEAD = 500


# ---- down: console to box ----


class PromiseLimits(msgspec.Struct, kw_only=True, frozen=True):
    """What the robot may agree to on its own."""

    max_days: Annotated[int, msgspec.Meta(ge=0, le=366)] = 14
    min_part: MoneyWire | None = None
    """The least part or instalment; a contact's own limit that asks for more holds as well. All may always be paid."""


class CampaignManifest(Message, frozen=True, kw_only=True, tag_field="type", tag="campaign"):
    """One campaign: what is said, to how many, until when. Contacts follow in batches."""

    campaign: Id
    version: PositiveInt = 1
    """A higher one replaces name, dates, limits and lines of a campaign that runs, and may announce more contacts."""
    name: Text
    flow: Annotated[str, msgspec.Meta(max_length=200_000)]
    """The flow document itself, YAML text."""
    flow_sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    contacts: NonNegativeInt
    batches: NonNegativeInt
    starts_at: Instant | None = None
    expires_at: Instant
    ring_timeout_s: Annotated[int, msgspec.Meta(ge=15, le=120)] = 30
    promise: PromiseLimits = PromiseLimits()
    lines: list[str] = msgspec.field(default_factory=list)
    """Line ids that may be used; empty means any."""
    sms: SmsTexts | None = None
    """What may be sent by SMS; null: nothing."""


class Consent(msgspec.Struct, kw_only=True, frozen=True):
    """A permission the person gave, as the console vouches for it."""

    kind: Id
    obtained_at: Instant | None = None
    evidence: Text = ""


class ContactRow(msgspec.Struct, kw_only=True, frozen=True):
    """One person to reach in one campaign."""

    contact: Id
    person: Id
    numbers: Annotated[list[str], msgspec.Meta(min_length=1, max_length=5)]
    language: Annotated[str, msgspec.Meta(min_length=2, max_length=35)]
    region: Annotated[str, msgspec.Meta(max_length=6)] | None = None
    """ISO 3166-2, e.g. ``CN-GD``."""
    time_zone: str | None = None
    """IANA name, e.g. ``Asia/Shanghai``."""
    status: Text = "open"
    debt: Id | None = None
    """The console's id of the debt; None: one debt per contact."""
    consents: list[Consent] = []
    vars: dict[str, Any] = {}
    """By the flow's types: text, names and digits as strings, money as MoneyWire, dates ``YYYY-MM-DD``."""
    priority: int = 0
    not_before: Instant | None = None
    expires_at: Instant | None = None


class ContactBatch(Message, frozen=True, kw_only=True, tag_field="type", tag="contacts"):
    """At most 500 contacts. Rows stay raw: a row that fails is rejected alone, by its index."""

    campaign: Id
    batch: NonNegativeInt
    """Index from 0 to batches - 1."""
    first_row: NonNegativeInt = 0
    """Index within the campaign of this batch's first row; rejected rows are named by first_row + index."""
    contacts: Annotated[list[msgspec.Raw], msgspec.Meta(max_length=MAX_CONTACTS_A_BATCH)]


class Control(Message, frozen=True, kw_only=True, tag_field="type", tag="control"):
    """Pause, resume or cancel a campaign, recall a contact, stop everything; hold what must not be deleted."""

    action: Literal["pause", "resume", "cancel", "recall", "stop_all", "resume_all", "hold", "release"]
    campaign: Id | None = None
    contact: Id | None = None
    person: Id | None = None
    """Of a legal hold: one of person, campaign and recording says what it covers. Its id is this message's."""
    recording: Id | None = None
    hold: Id | None = None
    """Which hold to release."""
    by: Annotated[str, msgspec.Meta(max_length=200)] = ""
    """Who ordered the hold or its release, a name."""
    reason: Annotated[str, msgspec.Meta(max_length=500)] = ""


class SeqRange(msgspec.Struct, kw_only=True, frozen=True):
    """Sequence numbers without a gap."""

    first: PositiveInt
    last: PositiveInt


class Receipt(Message, frozen=True, kw_only=True, tag_field="type", tag="receipt"):
    """Every durable message of `stream` up to and including `up_to` is committed at the console."""

    stream: Id
    up_to: NonNegativeInt
    ahead: Annotated[list[SeqRange], msgspec.Meta(max_length=MAX_AHEAD)] = []
    """What came of late and is committed too, behind numbers that have not come."""


class SuppressionWire(msgspec.Struct, kw_only=True, frozen=True):
    """Do not call this person or this number."""

    person: Id | None = None
    number: str | None = None
    scope: Literal["person", "number", "debt"] = "person"
    reason: Id
    debt: Id | None = None


class Suppress(Message, frozen=True, kw_only=True, tag_field="type", tag="suppress"):
    """Suppressions to add. It also renews the lease: the console says the list is complete as of `at`."""

    suppressions: list[SuppressionWire] = msgspec.field(default_factory=list)


# ---- up: box to console ----


class RejectedRow(msgspec.Struct, kw_only=True, frozen=True):
    """A contact that was not taken: where it stood and why."""

    row: NonNegativeInt
    """Index within the campaign, from 0."""
    contact: str | None = None
    reason: str
    """A name: ``invalid_number``, ``missing_var``, ``ill_typed``, ``unspeakable``, ``duplicate_contact``…"""
    detail: str = ""
    """For a person; never repeats the offending personal value."""


class Ack(Durable, frozen=True, kw_only=True, tag_field="type", tag="ack"):
    """What became of one downlink message."""

    about: str
    """The id of the message answered; empty when it could not be read."""
    kind: str
    """campaign, contacts, control, suppress, receipt, config, command, sms, keys or unknown."""
    accepted: bool
    reason: str = ""
    """A name: bad_signature, unsigned, unknown_key, malformed, flow_refused, unknown_campaign, …; of an accepted
    configuration on_trial, then in_force, or rolled_back."""
    detail: str = ""
    """Position (JSON path or flow line and column) and what to do."""
    campaign: str | None = None
    batch: int | None = None
    taken: NonNegativeInt = 0
    rejected: list[RejectedRow] = msgspec.field(default_factory=list)

    @property
    def is_too_early(self) -> bool:
        """Say whether a batch overtook its manifest: no answer that settles anything, it is to be sent again."""
        return self.kind == ContactBatch.__struct_config__.tag and self.reason == "unknown_campaign"


class CallbackWire(msgspec.Struct, kw_only=True, frozen=True):
    """When the callee asked to be rung back."""

    local: str
    """By their own clock: ``2026-11-27T15:30``."""
    at: Instant | None = None
    """The same as an instant; where their zone is not certain, the last that it may be."""


class OutcomeMessage(Durable, frozen=True, kw_only=True, tag_field="type", tag="outcome"):
    """What came of one attempt; exactly one per attempt, `attempt` is its id on both sides."""

    attempt: Id
    campaign: Id
    contact: Id
    person: Id
    line: str
    disposition: Disposition
    reached: bool
    right_party: bool
    final: bool
    reserved_at: Instant
    answered_at: Instant | None = None
    ended_at: Instant
    talk_ms: NonNegativeInt = 0
    first_word_ms: NonNegativeInt | None = None
    """From the answer to the box's first word; null where it said none."""
    cause_q850: int | None = None
    cause: str = ""
    """The lines' word for how the call ended, e.g. ``busy``, ``powered_off``, ``released_by_callee``."""
    confidence: float = 1.0
    promise: PromiseWire | None = None
    suppressed: str | None = None
    """Scope of the suppression this call created: person, number or debt."""
    recording: str | None = None
    recording_sha256: str | None = None
    flow: str = ""
    flow_version: int = 0
    digits_heard: NonNegativeInt = 0
    answers: dict[str, str] = {}
    """What the flow keeps (`keep:`) of a survey or of captured values, by name."""
    callback: CallbackWire | None = None
    transfer: str | None = None
    """Why the callee wished for a person, in the flow's own word."""
    hand_over: HandOverWire | None = None
    """What became of that wish; null where nobody wished, or the box has no agents."""
    note: str = ""
    """What went wrong beside the call, such as a recording that could not be written."""


class Refusals(Durable, frozen=True, kw_only=True, tag_field="type", tag="refusals"):
    """Contacts that the gate will not have called now, by rule; sent when a contact's standing changes."""

    campaign: Id
    contact: Id
    verdict: Literal["defer", "refuse", "hold"]
    rule: str
    until: Instant | None = None
    explanation: str = ""


class BoxEvent(Durable, frozen=True, kw_only=True, tag_field="type", tag="event"):
    """What an operator must see."""

    event: str
    """A name: line_faulted, line_ready, sim_locked, clock_untrusted, started, campaign_done, …"""
    severity: Literal["info", "warning", "alarm"]
    detail: str = ""
    line: str | None = None
    campaign: str | None = None
    facts: dict[str, str] = {}
    """What `detail` says in figures and codes, by name, for a console that tells it in its reader's language."""


class Request(Message, frozen=True, kw_only=True, tag_field="type", tag="request"):
    """Parts of a campaign that have not come. Said again, ever more rarely, until they have."""

    campaign: Id
    batches: Annotated[list[NonNegativeInt], msgspec.Meta(min_length=1, max_length=1000)]
    """Indices of the missing batches, the first ones if there are more."""


Downlink = (
    AuditRequest
    | BoxConfig
    | CampaignManifest
    | Certificate
    | Command
    | ContactBatch
    | Control
    | KeySet
    | PeopleElsewhere
    | PolicyRelease
    | Receipt
    | RecordingFetch
    | RecordingReceipt
    | SmsOrder
    | Suppress
)
Uplink = (
    Ack
    | AuditHead
    | AuditSegment
    | BoxEvent
    | BoxState
    | CertificateRequest
    | InboundOutcome
    | OutcomeMessage
    | RecordingChunk
    | RecordingUnavailable
    | Refusals
    | Request
    | Response
    | SmsOutcome
    | SmsReply
    | Telemetry
)

_encoder = msgspec.json.Encoder()


def encode(message: msgspec.Struct) -> bytes:
    """Return the message as UTF-8 JSON."""
    return _encoder.encode(message)


class MalformedMessageError(ValueError):
    """The payload is not the message it should be; the text names the JSON path."""


def decode_downlink(payload: bytes) -> Downlink:
    """Return the console's message. Raises MalformedMessageError naming the JSON path."""
    return _decode(payload, _downlink_decoder)


def decode_uplink(payload: bytes) -> Uplink:
    """Return a box's message. Raises MalformedMessageError naming the JSON path."""
    return _decode(payload, _uplink_decoder)


def decode_contact(raw: msgspec.Raw) -> ContactRow:
    """Return one row of a batch. Raises MalformedMessageError naming the JSON path."""
    return _decode(raw, _contact_decoder)


_downlink_decoder: msgspec.json.Decoder[Downlink] = msgspec.json.Decoder(Downlink)
_uplink_decoder: msgspec.json.Decoder[Uplink] = msgspec.json.Decoder(Uplink)
_contact_decoder: msgspec.json.Decoder[ContactRow] = msgspec.json.Decoder(ContactRow)


def _decode(payload: bytes | msgspec.Raw, decoder: msgspec.json.Decoder[T]) -> T:
    if len(bytes(payload)) > MAX_MESSAGE_BYTES:
        raise MalformedMessageError(
            f"$: message is larger than {MAX_MESSAGE_BYTES} bytes; send smaller batches"
        )
    try:
        return decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedMessageError(str(error)) from None
