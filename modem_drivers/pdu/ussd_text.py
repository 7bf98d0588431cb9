"""USSD strings as modems hand them over: plain, packed 7-bit or UCS-2 in hexadecimal, and seldom saying which."""

from contextlib import suppress

from modem_drivers.pdu.alphabet import (
    Alphabet,
    decode_septets,
    decode_ucs2,
    encode_septets,
    pack,
    read_coding_scheme,
    unpack,
)
from modem_drivers.pdu.national import LOCKING
from modem_drivers.pdu.octets import is_hex

MAX_CHARS = 182
"""The longest USSD string: 160 octets of packed septets (3GPP TS 23.038 §6.1.2.3)."""
_SMS_UCS2 = 0x08  # what some sticks write for UCS-2, in the numbers of messages instead of broadcasts'
_UCS2_WITH_LANGUAGE = 0x11
_MIN_PACKED_DIGITS = 8
_PADDING = "\r"


def read_broadcast_alphabet(dcs: int) -> Alphabet:
    """Return the alphabet of a +CUSD coding scheme, which is the cell broadcast's (23.038 §5)."""
    if dcs == _UCS2_WITH_LANGUAGE:
        return Alphabet.UCS2
    group = dcs >> 4
    if group in {0x4, 0x5, 0x6, 0x7, 0x9}:
        return read_coding_scheme(dcs & 0x0F).alphabet
    if group == 0xF and dcs & 4:
        return Alphabet.DATA
    return Alphabet.GSM7


def decode_ussd(text: str, dcs: int | None, *, is_packed: bool = False, is_ucs2: bool = False) -> str:
    """Return what a USSD answer says; never fails, at worst it returns the text as it came.

    `is_packed`: this modem packs its septets into hexadecimal; `is_ucs2`: its character set is UCS2. Without such
    knowledge hexadecimal counts as text unless what it hides is clearly one.
    """
    alphabet = read_broadcast_alphabet(dcs) if dcs is not None else Alphabet.GSM7
    if not is_hex(text):
        return _plain(text)
    octets = bytes.fromhex(text)
    if is_ucs2 or alphabet is Alphabet.UCS2 or (dcs == _SMS_UCS2 and not len(octets) % 2):
        return decode_ucs2(octets[2:] if dcs == _UCS2_WITH_LANGUAGE else octets)
    if alphabet is Alphabet.DATA:
        return octets.decode("latin-1")
    if is_packed:
        return _unpacked(octets)
    if _looks_ucs2(octets):
        return decode_ucs2(octets)
    packed = _unpacked(octets)
    return packed if _looks_packed(text, packed) else text


def encode_packed(code: str) -> str:
    """Return a USSD code as modems want it that pack: hexadecimal, padded with CR (23.038 §6.1.2.3.1)."""
    septets = encode_septets(code) or b""
    if len(septets) % 8 == 7:  # seven spare bits would be read as one more character
        septets += _PADDING.encode("ascii")
    return pack(septets).hex().upper()


def _unpacked(octets: bytes) -> str:
    text = decode_septets(unpack(octets, len(octets) * 8 // 7))
    spare_septet = not len(octets) % 7
    return text.removesuffix(_PADDING).removesuffix("@") if spare_septet else text


def _plain(text: str) -> str:
    """Return text of the modem's character set: UTF-8 if it is, codes below the space from the GSM table."""
    with suppress(UnicodeError):
        text = text.encode("latin-1").decode("utf-8")
    return "".join(LOCKING[0][ord(char)] if char < " " and char not in "\r\n\x1b" else char for char in text)


def _looks_ucs2(octets: bytes) -> bool:
    """Latin letters in UCS-2 have a zero before each; nothing packed looks so."""
    return len(octets) >= 4 and not len(octets) % 2 and 2 * octets[::2].count(0) >= len(octets[::2])


def _looks_packed(text: str, unpacked: str) -> bool:
    is_mixed = not text.isdecimal() and not text.isalpha()
    return (
        len(text) >= _MIN_PACKED_DIGITS
        and is_mixed
        and all(char.isprintable() or char in "\r\n" for char in unpacked)
    )
