"""What the console is told of calls that came in."""

from typing import Annotated, Literal

import msgspec

from firmware.sync.envelope import Durable, Id, Instant, NonNegativeInt
from firmware.sync.messages_handover import HandOverWire
from firmware.values import Disposition


class InboundCallback(msgspec.Struct, kw_only=True, frozen=True):
    """When the caller asked to be rung back."""

    local: str
    """By their own clock: ``2026-11-27T15:30``."""
    at: Instant | None = None
    """The same as an instant; where their zone is not certain, the last that it may be."""


class InboundOutcome(Durable, frozen=True, kw_only=True, tag_field="type", tag="inbound"):
    """What came of one call that came in and was let in. It is no attempt, and counts as none."""

    call: Id
    """Its id on both sides."""
    line: str
    caller: Annotated[str, msgspec.Meta(pattern=r"^\+[1-9][0-9]{6,14}$")] | None = None
    """The number shown, in E.164; null: withheld. Whoever can forge a number can show any: it proves nobody."""
    people: list[Id] = []
    """Whom this box has called at that number or has on a list with it."""
    disposition: Disposition
    reached: bool
    """Somebody was heard."""
    rang_at: Instant
    answered_at: Instant | None = None
    """Null: the caller gave up, or the call could not be taken."""
    ended_at: Instant
    talk_ms: NonNegativeInt = 0
    suppressed: Literal["person", "number"] | None = None
    """What this call took off every list: the number, and with `person` everybody in `people` as well."""
    callback: InboundCallback | None = None
    transfer: str | None = None
    """Why the caller wished for a person, in the flow's own word."""
    hand_over: HandOverWire | None = None
    answers: dict[str, str] = {}
    flow: str = ""
    flow_version: int = 0
    digits_heard: NonNegativeInt = 0
    cause: str = ""
    """The lines' word for how the call ended."""
    note: str = ""
