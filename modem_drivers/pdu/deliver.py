"""SMS-DELIVER (3GPP TS 23.040 §9.2.2.1): a message that came in."""

from dataclasses import dataclass
from datetime import datetime

from modem_drivers.errors import MalformedPduError
from modem_drivers.pdu.address import Address, take_address
from modem_drivers.pdu.alphabet import read_coding_scheme
from modem_drivers.pdu.octets import OctetReader, from_hex, skip_smsc
from modem_drivers.pdu.timestamp import take_timestamp
from modem_drivers.pdu.user_data import UserData, take_user_data

_TYPE_MASK, _DELIVER = 0x03, 0x00
_HAS_HEADER = 0x40


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliver:
    """One incoming TPDU: a message, or one part of a long one."""

    sender: Address
    sent_at: datetime | None
    """When the service centre took it, UTC; None where it told nonsense."""
    message_class: int | None
    user_data: UserData


def decode_deliver(text: str) -> Deliver:
    """Return the message of a PDU in hexadecimal, service centre's address included. Raises MalformedPduError."""
    reader = OctetReader(from_hex(text))
    skip_smsc(reader)
    first = reader.octet()
    if first & _TYPE_MASK != _DELIVER:
        raise MalformedPduError("not an SMS-DELIVER")
    sender = take_address(reader)
    reader.octet()  # TP-PID: how it got here
    scheme = read_coding_scheme(reader.octet())
    sent_at = take_timestamp(reader)
    length = reader.octet()
    user_data = take_user_data(
        reader.take(reader.n_left),
        length=length,
        has_header=bool(first & _HAS_HEADER),
        alphabet=scheme.alphabet,
    )
    return Deliver(sender=sender, sent_at=sent_at, message_class=scheme.message_class, user_data=user_data)
