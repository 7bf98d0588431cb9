"""SMS-SUBMIT (3GPP TS 23.040 §9.2.2.2): what is handed to a modem to be sent."""

from dataclasses import dataclass

from modem_drivers.errors import MalformedPduError
from modem_drivers.pdu.address import Address, encode_number, take_address
from modem_drivers.pdu.alphabet import Alphabet, read_coding_scheme
from modem_drivers.pdu.octets import OctetReader, from_hex, skip_smsc
from modem_drivers.pdu.user_data import UserData, encode_user_data, split_text, take_user_data

VALID_ONE_DAY = 0xA7
"""TP-VP for 24 hours: a message about today is worth nothing next week."""
_TYPE_MASK, _SUBMIT = 0x03, 0x01
_VALIDITY_MASK, _NO_VALIDITY, _RELATIVE_VALIDITY = 0x18, 0x00, 0x10
_WANTS_REPORT, _HAS_HEADER = 0x20, 0x40
_FULL_VALIDITY_OCTETS = 7
_SMSC_OF_THE_SIM = b"\x00"
_CODINGS = {Alphabet.GSM7: 0x00, Alphabet.DATA: 0x04, Alphabet.UCS2: 0x08}


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """One outgoing TPDU."""

    destination: Address
    user_data: UserData
    wants_report: bool = False
    validity: int | None = VALID_ONE_DAY
    """TP-VP in its relative form (§9.2.3.12.1); None leaves it to the service centre."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitPdu:
    """An outgoing TPDU as AT+CMGS takes it."""

    hex: str
    n_tpdu_octets: int
    """What AT+CMGS is told: without the service centre's address."""


def encode_message(
    number: str, text: str, *, reference: int, is_wide: bool = False, wants_report: bool = False
) -> list[SubmitPdu]:
    """Return the PDUs that carry `text` to `number`. Raises LocalProtocolError."""
    return [
        encode_submit(Submit(destination=Address(number), user_data=part, wants_report=wants_report))
        for part in split_text(text, reference=reference, is_wide=is_wide)
    ]


def encode_submit(submit: Submit) -> SubmitPdu:
    """Return the PDU. Raises LocalProtocolError."""
    length, user_data = encode_user_data(submit.user_data)
    has_header = bool(user_data) and _starts_with_header(submit.user_data)
    first = _SUBMIT | (_RELATIVE_VALIDITY if submit.validity is not None else 0)
    first |= (_WANTS_REPORT if submit.wants_report else 0) | (_HAS_HEADER if has_header else 0)
    tpdu = bytes((first, 0))  # the modem fills in the message reference
    tpdu += encode_number(submit.destination.text)
    tpdu += bytes((0, _CODINGS[submit.user_data.alphabet]))
    tpdu += bytes((submit.validity,)) if submit.validity is not None else b""
    tpdu += bytes((length,)) + user_data
    return SubmitPdu(hex=(_SMSC_OF_THE_SIM + tpdu).hex().upper(), n_tpdu_octets=len(tpdu))


def decode_submit(text: str) -> Submit:
    """Return what a PDU in hexadecimal would send, any programme's included. Raises MalformedPduError."""
    reader = OctetReader(from_hex(text))
    skip_smsc(reader)
    first = reader.octet()
    if first & _TYPE_MASK != _SUBMIT:
        raise MalformedPduError("not an SMS-SUBMIT")
    reader.octet()
    destination = take_address(reader)
    reader.octet()
    scheme = read_coding_scheme(reader.octet())
    validity: int | None = None
    if first & _VALIDITY_MASK == _RELATIVE_VALIDITY:
        validity = reader.octet()
    elif first & _VALIDITY_MASK != _NO_VALIDITY:
        reader.take(_FULL_VALIDITY_OCTETS)
    length = reader.octet()
    user_data = take_user_data(
        reader.take(reader.n_left),
        length=length,
        has_header=bool(first & _HAS_HEADER),
        alphabet=scheme.alphabet,
    )
    return Submit(
        destination=destination,
        user_data=user_data,
        wants_report=bool(first & _WANTS_REPORT),
        validity=validity,
    )


def _starts_with_header(user_data: UserData) -> bool:
    header = user_data.header
    return header.concatenation is not None or bool(header.locking or header.single)
