"""SMS-STATUS-REPORT (3GPP TS 23.040 §9.2.2.3): what became of a message we sent."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from modem_drivers.errors import MalformedPduError
from modem_drivers.pdu.address import Address, take_address
from modem_drivers.pdu.octets import OctetReader, from_hex, skip_smsc
from modem_drivers.pdu.timestamp import take_timestamp

_TYPE_MASK, _STATUS_REPORT = 0x03, 0x02


class DeliveryState(StrEnum):
    """What the service centre says of a message."""

    DELIVERED = "delivered"
    FORWARDED = "forwarded"
    """Handed on, without proof that it arrived."""
    REPLACED = "replaced"
    PENDING = "pending"
    """Not yet: the service centre goes on trying."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """The service centre's word on one TPDU."""

    reference: int
    """What `+CMGS:` told when it was sent."""
    recipient: Address
    sent_at: datetime | None
    at: datetime | None
    """When this became of it, UTC."""
    status: int
    """TP-ST as it came (§9.2.3.15)."""

    @property
    def state(self) -> DeliveryState:
        """Return what the status means."""
        return read_status(self.status)


def read_status(status: int) -> DeliveryState:
    """Return the meaning of TP-ST; a reserved one counts as failed, as §9.2.3.15 says."""
    if status in {0, 1, 2}:
        return (DeliveryState.DELIVERED, DeliveryState.FORWARDED, DeliveryState.REPLACED)[status]
    if status < 0x20:  # reserved or the centre's own words for "completed"
        return DeliveryState.FORWARDED
    if status < 0x40:
        return DeliveryState.PENDING
    return DeliveryState.FAILED


def decode_status_report(text: str) -> StatusReport:
    """Return the report of a PDU in hexadecimal, service centre's address included. Raises MalformedPduError."""
    reader = OctetReader(from_hex(text))
    skip_smsc(reader)
    if reader.octet() & _TYPE_MASK != _STATUS_REPORT:
        raise MalformedPduError("not an SMS-STATUS-REPORT")
    return StatusReport(
        reference=reader.octet(),
        recipient=take_address(reader),
        sent_at=take_timestamp(reader),
        at=take_timestamp(reader),
        status=reader.octet(),
    )
