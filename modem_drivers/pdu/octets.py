"""A cursor over the octets of one PDU, and the hexadecimal text they travel in."""

from modem_drivers.errors import MalformedPduError

MAX_PDU_OCTETS = 256
"""SMSC address (12 at most) and TPDU (164 at most, 3GPP TS 23.040 §9.2.3), with room for what vendors append."""
_HEX = frozenset("0123456789ABCDEFabcdef")


class OctetReader:
    """Take octets from the front; running out of them is a malformed PDU, never an IndexError."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def n_left(self) -> int:
        """Return how many octets have not been taken."""
        return len(self._data) - self._at

    def take(self, n_octets: int) -> bytes:
        """Return the next `n_octets`. Raises MalformedPduError."""
        if n_octets > self.n_left:
            raise MalformedPduError(f"{n_octets} octets wanted, {self.n_left} left")
        self._at += n_octets
        return self._data[self._at - n_octets : self._at]

    def octet(self) -> int:
        """Return the next octet as a number. Raises MalformedPduError."""
        return self.take(1)[0]


def from_hex(text: str) -> bytes:
    """Return the octets of a PDU as modems write it. Raises MalformedPduError."""
    if len(text) % 2 or not set(text) <= _HEX:
        raise MalformedPduError("not hexadecimal octets")
    if len(text) > 2 * MAX_PDU_OCTETS:
        raise MalformedPduError(f"{len(text) // 2} octets are more than any PDU has")
    return bytes.fromhex(text)


def is_hex(text: str) -> bool:
    """Say whether the text can be a PDU: whole octets in hexadecimal, at least one."""
    return bool(text) and not len(text) % 2 and set(text) <= _HEX


def skip_smsc(reader: OctetReader) -> None:
    """Pass over the service centre's address that a modem puts before each TPDU. Raises MalformedPduError."""
    reader.take(reader.octet())
