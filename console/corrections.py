"""What a person who listened says a call should have been told as: kept beside the record, which is never changed."""

import re
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from console.errors import ConsoleError
from console.web_tables import WEB_CORRECTION
from firmware.values import Disposition

MAX_VALUE = 500
ANSWER_CLASSES = ("human", "machine", "fax", "network_announcement", "screening_assistant", "silence")


class Field(StrEnum):
    """What of a call can be corrected."""

    ANSWER = "answer"
    INTENT = "intent"
    SLOT = "slot"
    DISPOSITION = "disposition"


def add_correction(
    rows: Connection,
    outcome: Row[Any],
    *,
    identity: str,
    name: str,
    at_ms: int,
    field: Field,
    value: str,
    was: str,
    place_ms: int | None,
) -> None:
    """Keep what it should have been and what it was taken for. Raises ConsoleError."""
    check_correction(field, value, was)
    row = {"id": identity, "box": outcome.box, "attempt": outcome.attempt, "at": at_ms, "name": name}
    what = {"field": field.value, "value": value, "was": was, "place_ms": place_ms}
    rows.execute(insert(WEB_CORRECTION).values(row | what))


def check_correction(field: Field, value: str, was: str) -> None:
    """Raise ConsoleError for a correction that no evaluation could use."""
    if not value or max(len(value), len(was)) > MAX_VALUE:
        raise ConsoleError(f"a correction has 1 to {MAX_VALUE} characters; write what it should have been")
    match field:
        case Field.DISPOSITION if value not in set(Disposition):
            raise ConsoleError("there is no such outcome; choose one of the list")
        case Field.ANSWER if value not in ANSWER_CLASSES:
            raise ConsoleError(f"who answered is one of {', '.join(ANSWER_CLASSES)}")
        case Field.INTENT if not re.fullmatch(r"[a-z][a-z0-9_]*", value):
            raise ConsoleError("an intent is a name such as promise_full: lower-case letters and _")
        case Field.SLOT if not re.fullmatch(r"[a-z][a-z0-9_]*=.+", value):
            raise ConsoleError("a slot is written as its name, = and its value, such as day=2026-11-27")
        case _:
            return


def corrections_of(rows: Connection, box: str, attempt: str) -> list[Row[Any]]:
    """Return the corrections of one call, the oldest first."""
    here = (WEB_CORRECTION.c.box == box) & (WEB_CORRECTION.c.attempt == attempt)
    return list(
        rows.execute(select(WEB_CORRECTION).where(here).order_by(WEB_CORRECTION.c.at, WEB_CORRECTION.c.id))
    )
