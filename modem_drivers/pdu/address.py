"""Telephone numbers and names as TPDU addresses (3GPP TS 23.040 §9.1.2.5)."""

from dataclasses import dataclass

from modem_drivers.errors import LocalProtocolError, MalformedPduError
from modem_drivers.pdu.alphabet import decode_septets, unpack
from modem_drivers.pdu.octets import OctetReader

MAX_SEMI_OCTETS = 20
_INTERNATIONAL, _NATIONAL_OR_UNKNOWN = 0x91, 0x81
_TYPE_INTERNATIONAL, _TYPE_NAME = 1, 5
_DIGITS = "0123456789*#abc"
_FILLER = 0xF


@dataclass(frozen=True, slots=True)
class Address:
    """Who sent or is to get a message."""

    text: str
    """``+`` and digits, digits as they came, or a name."""
    is_name: bool = False
    """A word the sender chose (``MY BANK``): cannot be answered, and proves nothing."""


def encode_number(number: str) -> bytes:
    """Return length, type and semi-octets of a number. Raises LocalProtocolError."""
    digits = number.removeprefix("+")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= MAX_SEMI_OCTETS):
        raise LocalProtocolError(f"a number of {len(number)} characters is no address: 1 to 20 digits")
    padded = digits + "f" * (len(digits) % 2)
    swapped = "".join(padded[n + 1] + padded[n] for n in range(0, len(padded), 2))
    kind = _INTERNATIONAL if number.startswith("+") else _NATIONAL_OR_UNKNOWN
    return bytes((len(digits), kind)) + bytes.fromhex(swapped)


def take_address(reader: OctetReader) -> Address:
    """Return the address at the cursor. Raises MalformedPduError."""
    n_semi_octets, kind = reader.octet(), reader.octet()
    if (
        n_semi_octets > MAX_SEMI_OCTETS + 2
    ):  # a name of eleven characters fills 20; some networks count in octets
        raise MalformedPduError(f"an address of {n_semi_octets} semi-octets")
    octets = reader.take((n_semi_octets + 1) // 2)
    number_type = kind >> 4 & 7
    if number_type == _TYPE_NAME:
        return Address(decode_septets(unpack(octets, n_semi_octets * 4 // 7)), is_name=True)
    semi_octets = [half for octet in octets for half in (octet & 0xF, octet >> 4)][:n_semi_octets]
    digits = "".join(_DIGITS[half] for half in semi_octets if half != _FILLER)
    return Address(f"+{digits}" if number_type == _TYPE_INTERNATIONAL and digits else digits)
