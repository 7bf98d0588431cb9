"""Legal holds asked for at the box itself: a file each, which the daemon takes; until then the file itself holds.

The command cannot write the database of a running daemon, and must not date entries of the audit log by a clock that
nobody vouches for: so it asks, and the daemon answers before it deletes anything.
"""

import os
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec

Words = Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=r"\S")]
MOST_TAKEN = 100
_FOLDER = "hold-requests"


class HoldRequest(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Set a hold, or release one."""

    action: Literal["hold", "release"]
    hold: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    by: Words
    reason: Words
    at: datetime
    """By the clock of whoever typed it; only shown."""
    scope: Literal["person", "campaign", "recording"] | None = None
    subject: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None


class HoldRequestError(ValueError):
    """The request cannot be handed over; the text says what to do."""


def folder_of(data_dir: Path) -> Path:
    """Return where requests lie."""
    return data_dir / _FOLDER


def hand_over(data_dir: Path, request: HoldRequest, name: str) -> Path:
    """Put a request where the daemon finds it, on the disk when this returns. Raises HoldRequestError."""
    folder = folder_of(data_dir)
    try:
        if not data_dir.is_dir():
            raise HoldRequestError(f"{data_dir} is not there: has the box ever run?")
        folder.mkdir(mode=0o700, exist_ok=True)
        unnamed = folder / f".{name}"
        with open(os.open(unnamed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(msgspec.json.encode(request))
            file.flush()
            os.fsync(file.fileno())
        named = folder / f"{name}.json"
        unnamed.rename(named)
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise HoldRequestError(
            f"{folder}: {error.strerror}: run this as the box's user, or as root"
        ) from None
    return named


def waiting(data_dir: Path) -> list[Path]:
    """Return the requests that nobody has taken, in the order of their names. Raises HoldRequestError."""
    try:
        return sorted(folder_of(data_dir).glob("*.json"))
    except OSError as error:
        raise HoldRequestError(f"{folder_of(data_dir)}: {error.strerror}") from None


def read_request(path: Path) -> HoldRequest:
    """Return a request. Raises HoldRequestError where it cannot be read: then nothing is deleted."""
    try:
        request = msgspec.json.decode(path.read_bytes(), type=HoldRequest)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise HoldRequestError(f"{path} is no request for a legal hold ({error}): remove it") from None
    if request.action == "hold" and not (request.scope and request.subject):
        raise HoldRequestError(f"{path} does not say what to hold: remove it")
    return request
