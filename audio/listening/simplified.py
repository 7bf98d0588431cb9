"""Whisper mixes traditional characters into Mandarin; everything behind it reads simplified ones."""

from functools import cache
from typing import Any


def to_simplified(text: str) -> str:
    """Return `text` in simplified characters; text without Chinese characters as it is."""
    if text.isascii():
        return text
    return str(_converter().convert(text))


@cache
def _converter() -> Any:
    from opencc import OpenCC

    return OpenCC("t2s")
