"""Telephone numbers, IMEIs and SIM numbers as they may stand in a log."""

import re

_HEX = frozenset("0123456789ABCDEFabcdef")
_MIN_PDU_DIGITS = 24
_PIN = re.compile(r"(\+CPIN=).*", re.IGNORECASE)
_LONG_NUMBER = re.compile(r"\+?[0-9]{7,}")


def mask_line(line: str) -> str:
    """Return a modem's line as it may stand in a log: numbers masked, of a message's PDU only its size."""
    if len(line) >= _MIN_PDU_DIGITS and not len(line) % 2 and set(line) <= _HEX:
        return f"({len(line) // 2} octets)"
    return mask_numbers(line)


def mask_numbers(text: str) -> str:
    """Return `text` with every run of seven or more digits cut to its first and last few, and no PIN."""
    return _LONG_NUMBER.sub(_mask, _PIN.sub(r"\1…", text))


def _mask(match: re.Match[str]) -> str:
    number = match.group()
    return f"{number[:3]}…{number[-2:]}" if len(number) >= 8 else "…"
