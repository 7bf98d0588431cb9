"""Characters and septets of 3GPP TS 23.038: the GSM 7-bit alphabets, UCS-2, and the coding scheme that tells which."""

from dataclasses import dataclass
from enum import StrEnum

from modem_drivers.errors import LocalProtocolError
from modem_drivers.pdu.national import ESCAPE, LOCKING, SINGLE_RUNS

_SINGLE = {
    language: {start + offset: char for start, chars in runs.items() for offset, char in enumerate(chars)}
    for language, runs in SINGLE_RUNS.items()
}
# A blank position decodes to a space but must never be what a space is encoded as: 0x20 is.
_LOCKING_CODES = {
    language: {
        char: code
        for code, char in reversed(list(enumerate(table)))
        if code != ESCAPE and (char != " " or code == ord(" "))
    }
    for language, table in LOCKING.items()
}
_SINGLE_CODES = {
    language: {char: code for code, char in reversed(table.items())} for language, table in _SINGLE.items()
}


class Alphabet(StrEnum):
    """How user data is coded."""

    GSM7 = "gsm7"
    DATA = "data"
    """8-bit data: no text unless both ends agree on one."""
    UCS2 = "ucs2"


@dataclass(frozen=True, slots=True)
class CodingScheme:
    """What a TP-DCS octet says (23.038 §4)."""

    alphabet: Alphabet
    message_class: int | None = None
    """0 is shown at once and not stored, 1 the telephone's, 2 the SIM's, 3 the terminal's."""


def read_coding_scheme(dcs: int) -> CodingScheme:
    """Return what the octet says; a reserved or compressed coding is read as data."""
    group = dcs >> 4
    if group < 0x8:  # general data coding, with or without automatic deletion
        message_class = dcs & 3 if dcs & 0x10 else None
        is_compressed = bool(dcs & 0x20)
        return CodingScheme(Alphabet.DATA if is_compressed else _by_bits(dcs >> 2 & 3), message_class)
    if group in {0xC, 0xD}:  # message waiting
        return CodingScheme(Alphabet.GSM7)
    if group == 0xE:
        return CodingScheme(Alphabet.UCS2)
    if group == 0xF:
        return CodingScheme(Alphabet.DATA if dcs & 4 else Alphabet.GSM7, dcs & 3)
    return CodingScheme(Alphabet.GSM7)  # reserved: §4 says to assume the default alphabet


def encode_septets(text: str, *, locking: int = 0, single: int = 0) -> bytes | None:
    """Return one octet per septet, None when the tables lack a character."""
    plain, shifted = _LOCKING_CODES[locking], _SINGLE_CODES[single]
    septets = bytearray()
    for char in text:
        if (code := plain.get(char)) is not None:
            septets.append(code)
        elif (code := shifted.get(char)) is not None:
            septets += bytes((ESCAPE, code))
        else:
            return None
    return bytes(septets)


def decode_septets(septets: bytes, *, locking: int = 0, single: int = 0) -> str:
    """Return the text; of unknown languages and shifted codes, as the default table shows them (§6.2.1.1)."""
    plain, shifted = LOCKING.get(locking, LOCKING[0]), _SINGLE.get(single, _SINGLE[0])
    if ESCAPE not in septets:
        return "".join([plain[septet & 0x7F] for septet in septets])
    text: list[str] = []
    escaped = False
    for septet in septets:
        code = septet & 0x7F
        if escaped:
            text.append(shifted.get(code) or (" " if code == ESCAPE else plain[code]))
            escaped = False
        elif code == ESCAPE:
            escaped = True
        else:
            text.append(plain[code])
    return "".join(text)


def pack(septets: bytes, *, fill_bits: int = 0) -> bytes:
    """Return septets packed into octets, lowest bits first, after `fill_bits` zero bits (§6.1.2.1)."""
    value = 0
    for septet in reversed(septets):
        value = value << 7 | septet & 0x7F
    n_bits = 7 * len(septets) + fill_bits
    return (value << fill_bits).to_bytes((n_bits + 7) // 8, "little")


def unpack(data: bytes, n_septets: int, *, fill_bits: int = 0) -> bytes:
    """Return `n_septets` of the packed octets, fewer where the octets end before."""
    n_septets = max(0, min(n_septets, (8 * len(data) - fill_bits) // 7))
    value = int.from_bytes(data, "little") >> fill_bits
    return bytes((value >> 7 * n) & 0x7F for n in range(n_septets))


def encode_ucs2(text: str) -> bytes:
    """Return UTF-16, big-endian, as every telephone reads UCS-2. Raises LocalProtocolError on a lone surrogate."""
    try:
        return text.encode("utf-16-be")
    except UnicodeEncodeError:
        raise LocalProtocolError("the text holds half a character (a lone surrogate)") from None


def decode_ucs2(data: bytes, *, keep_halves: bool = False) -> str:
    """Return the text of UTF-16 octets; half a character becomes U+FFFD, half a code unit is left out.

    With `keep_halves` half a character stays a lone surrogate, for `mend_halves` to join with the other.
    """
    errors = "surrogatepass" if keep_halves else "replace"
    return data[: len(data) & ~1].decode("utf-16-be", errors=errors)


def mend_halves(text: str) -> str:
    """Return the text with halves that met joined to characters, and lone ones as U+FFFD."""
    return text.encode("utf-16-be", errors="surrogatepass").decode("utf-16-be", errors="replace")


def _by_bits(bits: int) -> Alphabet:
    return (Alphabet.GSM7, Alphabet.DATA, Alphabet.UCS2, Alphabet.DATA)[bits]
