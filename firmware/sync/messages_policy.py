"""What the console says about the rules of calling: releases of packs and overlays, and what happened elsewhere."""

from typing import Annotated, Literal

import msgspec

from firmware.sync.envelope import Id, Instant, Message, PositiveInt, Sha256, Text

PackName = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Channel = Literal["call", "agent", "inbound", "sms", "email", "message", "letter", "visit", "notice"]
TomlText = Annotated[str, msgspec.Meta(max_length=100_000)]


class ApprovalWire(msgspec.Struct, kw_only=True, frozen=True):
    """Somebody's approval of one version of a pack, by a key that the box's settings name as an approver's."""

    pack: PackName
    version: PositiveInt
    digest: Sha256
    """Of the pack's content, as `branchline policy list --json` shows it."""
    by: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    kid: Id
    signature: Annotated[str, msgspec.Meta(min_length=88, max_length=88)]
    """Base64 Ed25519 over ``branchline-approval-1``, pack, version, digest and by, each after a NUL."""


class PolicyRelease(Message, frozen=True, kw_only=True, tag_field="type", tag="policy"):
    """All rule packs and the overlay that the console adds to those of the firmware. Versions only rise."""

    version: PositiveInt
    """Of this release, among all that the office has sent to this box or to all."""
    packs: Annotated[list[TomlText], msgspec.Meta(max_length=60)] = msgspec.field(default_factory=list)
    """New versions of packs. Each waits until it is approved by name on the box, or by `approvals`."""
    approvals: Annotated[list[ApprovalWire], msgspec.Meta(max_length=60)] = msgspec.field(
        default_factory=list
    )
    overlay: TomlText = ""
    """Tighter rules, at once in force; whatever would widen anything refuses the release whole."""


class ContactElsewhere(msgspec.Struct, kw_only=True, frozen=True):
    """One attempt or contact that this box did not make: by another box, a clerk, a text message…"""

    contact: Id
    """The console's id of this fact: known ones are not counted again."""
    person: Id
    number: Annotated[str, msgspec.Meta(max_length=20)]
    debt: Id | None = None
    channel: Channel
    at: Instant
    connected: bool = False
    conversation: bool = False
    disposition: Annotated[str, msgspec.Meta(max_length=40)] | None = None


class PersonElsewhere(msgspec.Struct, kw_only=True, frozen=True):
    """What was learnt about a person after their list was sent; it can only take away."""

    person: Id
    revoked: list[Id] = []
    """Kinds of consent that they have withdrawn."""
    status: Text | None = None
    """Anything but ``open`` ends the calls: paid, disputed, deceased…"""
    number_reassigned_at: Instant | None = None
    """Consents older than this were given by somebody else."""
    hours: (
        Annotated[
            str, msgspec.Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")
        ]
        | None
    ) = None
    """Their own hours, ``10:00-16:00`` of every day, where they are; further ones narrow the earlier."""


class PeopleElsewhere(Message, frozen=True, kw_only=True, tag_field="type", tag="ledger"):
    """What the fleet knows of people besides this box: it raises counters and takes away permissions, never the reverse."""

    contacts: Annotated[list[ContactElsewhere], msgspec.Meta(max_length=500)] = msgspec.field(
        default_factory=list
    )
    people: Annotated[list[PersonElsewhere], msgspec.Meta(max_length=500)] = msgspec.field(
        default_factory=list
    )
