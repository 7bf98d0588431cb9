"""The types of what a contact brings and of what a callee keys in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from enum import StrEnum

from firmware.values import Money


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """A day and a time of day where the callee is."""

    day: date
    at: time


Value = str | int | Money | date | Moment

COMING = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
COMING_DAYS: Mapping[str, int] = {f"coming_{name}": weekday for weekday, name in enumerate(COMING)}
"""Dates that every prompt may speak without declaring them: the first such weekday after today."""
IN_LANGUAGE = "@"
"""Between a name or text and a language, where a contact brings it as said in that language: `creditor@en`."""
PROMISE_DATE, PROMISE_AMOUNT = "promise_date", "promise_amount"
PLAN_COUNT, PLAN_AMOUNT, PLAN_FIRST, PLAN_LAST = "plan_count", "plan_amount", "plan_first", "plan_last"
DEBT_SLOTS = frozenset({PROMISE_DATE, PROMISE_AMOUNT, PLAN_COUNT, PLAN_AMOUNT, PLAN_FIRST, PLAN_LAST})
"""Slots that a promise or a plan fills; what they hold presumes a debt, so they are as protected as one."""
CALLBACK_MAX_DAYS = 7
CALLBACK_EARLIEST, CALLBACK_LATEST = time(9), time(20)
"""When a callback may be agreed; what the rules say on that day is the gate's question."""


class VarKind(StrEnum):
    """How a value is read, checked and spoken."""

    NAME = "name"
    TEXT = "text"
    MONEY = "money"
    DATE = "date"
    DIGITS = "digits"
    NUMBER = "number"
    """A whole number, as of instalments or days."""


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
    optional: bool = False
    """A contact may lack it; then no prompt may speak it before a `choose` found it known."""
    at: Position = field(default=Position(), compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactVars:
    """A contact's values, checked against a flow: typed, and every spoken one can be spoken."""

    language: str
    """One of the flow's languages."""
    values: Mapping[str, Value] = field(repr=False)
    """Personal, and in part secret: never shown."""
    also: tuple[str, ...] = ()
    """Other languages of the flow in which everything it says to this contact can be said."""
    instead: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    """In such a language: what is said in place of a name or text that is written for another one."""

    def said_in(self, language: str, name: str) -> Value:
        """Return a value as it is to be said in one of this contact's languages."""
        return self.instead.get(language, {}).get(name) or self.values[name]


def coming_day(today: date, weekday: int) -> date:
    """Return the first such weekday after today (0 is Monday)."""
    return today + timedelta(days=(weekday - today.weekday() - 1) % 7 + 1)


def as_text(value: Value) -> str:
    """Return a value as it is kept with an outcome, for programs."""
    match value:
        case Money():
            return f"{value.minor} {value.currency}"
        case Moment():
            return f"{value.day.isoformat()}T{value.at.isoformat('minutes')}"
        case date():
            return value.isoformat()
        case _:
            return str(value)
