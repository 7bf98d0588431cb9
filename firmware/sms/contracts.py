"""What this room tells the console, and what it hands to a line: contracts."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from firmware.store.connection import Connection
from firmware.store.operator_events import OperatorEvents
from firmware.store.sms import StoredSms
from firmware.values import E164, LineId, PersonId


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyReceived:
    """Somebody wrote to a line of ours."""

    reply: str
    line: LineId
    number: E164 | None = field(repr=False)
    people: tuple[PersonId, ...]
    text: str = field(repr=False)
    """Empty when the box knows nobody at that number."""
    received_at: datetime
    is_opt_out: bool
    suppressed: Literal["person", "number"] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToSend:
    """A message that is reserved, counted and in the audit log: it goes out now, once."""

    sms: str
    number: E164 = field(repr=False)
    text: str = field(repr=False)


class SmsReports(OperatorEvents, Protocol):
    """What is told to the console, written in the same transaction."""

    def sms(self, con: Connection, message: StoredSms) -> None:
        """Report what became of a message of ours."""
        ...

    def sms_reply(self, con: Connection, reply: ReplyReceived) -> None:
        """Report what somebody wrote to us."""
        ...
