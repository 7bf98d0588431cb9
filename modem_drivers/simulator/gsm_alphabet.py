"""The GSM 7-bit default alphabet with its extension, and its packing (3GPP TS 23.038 §6)."""

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_ESCAPE = 0x1B
_EXTENDED = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}
_SEPTETS = {character: bytes([code]) for code, character in enumerate(_BASIC) if code != _ESCAPE} | {
    character: bytes([_ESCAPE, code]) for code, character in _EXTENDED.items()
}


def septets(text: str) -> bytes | None:
    """Return the codes of `text`, one a byte; None when a character is not in the alphabet."""
    codes = [_SEPTETS.get(character) for character in text]
    return None if None in codes else b"".join(code for code in codes if code is not None)


def characters(codes: bytes) -> str:
    """Return the text of unpacked codes; an escape to nothing known is a blank, as the standard wants."""
    text, escaped = "", False
    for code in codes:
        if escaped:
            text += _EXTENDED.get(code, _BASIC[code & 0x7F])
        elif code != _ESCAPE:
            text += _BASIC[code & 0x7F]
        escaped = code == _ESCAPE and not escaped
    return text + " " * escaped


def pack(codes: bytes, *, fill_bits: int = 0) -> bytes:
    """Return codes packed into octets, after `fill_bits` zero bits."""
    number = 0
    for place, code in enumerate(codes):
        number |= code << (7 * place + fill_bits)
    return number.to_bytes((7 * len(codes) + fill_bits + 7) // 8, "little")


def unpack(octets: bytes, n_septets: int, *, fill_bits: int = 0) -> bytes:
    """Return at most `n_septets` codes; octets that are missing shorten the text."""
    number = int.from_bytes(octets, "little") >> fill_bits
    n_whole = max(0, (8 * len(octets) - fill_bits) // 7)
    return bytes(number >> 7 * place & 0x7F for place in range(min(n_septets, n_whole)))
