"""The evidence of one call as data: what the page shows and what programs read. Every instant is UTC."""

from datetime import datetime
from typing import Any, Literal

import msgspec

FORMAT = "branchline-evidence-1"


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One part of the evidence."""


class RuleTried(Part, frozen=True, kw_only=True):
    """One rule, whether the call passed it, and its figures: the counters among them."""

    rule: str
    passed: bool
    detail: str = ""


class DecisionShown(Part, frozen=True, kw_only=True):
    """What the gate said at one point of the call, as its audit entry has it."""

    seq: int
    at: datetime
    point: str
    outcome: str
    rule: str
    until: datetime | None = None
    explained: dict[str, str]
    """In a clerk's words, by language."""
    tried: tuple[RuleTried, ...]
    packs: tuple[str, ...]
    zones: tuple[str, ...]
    clock: str
    """``trusted``, or why not."""
    suppressions_confirmed_at: datetime | None = None
    policy: str
    """SHA-256 of the merged policy."""


class PackShown(Part, frozen=True, kw_only=True):
    """One rule pack in force, and who approved it."""

    name: str
    digest: str
    approved_by: str = ""


class Said(Part, frozen=True, kw_only=True):
    """One prompt: when it began, how long it was heard, and its wording in the campaign's script."""

    prompt: str
    roles: tuple[str, ...] = ()
    """What it discloses: automated, identity, recording, …"""
    started_at: datetime | None = None
    heard_ms: int | None = None
    interrupted: bool = False
    wording: dict[str, str] = {}
    """By language, with the names of what was filled in."""


class Heard(Part, frozen=True, kw_only=True):
    """One thing that the callee did; the digits of a secret never."""

    at: datetime
    kind: Literal["key", "words", "speech"]
    what: str
    confidence: float | None = None


class TimelineEvent(Part, frozen=True, kw_only=True):
    """One line of the call's log."""

    at: datetime
    kind: str
    detail: dict[str, Any] = {}


class RecordingShown(Part, frozen=True, kw_only=True):
    """The sealed file; only the console's key opens it."""

    recording: str
    sha256: str
    duration_ms: int
    n_bytes: int
    recipients: tuple[str, ...]
    notice_at: datetime | None = None
    uploaded_at: datetime | None = None
    is_here: bool
    is_unchanged: bool
    """What lies on the disk has the digest that was written at the end of the call."""
    piece_bytes: int
    pieces: tuple[str, ...] = ()
    """SHA-256 of each stretch of the file."""
    deleted_by: int | None = None
    """The audit entry that proves its deletion."""


class MessageShown(Part, frozen=True, kw_only=True):
    """A short message that followed the call."""

    sms: str
    text: str
    """Its name in the campaign."""
    wording: str
    """As the campaign has it, with names in braces where values stood."""
    language: str
    state: str
    reason: str
    """Why it was refused or failed; empty otherwise."""
    n_parts: int
    ordered_at: datetime
    sent_at: datetime | None
    ended_at: datetime | None
    """When it was delivered, or given up."""
    said: str | msgspec.UnsetType = msgspec.UNSET
    """Word for word as it was sent, where that was asked for and the person's key still is."""


class CallShown(Part, frozen=True, kw_only=True):
    """Who was called when, and what came of it."""

    attempt: str
    campaign: str
    campaign_name: str
    contact: str
    person: str
    number: str
    """Masked."""
    line: str
    line_number: str
    """Masked: what the callee saw."""
    reserved_at: datetime
    dialled_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    disposition: str
    cause: str
    cause_q850: int | None = None
    talk_ms: int = 0
    right_party: bool = False
    flow: str = ""
    flow_version: int = 0
    flow_sha256: str
    promise_due: str | None = None
    promise_amount: str | None = None
    promise_confirmed: bool = False
    received_at: datetime | None = None
    """When the console's receipt covered the outcome."""


class ChainLink(Part, frozen=True, kw_only=True):
    """One entry of the audit log; `body` where it concerns this call, or where the whole stretch was asked for."""

    seq: int
    prev_hash: str
    hash: str
    body: str | None = None


class Evidence(Part, frozen=True, kw_only=True):
    """The evidence of one call."""

    format: Literal["branchline-evidence-1"] = "branchline-evidence-1"
    box: str
    version: str
    language: Literal["en", "zh"]
    """Of the page that shows it."""
    made_at: datetime
    call: CallShown
    decisions: tuple[DecisionShown, ...]
    packs: tuple[PackShown, ...]
    engine: dict[str, str]
    said: tuple[Said, ...]
    heard: tuple[Heard, ...]
    timeline: tuple[TimelineEvent, ...]
    recording: RecordingShown | None = None
    messages: tuple[MessageShown, ...] | msgspec.UnsetType = msgspec.UNSET
    """Unset where none followed: evidence from before there were any stays what it was, to the letter."""
    chain: tuple[ChainLink, ...]
    """From the entry of the rules in force to the head."""
    head: str
    """SEQ:HASH of the last entry when this was made."""


def evidence_schema() -> dict[str, Any]:
    """Return the JSON Schema of the evidence."""
    return msgspec.json.schema(Evidence)
