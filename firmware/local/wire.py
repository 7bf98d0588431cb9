"""What goes through the box's Unix socket: one JSON object a line, a request and its reply."""

from typing import Any

import msgspec

MAX_REQUEST_BYTES = 4096
MAX_REPLY_BYTES = 1024 * 1024


class Request(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What somebody wants done."""

    do: str
    arguments: msgspec.Raw = msgspec.Raw(b"{}")


class Reply(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What came of it."""

    ok: bool
    result: Any = None
    reason: str = ""
    """A name for programs, when it was not done."""
    detail: str = ""
    """What to do next."""
