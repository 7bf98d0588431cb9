"""Short messages over a line: what is sent, what comes in, and what the network reports, in words of the lines."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

import structlog

from firmware.lines.line import LineError, LineReport
from firmware.values import E164, LineId
from modem_drivers.errors import (
    ForbiddenCommandError,
    LocalProtocolError,
    ModemError,
    SmsNotSentError,
    SmsUncertainError,
)
from modem_drivers.modem import Modem
from modem_drivers.pdu.status_report import DeliveryState
from modem_drivers.sms_store import SmsEvent, SmsReceived, SmsReported, SmsUnreadable

TEXTS_AGAIN_S = 10.0
"""Before a modem that was lost, or does not show its messages, is asked again."""

log = structlog.get_logger()


class Delivery(StrEnum):
    """What the network reports of one part of a message."""

    DELIVERED = "delivered"
    PENDING = "pending"
    """Not yet: it goes on trying."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextReceived:
    """Somebody wrote to this line."""

    sender: str = field(repr=False)
    text: str = field(repr=False)
    sent_at: datetime | None
    """None where the service centre told nonsense."""
    is_from_word: bool
    """The sender is a word: it proves nothing and cannot be answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextReported:
    """The network told what became of one part."""

    reference: int
    recipient: str = field(repr=False)
    delivery: Delivery
    status: int
    """TP-ST as it came (3GPP TS 23.040 §9.2.3.15)."""
    at: datetime | None


TextEvent = TextReceived | TextReported


class TextNotSentError(LineError):
    """Nothing was sent; `may_pass` says whether it may be tried again."""

    def __init__(self, reason: str, *, may_pass: bool) -> None:
        super().__init__(reason)
        self.may_pass = may_pass


class TextUncertainError(LineError):
    """It may have been sent, in part or whole: it must not be sent again."""

    def __init__(self, reason: str, references: tuple[int, ...]) -> None:
        super().__init__(reason)
        self.references = references


@runtime_checkable
class TextingLine(Protocol):
    """A line that carries short messages besides calls."""

    line_id: LineId

    @property
    def report(self) -> LineReport:
        """Return how the line stands."""
        ...

    async def send_text(self, number: E164, text: str) -> tuple[int, ...]:
        """Send a text, no call meanwhile; return a reference for each part.

        Raises LineNotReadyError (nothing sent), TextNotSentError, TextUncertainError.
        """
        ...

    def texts(self) -> AsyncGenerator[TextEvent, None]:
        """Yield what comes in, for ever, whatever becomes of the modem; for one reader."""
        ...


async def send_over(modem: Modem, number: E164, text: str) -> tuple[int, ...]:
    """Send a text and return once the network has taken every part. Raises TextNotSentError, TextUncertainError."""
    try:
        sent = await modem.sms.send(number, text, wants_report=True)
    except SmsUncertainError as error:
        raise TextUncertainError(_reason(error), tuple(error.references)) from error
    except SmsNotSentError as error:
        if error.references:  # the first parts are with the network
            raise TextUncertainError(_reason(error), tuple(error.references)) from error
        raise TextNotSentError(_reason(error), may_pass=True) from error
    except ForbiddenCommandError as error:
        raise TextNotSentError(_reason(error), may_pass=False) from error
    except LocalProtocolError as error:
        raise TextNotSentError(_reason(error), may_pass=not modem.is_idle) from error
    except ModemError as error:
        raise TextNotSentError(_reason(error), may_pass=True) from error
    return sent.references


async def texts_of(modem: Modem) -> AsyncGenerator[TextEvent, None]:
    """Yield what comes in over one modem until it is lost."""
    try:
        async for event in modem.sms.incoming():
            if (told := _told(event)) is not None:
                yield told
    except ModemError as error:
        log.debug("texts_not_read", reason=type(error).__name__)


def _told(event: SmsEvent) -> TextEvent | None:
    match event:
        case SmsReceived():
            return TextReceived(
                sender=event.sender, text=event.text, sent_at=event.sent_at, is_from_word=event.sender_is_name
            )
        case SmsReported():
            delivery = {
                DeliveryState.DELIVERED: Delivery.DELIVERED,
                DeliveryState.FAILED: Delivery.FAILED,
                # Replaced by another message of its number, which is not how we send.
                DeliveryState.REPLACED: Delivery.FAILED,
            }.get(event.state, Delivery.PENDING)
            return TextReported(
                reference=event.reference,
                recipient=event.recipient,
                delivery=delivery,
                status=event.status,
                at=event.at,
            )
        case SmsUnreadable():
            return None


def _reason(error: ModemError) -> str:
    code = getattr(error, "code", None)
    return type(error).__name__ if code is None else f"{type(error).__name__} {code}"
