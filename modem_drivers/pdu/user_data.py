"""The user data of one TPDU (3GPP TS 23.040 §9.2.3.24): header, alphabet, text; and a text cut into such parts."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from modem_drivers.errors import LocalProtocolError, MalformedPduError
from modem_drivers.pdu.alphabet import (
    Alphabet,
    decode_septets,
    decode_ucs2,
    encode_septets,
    encode_ucs2,
    pack,
    unpack,
)
from modem_drivers.pdu.national import ESCAPE, LOCKING, SINGLE_RUNS

MAX_OCTETS = 140
MAX_PARTS = 255
_CONCATENATED, _CONCATENATED_WIDE = 0x00, 0x08
_SINGLE_SHIFT, _LOCKING_SHIFT = 0x24, 0x25
_HIGH_SURROGATE = 0xD8


@dataclass(frozen=True, slots=True, kw_only=True)
class Concatenation:
    """Which part of which long message this is."""

    reference: int
    is_wide: bool
    """Whether the reference has 16 bits instead of 8."""
    total: int
    number: int
    """From 1 to `total`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a user data header says of things known here; other elements are passed over."""

    concatenation: Concatenation | None = None
    locking: int = 0
    """National language identifier of the locking shift table, 0 for the default alphabet."""
    single: int = 0
    """The same for the single shift table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserData:
    """The user data of one TPDU. Exactly what its octets say, so that encoding gives them again."""

    alphabet: Alphabet
    text: str = ""
    """Empty for 8-bit data. Of a part it may begin or end within a word, even within a character."""
    data: bytes = field(default=b"", repr=False)
    """The octets of 8-bit data; empty for text."""
    header: Header = Header()


def take_user_data(data: bytes, *, length: int, has_header: bool, alphabet: Alphabet) -> UserData:
    """Return the user data of a TPDU; `length` is its TP-UDL, septets or octets. Raises MalformedPduError."""
    n_octets = (length * 7 + 7) // 8 if alphabet is Alphabet.GSM7 else length
    if n_octets > len(data):
        raise MalformedPduError(f"{n_octets} octets of user data announced, {len(data)} there")
    data = data[:n_octets]
    n_header_octets = 1 + data[0] if has_header and data else 0
    if n_header_octets > len(data):
        raise MalformedPduError("the user data header is longer than the user data")
    header = _read_header(data[1:n_header_octets])
    body = data[n_header_octets:]
    if alphabet is Alphabet.UCS2:
        # Telephones there are cut between the halves of an emoji; the next part brings the other half.
        text = decode_ucs2(body, keep_halves=header.concatenation is not None)
        return UserData(alphabet=alphabet, text=text, header=header)
    if alphabet is Alphabet.DATA:
        return UserData(alphabet=alphabet, data=body, header=header)
    n_header_septets = (8 * n_header_octets + 6) // 7
    fill_bits = 7 * n_header_septets - 8 * n_header_octets
    septets = unpack(body, length - n_header_septets, fill_bits=fill_bits)
    text = decode_septets(septets, locking=header.locking, single=header.single)
    return UserData(alphabet=alphabet, text=text, header=header)


def encode_user_data(user_data: UserData) -> tuple[int, bytes]:
    """Return TP-UDL and the octets. Raises LocalProtocolError when it is too long or a character is not there."""
    header = _header_octets(user_data.header)
    if user_data.alphabet is Alphabet.GSM7:
        locking, single = user_data.header.locking, user_data.header.single
        septets = encode_septets(user_data.text, locking=locking, single=single)
        if septets is None:
            raise LocalProtocolError("a character of the text is not in the GSM alphabet")
        n_header_septets = (8 * len(header) + 6) // 7
        body = pack(septets, fill_bits=7 * n_header_septets - 8 * len(header))
        length = n_header_septets + len(septets)
    else:
        is_text = user_data.alphabet is Alphabet.UCS2
        body = encode_ucs2(user_data.text) if is_text else user_data.data
        length = len(header) + len(body)
    if len(header) + len(body) > MAX_OCTETS:
        raise LocalProtocolError(f"{len(header) + len(body)} octets of user data: at most {MAX_OCTETS}")
    return length, header + body


def split_text(text: str, *, reference: int, is_wide: bool = False) -> list[UserData]:
    """Return the text as the fewest parts, 7-bit where the default alphabet has all of it, else UCS-2.

    No character is cut in two, escaped and surrogate pairs included. `reference` must differ from that of other
    recent messages to the same number; 8 bits, or 16 with `is_wide`. Raises LocalProtocolError beyond 255 parts.
    """
    septets = encode_septets(text)
    alphabet = Alphabet.UCS2 if septets is None else Alphabet.GSM7
    units = encode_ucs2(text) if septets is None else septets
    room = MAX_OCTETS if septets is None else MAX_OCTETS * 8 // 7
    if len(units) <= room:
        return [UserData(alphabet=alphabet, text=text)]
    n_header_octets = 7 if is_wide else 6
    if septets is None:
        room = (MAX_OCTETS - n_header_octets) & ~1
    else:
        room -= (8 * n_header_octets + 6) // 7
    pieces = list(_pieces(units, room, alphabet))
    if len(pieces) > MAX_PARTS:
        raise LocalProtocolError(f"{len(pieces)} parts are more than the {MAX_PARTS} a message can have")
    reference &= 0xFFFF if is_wide else 0xFF
    return [
        UserData(
            alphabet=alphabet,
            text=decode_ucs2(piece) if septets is None else decode_septets(piece),
            header=Header(
                concatenation=Concatenation(
                    reference=reference, is_wide=is_wide, total=len(pieces), number=number
                )
            ),
        )
        for number, piece in enumerate(pieces, start=1)
    ]


def _pieces(units: bytes, room: int, alphabet: Alphabet) -> Iterator[bytes]:
    start = 0
    while start < len(units):
        end = min(start + room, len(units))
        if end < len(units):
            if alphabet is Alphabet.GSM7 and units[end - 1] == ESCAPE:
                end -= 1
            elif alphabet is Alphabet.UCS2 and units[end - 2] & 0xFC == _HIGH_SURROGATE:
                end -= 2
        yield units[start:end]
        start = end


def _read_header(data: bytes) -> Header:
    """Return what the elements say; of one that comes twice the last counts (§9.2.3.24), a cut one ends the list."""
    concatenation: Concatenation | None = None
    locking = single = 0
    at = 0
    while at + 2 <= len(data):
        element, length = data[at], data[at + 1]
        value = data[at + 2 : at + 2 + length]
        at += 2 + length
        if len(value) != length:
            break
        if (element, length) in {(_CONCATENATED, 3), (_CONCATENATED_WIDE, 4)}:
            total, number = value[-2:]
            if 1 <= number <= total:  # §9.2.3.24.1: any other is to be ignored
                concatenation = Concatenation(
                    reference=int.from_bytes(value[:-2], "big"),
                    is_wide=element == _CONCATENATED_WIDE,
                    total=total,
                    number=number,
                )
        elif (element, length) == (_SINGLE_SHIFT, 1) and value[0] in SINGLE_RUNS:
            single = value[0]
        elif (element, length) == (_LOCKING_SHIFT, 1) and value[0] in LOCKING:
            locking = value[0]
    return Header(concatenation=concatenation, locking=locking, single=single)


def _header_octets(header: Header) -> bytes:
    elements = b""
    if (part := header.concatenation) is not None:
        element, width = (_CONCATENATED_WIDE, 2) if part.is_wide else (_CONCATENATED, 1)
        elements += bytes((element, width + 2)) + part.reference.to_bytes(width, "big")
        elements += bytes((part.total, part.number))
    if header.single:
        elements += bytes((_SINGLE_SHIFT, 1, header.single))
    if header.locking:
        elements += bytes((_LOCKING_SHIFT, 1, header.locking))
    return bytes((len(elements),)) + elements if elements else b""
