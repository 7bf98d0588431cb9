"""Short messages of the box as the console is told of them (pure)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol

import msgspec

from firmware.store.sms import StoredSms
from firmware.sync.messages_sms import SmsOutcome, SmsReply
from firmware.values import E164, LineId, PersonId


class ReplyLike(Protocol):
    """What somebody wrote, as the room that received it knows it."""

    @property
    def reply(self) -> str: ...  # noqa: D102
    @property
    def line(self) -> LineId: ...  # noqa: D102
    @property
    def number(self) -> E164 | None: ...  # noqa: D102
    @property
    def people(self) -> Sequence[PersonId]: ...  # noqa: D102
    @property
    def text(self) -> str: ...  # noqa: D102
    @property
    def received_at(self) -> datetime: ...  # noqa: D102
    @property
    def is_opt_out(self) -> bool: ...  # noqa: D102
    @property
    def suppressed(self) -> Literal["person", "number"] | None: ...  # noqa: D102


def sms_outcome(message: StoredSms, *, id_: str, at: datetime, stream: str, seq: int) -> SmsOutcome:
    """Return what became of one message."""
    return msgspec.convert(
        {
            "id": id_,
            "at": at,
            "stream": stream,
            "seq": seq,
            "type": "sms",
            "sms": message.sms,
            "origin": message.origin,
            "campaign": message.campaign,
            "contact": message.contact,
            "person": message.person,
            "attempt": message.attempt,
            "text": message.text,
            "language": message.language,
            "state": message.state.value,
            "reason": message.rule,
            "line": message.line or "",
            "n_parts": message.n_parts,
            "ordered_at": message.ordered_at,
            "sent_at": message.sent_at,
            "ended_at": message.ended_at,
        },
        SmsOutcome,
    )


def sms_reply(reply: ReplyLike, *, id_: str, at: datetime, stream: str, seq: int) -> SmsReply:
    """Return what somebody wrote."""
    return SmsReply(
        id=id_,
        at=at,
        stream=stream,
        seq=seq,
        reply=reply.reply,
        line=reply.line,
        number=reply.number,
        people=list(reply.people),
        text=reply.text,
        received_at=reply.received_at,
        is_opt_out=reply.is_opt_out,
        suppressed=reply.suppressed,
    )
