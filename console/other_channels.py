"""What people at the office know of contacts by other channels, as a list: cells to facts, each once however often imported."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import get_args

import msgspec
from sqlalchemy import Connection, select

from console.contact_fields import FieldError, clean, parse_id, parse_number, parse_word
from console.csv_table import read_table
from console.errors import ConsoleError, ContactsFileError
from console.ledger_tables import CONTACT
from firmware.sync.messages_policy import Channel, ContactElsewhere

CHANNELS: tuple[str, ...] = get_args(Channel)
NEEDED = ("person", "channel", "at")
COLUMNS = (*NEEDED, "contact", "number", "debt", "connected", "conversation", "disposition")
_YES = {"yes", "true", "1", "x", "是"}
_NO = {"", "no", "false", "0", "否"}

NumberOf = Callable[[str], str | None]
"""The number that the office has for a person."""


def number_in(connection: Connection) -> NumberOf:
    """Return what looks up the number of a person on the newest list that was sent."""

    def number_of(person: str) -> str | None:
        asked = select(CONTACT.c.number).where(CONTACT.c.person == person)
        found = sorted(set(connection.execute(asked).scalars()))
        return found[0] if len(found) == 1 else None

    return number_of


def fact_from(values: Mapping[str, str], *, number_of: NumberOf, now: datetime) -> ContactElsewhere:
    """Return one contact from cells. Raises FieldError.

    Without an id of its own it is known by all that it says: the same twice is one contact.
    """
    cells = {name: clean(values.get(name, "")) for name in COLUMNS}
    for name in NEEDED:
        if not cells[name]:
            raise FieldError(f"no_{name}", f"fill in the {name}")
    channel = cells["channel"].lower()
    if channel not in CHANNELS:
        raise FieldError("unknown_channel", f"write one of {', '.join(CHANNELS)}")
    person = parse_id(cells["person"])
    number = parse_number(cells["number"], None) if cells["number"] else number_of(person)
    if number is None:
        raise FieldError(
            "no_number", "no list, or several numbers, are known of this person: fill in the number"
        )
    connected, conversation = _is_yes(cells["connected"]), _is_yes(cells["conversation"])
    said = "\0".join(cells[name] for name in COLUMNS if name != "contact")
    return ContactElsewhere(
        contact=parse_id(cells["contact"]) or f"told-{hashlib.sha256(said.encode()).hexdigest()[:24]}",
        person=person,
        number=number,
        debt=parse_id(cells["debt"]) or None,
        channel=msgspec.convert(channel, Channel),
        at=_instant(cells["at"], now),
        connected=connected or conversation,
        conversation=conversation,
        disposition=parse_word(cells["disposition"]) if cells["disposition"] else None,
    )


def read_contacts(
    path: Path, *, number_of: NumberOf, now: datetime
) -> tuple[list[ContactElsewhere], list[tuple[int, str]]]:
    """Return the contacts of a CSV or XLSX list, and (row, reason) of what cannot be read. Raises ContactsFileError."""
    table = read_table(path)
    header = [clean(name).lower() for name in table[0][1]]
    if missing := [name for name in NEEDED if name not in header]:
        raise ContactsFileError(f"{path}: no column {', '.join(missing)}; add it")
    if unknown := sorted({name for name in header if name} - set(COLUMNS)):
        raise ContactsFileError(
            f"{path}: column {', '.join(unknown)} is none of {', '.join(COLUMNS)}; take it out"
        )
    found, problems = [], []
    for row, cells in table[1:]:
        if not any(cell.strip() for cell in cells):
            continue
        try:
            found.append(fact_from(dict(zip(header, cells, strict=False)), number_of=number_of, now=now))
        except FieldError as error:
            problems.append((row, str(error)))
    return found, problems


def one_contact(values: Mapping[str, str | None], *, number_of: NumberOf, now: datetime) -> ContactElsewhere:
    """Return one contact as it was typed. Raises ConsoleError."""
    try:
        return fact_from({name: text or "" for name, text in values.items()}, number_of=number_of, now=now)
    except FieldError as error:
        raise ConsoleError(f"{error.detail} ({error.reason})") from None


def _instant(cell: str, now: datetime) -> datetime:
    try:
        at = datetime.fromisoformat(cell)
    except ValueError:
        raise FieldError("invalid_time", "write the instant as 2026-11-23T10:00+08:00") from None
    if at.tzinfo is None:
        at = at.astimezone()
    if at > now:
        raise FieldError("time_to_come", "only what has happened counts: mend the time or its offset")
    return at


def _is_yes(cell: str) -> bool:
    word = cell.lower()
    if word not in _YES | _NO:
        raise FieldError("not_yes_or_no", "write yes or no")
    return word in _YES
