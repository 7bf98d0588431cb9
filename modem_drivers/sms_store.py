"""Messages as a modem's memories list them (3GPP TS 27.005 §3.4, PDU mode); pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from modem_drivers.at.values import split_line, to_int, to_text
from modem_drivers.errors import MalformedPduError
from modem_drivers.pdu.deliver import Deliver, decode_deliver
from modem_drivers.pdu.octets import is_hex
from modem_drivers.pdu.status_report import DeliveryState, StatusReport, decode_status_report

_RECEIVED = {0, 1}  # unread and read; 2 and 3 are our own, stored by another program


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message is stored."""

    memory: str
    index: int


@dataclass(frozen=True, slots=True)
class StoredPdu:
    """One listed message, still undecoded."""

    place: Place
    pdu: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsReceived:
    """A whole message came in, or what there is of one whose other parts never came."""

    sender: str
    text: str
    sent_at: datetime | None
    """When the service centre took it, UTC; None where it told nonsense."""
    sender_is_name: bool = False
    """The sender is a word somebody chose: it proves nothing and cannot be answered."""
    n_missing: int = 0
    """Parts that never came; `…` stands for each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsReported:
    """The network told what became of one part of a message we sent."""

    reference: int
    """One of `SentMessage.references`."""
    recipient: str
    state: DeliveryState
    status: int
    """TP-ST as it came (3GPP TS 23.040 §9.2.3.15)."""
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsUnreadable:
    """Something came in that is no message: told once, then removed, so that it cannot fill the memory."""

    reason: str
    n_octets: int


SmsEvent: TypeAlias = SmsReceived | SmsReported | SmsUnreadable


def read_list(lines: Sequence[str], memory: str) -> list[StoredPdu]:
    """Return the received messages of an AT+CMGL=4 answer: ``+CMGL: <index>,<stat>,<alpha>,<length>``, then a PDU."""
    stored = []
    for n, line in enumerate(lines):
        name, values = split_line(line)
        index, state = to_int(values, 0), to_int(values, 1)
        if name != "+CMGL" or index is None or state not in _RECEIVED:
            continue
        pdu = lines[n + 1] if n + 1 < len(lines) else ""
        stored.append(StoredPdu(Place(memory, index), pdu if is_hex(pdu) else ""))
    return stored


def read_capacity(lines: Sequence[str]) -> tuple[int, int] | None:
    """Return used and total places of the first memory, of an AT+CPMS answer."""
    for line in lines:
        name, values = split_line(line)
        if name != "+CPMS":
            continue
        numbers = [to_int(values, n) for n in range(3)]
        used, total = numbers[:2] if numbers[0] is not None else numbers[1:]  # AT+CPMS? puts the name first
        if used is not None and total is not None:
            return used, total
    return None


def read_memory(line: str) -> str | None:
    """Return the memory a ``+CMTI: "<memory>",<index>`` or +CDSI names, None for any other line."""
    name, values = split_line(line)
    return to_text(values, 0) if name in {"+CMTI", "+CDSI"} else None


def decode_received(pdu: str) -> Deliver | StatusReport | SmsUnreadable:
    """Return what a received PDU is; never fails."""
    try:
        return decode_deliver(pdu)
    except MalformedPduError as error:
        reason = str(error)
    try:
        return decode_status_report(pdu)
    except MalformedPduError:
        return SmsUnreadable(reason=reason, n_octets=len(pdu) // 2)
