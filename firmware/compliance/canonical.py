"""One JSON text for equal values, however their sets were built: what digests and the audit chain hash."""

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from msgspec import Struct


def canonical_json(value: Any) -> str:
    """Return `value` as JSON in ASCII, keys and sets sorted, no spaces. Raises TypeError for other types."""
    return _text(_plain(value))


def _plain(value: Any) -> Any:
    match value:
        case None | bool() | int() | str():
            return value
        case datetime():
            return value.isoformat(timespec="microseconds")
        case date():
            return value.isoformat()
        case Struct():
            later: frozenset[str] = getattr(type(value), "ADDED_LATER", frozenset())
            return {
                name: _plain(item)
                for name in value.__struct_fields__
                # Else an approval of a pack that says nothing new would no longer be one of that pack.
                if (item := getattr(value, name)) or name not in later
            }
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case frozenset() | set():
            return sorted((_plain(item) for item in value), key=_text)
        case list() | tuple():
            return [_plain(item) for item in value]
        case _:
            # Floats too: their text is not the same everywhere.
            raise TypeError(f"{type(value).__name__} has no canonical form")


def _text(plain: Any) -> str:
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
