"""Short messages: the texts a campaign may have sent, an order for one, what became of it, and what people answer."""

from typing import Annotated, Literal

import msgspec

from firmware.sync.envelope import Durable, Id, Instant, Message, NonNegativeInt

SmsState = Literal["sent", "delivered", "failed", "uncertain", "refused", "expired"]
TextName = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_]{0,47}$")]
Wording = Annotated[str, msgspec.Meta(min_length=1, max_length=400)]


class SmsTexts(msgspec.Struct, kw_only=True, frozen=True):
    """The texts that a campaign's flow and its office may have sent. A box sends nothing else."""

    sender: dict[str, Annotated[str, msgspec.Meta(min_length=1, max_length=40)]]
    """Who writes, by language; every wording names it, as ``{sender}`` or in words."""
    texts: Annotated[dict[TextName, dict[str, Wording]], msgspec.Meta(min_length=1, max_length=20)]
    """By name, then language: wording with the flow's variables and slots in braces, and how to stop the messages."""
    per_person: Annotated[int, msgspec.Meta(ge=1, le=5)] = 1
    """Messages to one person in the whole campaign."""
    valid_hours: Annotated[int, msgspec.Meta(ge=1, le=72)] = 24
    """What could not be sent by then is not sent."""


class SmsOrder(Message, frozen=True, kw_only=True, tag_field="type", tag="sms"):
    """Send one text of a campaign to one of its contacts, once, if consent and every rule allow it then."""

    sms: Id
    """The message's id on both sides: a second order with the same one has no effect."""
    campaign: Id
    contact: Id
    text: TextName
    attempt: Id | None = None
    """The call it follows: what was promised there fills the text. A text about a debt needs one that was verified."""
    expires_at: Instant


class SmsOutcome(Durable, frozen=True, kw_only=True, tag_field="type", tag="sms"):
    """What became of one short message; a later one about the same `sms` corrects an earlier one."""

    sms: Id
    origin: Literal["flow", "console"]
    campaign: Id
    contact: Id
    person: Id
    attempt: Id | None = None
    """The call that it belongs to: this extends that call's outcome."""
    text: TextName
    language: str = ""
    state: SmsState
    """sent: the network took it; delivered: the telephone has it; uncertain: perhaps sent, and never sent again."""
    reason: str = ""
    """Of a refusal the rule, of a failure what the network or modem said."""
    line: str = ""
    n_parts: NonNegativeInt = 0
    ordered_at: Instant
    sent_at: Instant | None = None
    ended_at: Instant | None = None
    """When it was delivered, or given up."""


class SmsReply(Durable, frozen=True, kw_only=True, tag_field="type", tag="sms_reply"):
    """A short message that somebody sent to a line of the box."""

    reply: Id
    """Made of the message itself: the same one read twice has the same."""
    line: str
    number: Annotated[str, msgspec.Meta(pattern=r"^\+[1-9][0-9]{6,14}$")] | None = None
    """Who wrote, in E.164; null: a word or a short code, which nobody can answer."""
    people: list[Id] = []
    """Whom this box has on a list with that number, or has called at it."""
    text: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    """Empty when the box knows nobody at that number."""
    received_at: Instant
    is_opt_out: bool = False
    suppressed: Literal["person", "number"] | None = None
    """What this took off every list: the number, and with `person` everybody in `people` as well."""
