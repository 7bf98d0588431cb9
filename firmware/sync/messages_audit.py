"""The audit log between box and console: heads that the box signs, and stretches of the log on request."""

from typing import Annotated

import msgspec

from firmware.sync.envelope import Durable, Id, Instant, Message, PositiveInt, Sha256

MAX_ENTRIES_A_REQUEST = 5000
MAX_SEGMENT_BYTES = 192 * 1024
"""Of entries in one message; an entry has some 3 KB."""

Base64Key = Annotated[str, msgspec.Meta(min_length=44, max_length=44)]
Base64Signature = Annotated[str, msgspec.Meta(min_length=88, max_length=88)]


class AuditHead(Durable, frozen=True, kw_only=True, tag_field="type", tag="audit_head"):
    """How far the box's audit log reaches, signed by the box's own key; once an hour if it grew, and at every start and stop."""

    box: Id
    chain: Id
    """The database that the log lay in when this was signed: a restored one is another chain."""
    entry: PositiveInt
    """Number of the last entry."""
    hash: Sha256
    """Its hash, which vouches for all before it."""
    signed_at: Instant
    key: Base64Key
    """The box's Ed25519 public key."""
    signature: Base64Signature
    """Over ``branchline-audit-head-1``, box, chain, entry, hash and signed_at (RFC 3339 UTC, microseconds), each after a NUL."""


class AuditEntry(msgspec.Struct, kw_only=True, frozen=True):
    """One entry as it lies in the log; names and numbers are in it only as keyed hashes and sealed."""

    entry: PositiveInt
    previous: Sha256
    body: str
    """Canonical JSON."""
    hash: Sha256


class AuditSegment(Durable, frozen=True, kw_only=True, tag_field="type", tag="audit_segment"):
    """A stretch of the audit log, in answer to a request; more of it follow unless `is_last`."""

    about: Id
    """The id of the request."""
    chain: Id
    entries: list[AuditEntry]
    is_last: bool


class AuditRequest(Message, frozen=True, kw_only=True, tag_field="type", tag="audit"):
    """Send entries `first` to `last` of the audit log, at most 5000."""

    first: PositiveInt
    last: PositiveInt
