"""Telephone numbers, IMEIs and SIM numbers as they may stand in a log."""

import re

_LONG_NUMBER = re.compile(r"\+?[0-9]{7,}")


def mask_numbers(text: str) -> str:
    """Return `text` with every run of seven or more digits cut to its first and last few."""
    return _LONG_NUMBER.sub(_mask, text)


def _mask(match: re.Match[str]) -> str:
    number = match.group()
    return f"{number[:3]}…{number[-2:]}" if len(number) >= 8 else "…"
