"""Cells that a spreadsheet shows and does not compute: what others typed must not become a formula."""

import re

_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?[0-9][0-9.,]*")


def plain_cell(value: object) -> str:
    """Return a value as a cell of a CSV file; one that would be computed gets the mark for text before it."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_STARTS_FORMULA) and not _NUMBER.fullmatch(text) else text
