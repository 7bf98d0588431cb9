"""What passes between a modem and the message centre (3GPP TS 23.040 §9.2): read SUBMIT, write the rest."""

from dataclasses import dataclass
from datetime import datetime

from modem_drivers.simulator.errors import SimulatorError
from modem_drivers.simulator.gsm_alphabet import characters, pack, septets, unpack

SUBMIT, DELIVER, STATUS_REPORT = 1, 0, 2
_WITH_HEADER, _WANTS_REPORT, _NO_MORE_TO_SEND = 0x40, 0x20, 0x04
_VALIDITY_OCTETS = {0: 0, 1: 7, 2: 1, 3: 7}
_INTERNATIONAL, _UNKNOWN, _ALPHANUMERIC = 0x91, 0x81, 0xD0
_DIGITS = "0123456789*#abc"
UCS2 = 0x08
_GSM_CODES_WHOLE, _GSM_CODES_PART = 160, 153
_UCS2_OCTETS_WHOLE, _UCS2_OCTETS_PART = 140, 134
_LIMIT_OCTETS = 140


class NotATpduError(SimulatorError):
    """The octets are no TPDU of the kind asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """One SMS-DELIVER as text mode shows it."""

    sender: str
    at: str
    """As the AT line writes time: yy/MM/dd,hh:mm:ss±zz."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """One SMS-STATUS-REPORT as text mode shows it."""

    reference: int
    recipient: str
    at: str
    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """One SMS-SUBMIT, with its user data left as it came: header, coding and length pass through."""

    recipient: str
    wants_report: bool
    has_header: bool
    protocol: int
    coding: int
    """TP-DCS."""
    length: int
    """TP-UDL: septets under the 7-bit alphabet, else octets."""
    data: bytes

    @property
    def part(self) -> tuple[int, int, int]:
        """Reference, number of parts and which one this is (§9.2.3.24.1); 0, 1, 1 for a whole text."""
        header = self.data[1 : 1 + self.data[0]] if self.has_header and self.data else b""
        while len(header) >= 2:
            kind, size, value = header[0], header[1], header[2 : 2 + header[1]]
            if (kind, size, len(value)) == (0, 3, 3):
                return value[0], value[1], value[2]
            if (kind, size, len(value)) == (8, 4, 4):
                return int.from_bytes(value[:2], "big"), value[2], value[3]
            header = header[2 + size :]
        return 0, 1, 1

    @property
    def text(self) -> str:
        """The text, or this part of it, perhaps cut within a surrogate pair; data in no known alphabet is shown as hexadecimal."""
        header_octets = self.data[0] + 1 if self.has_header and self.data else 0
        match alphabet(self.coding):
            case "gsm":
                skipped = -(-header_octets * 8 // 7)
                body = self.data[header_octets:]
                fill_bits = skipped * 7 - header_octets * 8
                return characters(unpack(body, self.length - skipped, fill_bits=fill_bits))
            case "ucs2":
                return self.data[header_octets : self.length].decode("utf-16-be", "surrogatepass")
            case _:
                return self.data[header_octets : self.length].hex().upper()


def alphabet(coding: int) -> str:
    """Return the alphabet TP-DCS names: gsm, ucs2 or octets (3GPP TS 23.038 §4)."""
    if coding & 0xC0 == 0 or coding & 0xF0 == 0xF0:
        return {0: "gsm", 1: "octets", 2: "ucs2"}.get(coding >> 2 & 0x03, "gsm")
    return "ucs2" if coding & 0xF0 == 0xE0 else "gsm"


def read_submit(octets: bytes) -> Submit:
    """Return what a SUBMIT says. Raises NotATpduError."""
    if len(octets) < 7 or octets[0] & 0x03 != SUBMIT:
        raise NotATpduError("this is no SMS-SUBMIT")
    recipient, at = _read_address(octets, 2)
    protocol, coding = octets[at : at + 2] if len(octets) >= at + 2 else (0, 0)
    at += 2 + _VALIDITY_OCTETS[octets[0] >> 3 & 0x03]
    if at >= len(octets):
        raise NotATpduError("the SMS-SUBMIT ends before its user data")
    length, data = octets[at], octets[at + 1 :]
    if len(data) != octets_of(coding, length) or len(data) > _LIMIT_OCTETS or not recipient:
        raise NotATpduError("the user data of the SMS-SUBMIT is not as long as it says")
    return Submit(
        recipient=recipient,
        wants_report=bool(octets[0] & _WANTS_REPORT),
        has_header=bool(octets[0] & _WITH_HEADER),
        protocol=protocol,
        coding=coding,
        length=length,
        data=data,
    )


def octets_of(coding: int, length: int) -> int:
    """Return how many octets a user data length means."""
    return (length * 7 + 7) // 8 if alphabet(coding) == "gsm" else length


def submit(body: Submit) -> bytes:
    """Return a SUBMIT, without a validity period."""
    first = SUBMIT | (_WITH_HEADER if body.has_header else 0) | (_WANTS_REPORT if body.wants_report else 0)
    head = bytes([first, 0]) + _address(body.recipient) + bytes([body.protocol, body.coding])
    return head + bytes([body.length]) + body.data


def read_deliver(octets: bytes) -> Delivered:
    """Return what a DELIVER made here says."""
    sender, at = _read_address(octets, 1)
    body = Submit(
        recipient="",
        wants_report=False,
        has_header=bool(octets[0] & _WITH_HEADER),
        protocol=octets[at],
        coding=octets[at + 1],
        length=octets[at + 9],
        data=octets[at + 10 :],
    )
    return Delivered(sender=sender, at=_read_timestamp(octets[at + 2 : at + 9]), text=body.text)


def read_status_report(octets: bytes) -> StatusReport:
    """Return what a STATUS-REPORT made here says."""
    recipient, at = _read_address(octets, 2)
    return StatusReport(
        reference=octets[1],
        recipient=recipient,
        at=_read_timestamp(octets[at : at + 7]),
        status=octets[at + 14],
    )


def deliver(sender: str, at: datetime, body: Submit) -> bytes:
    """Return an SMS-DELIVER with the user data of `body`; `at` is when the message centre took it."""
    first = DELIVER | _NO_MORE_TO_SEND | (_WITH_HEADER if body.has_header else 0)
    head = bytes([first]) + _address(sender) + bytes([body.protocol, body.coding])
    return head + _timestamp(at) + bytes([body.length]) + body.data


def status_report(reference: int, recipient: str, at: datetime, done_at: datetime, status: int) -> bytes:
    """Return an SMS-STATUS-REPORT; `status` is TP-ST, 0 for delivered."""
    head = bytes([STATUS_REPORT | _NO_MORE_TO_SEND, reference]) + _address(recipient)
    return head + _timestamp(at) + _timestamp(done_at) + bytes([status])


def submits(recipient: str, text: str, *, reference: int = 0) -> list[Submit]:
    """Return `text` as one user data or several joined by a header, in 7 bits if they can carry it."""
    codes = septets(text)
    if codes is not None:
        parts = _cut_codes(codes) if len(codes) > _GSM_CODES_WHOLE else [codes]
        coding = 0
    else:
        octets = text.encode("utf-16-be")
        parts = _cut_ucs2(octets) if len(octets) > _UCS2_OCTETS_WHOLE else [octets]
        coding = UCS2
    made = []
    for place, part in enumerate(parts, 1):
        header = bytes([5, 0, 3, reference & 0xFF, len(parts), place]) if len(parts) > 1 else b""
        if coding == UCS2:
            data, length = header + part, len(header) + len(part)
        else:
            skipped = -(-len(header) * 8 // 7)
            data = header + pack(part, fill_bits=skipped * 7 - len(header) * 8)
            length = skipped + len(part)
        made.append(
            Submit(
                recipient=recipient,
                wants_report=False,
                has_header=bool(header),
                protocol=0,
                coding=coding,
                length=length,
                data=data,
            )
        )
    return made


def _cut_codes(codes: bytes) -> list[bytes]:
    parts = []
    while codes:
        size = _GSM_CODES_PART
        if len(codes) > size and codes[size - 1] == 0x1B:
            size -= 1  # an escape stays with what it escapes
        parts.append(codes[:size])
        codes = codes[size:]
    return parts


def _cut_ucs2(octets: bytes) -> list[bytes]:
    parts = []
    while octets:
        size = _UCS2_OCTETS_PART
        if len(octets) > size and 0xD8 <= octets[size - 2] < 0xDC:
            size -= 2  # a surrogate pair stays together
        parts.append(octets[:size])
        octets = octets[size:]
    return parts


def _address(number: str) -> bytes:
    if number and set(number.removeprefix("+")) - set(_DIGITS):
        codes = septets(number) or b""
        packed = pack(codes)
        return bytes([-(-len(codes) * 7 // 4), _ALPHANUMERIC]) + packed
    digits = number.removeprefix("+")
    kind = _INTERNATIONAL if number.startswith("+") else _UNKNOWN
    return bytes([len(digits), kind]) + _semi_octets(digits)


def service_centre(number: str) -> bytes:
    """Return the address that stands before a TPDU in a modem's memory (3GPP TS 24.011 §8.2.5.1)."""
    digits = number.removeprefix("+")
    octets = bytes([_INTERNATIONAL if number.startswith("+") else _UNKNOWN]) + _semi_octets(digits)
    return bytes([len(octets)]) + octets


def _semi_octets(digits: str) -> bytes:
    padded = [_DIGITS.index(digit) for digit in digits] + [15] * (len(digits) % 2)
    return bytes(low | high << 4 for low, high in zip(padded[::2], padded[1::2], strict=True))


def _read_address(octets: bytes, at: int) -> tuple[str, int]:
    n_digits, kind = octets[at], octets[at + 1]
    end = at + 2 + (n_digits + 1) // 2
    if end > len(octets):
        raise NotATpduError("an address is cut short")
    nibbles = [nibble for octet in octets[at + 2 : end] for nibble in (octet & 15, octet >> 4)]
    if kind & 0x70 != 0x50 and any(nibble == 15 for nibble in nibbles[:n_digits]):
        raise NotATpduError("an address has fewer digits than it says")
    if kind & 0x70 == 0x50:
        return characters(unpack(octets[at + 2 : end], n_digits * 4 // 7)), end
    digits = "".join(_DIGITS[nibble] for nibble in nibbles[:n_digits])
    return ("+" if kind & 0x70 == 0x10 else "") + digits, end


def _timestamp(at: datetime) -> bytes:
    offset = at.utcoffset()
    quarters = 0 if offset is None else round(offset.total_seconds() / 900)
    fields = (at.year % 100, at.month, at.day, at.hour, at.minute, at.second, abs(quarters))
    octets = bytearray(field // 10 | field % 10 << 4 for field in fields)
    if quarters < 0:
        octets[6] |= 0x08
    return bytes(octets)


def _read_timestamp(octets: bytes) -> str:
    year, month, day, hour, minute, second = (octet % 16 * 10 + octet // 16 for octet in octets[:6])
    zone = (octets[6] & 0x07) * 10 + (octets[6] >> 4)
    sign = "-" if octets[6] & 0x08 else "+"
    return f"{year:02d}/{month:02d}/{day:02d},{hour:02d}:{minute:02d}:{second:02d}{sign}{zone:02d}"
