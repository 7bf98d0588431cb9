"""The types of what a contact brings and of what a callee keys in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

from firmware.values import Money

Value = str | Money | date

COMING = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
COMING_DAYS: Mapping[str, int] = {f"coming_{name}": weekday for weekday, name in enumerate(COMING)}
"""Dates that every prompt may speak without declaring them: the first such weekday after today."""
PROMISE_DATE, PROMISE_AMOUNT = "promise_date", "promise_amount"
"""Slots that a promise fills; what they hold presumes a debt, so they are as protected as one."""


class VarKind(StrEnum):
    """How a value is read, checked and spoken."""

    NAME = "name"
    TEXT = "text"
    MONEY = "money"
    DATE = "date"
    DIGITS = "digits"


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Where something stands in the flow document, both from 1; 0 when there is no document."""

    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class VarType:
    """One variable that every contact of the campaign must bring."""

    kind: VarKind
    debt: bool = False
    """What third parties must never hear."""
    secret: bool = False
    """Compared with what is keyed, never spoken."""
    length: int | None = None
    """Digits only: exactly so many."""
    at: Position = field(default=Position(), compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactVars:
    """A contact's values, checked against a flow: typed, and every spoken one can be spoken."""

    language: str
    """One of the flow's languages."""
    values: Mapping[str, Value] = field(repr=False)
    """Personal, and in part secret: never shown."""


def coming_day(today: date, weekday: int) -> date:
    """Return the first such weekday after today (0 is Monday)."""
    return today + timedelta(days=(weekday - today.weekday() - 1) % 7 + 1)
