"""Conditions on vars and slots: what a `choose` node asks of a value. Text in, truth out."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from firmware.dialogue.currencies import CURRENCIES
from firmware.dialogue.variables import Value
from firmware.values import Money

MAX_DAYS = 3660
_COMPARISON = re.compile(r"(<=|>=|<|>|=)\s*(.+)")
_DAY = re.compile(r"today(?:([+-])([0-9]{1,4}))?")


class Operator(StrEnum):
    """How a value is compared."""

    KNOWN = "known"
    UNKNOWN = "unknown"
    SAME = "="
    LESS = "<"
    LESS_OR_SAME = "<="
    MORE = ">"
    MORE_OR_SAME = ">="


ORDER = frozenset({Operator.LESS, Operator.LESS_OR_SAME, Operator.MORE, Operator.MORE_OR_SAME})


@dataclass(frozen=True, slots=True)
class DayOperand:
    """A day told from today, or a fixed one."""

    from_today: int | None
    fixed: date | None

    def on(self, today: date) -> date:
        """Return the day that is meant."""
        return self.fixed if self.fixed is not None else today + timedelta(days=self.from_today or 0)


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition, as written and as understood."""

    source: str
    operator: Operator
    text: str = ""
    """The operand as written, for comparing with text, names and digits."""
    number: Decimal | None = None
    """The operand as a number: of whole currency units for money."""
    day: DayOperand | None = None

    @property
    def implies_known(self) -> bool:
        """Return whether a value must be there for it to hold."""
        return self.operator is not Operator.UNKNOWN

    def holds(self, value: Value | None, today: date) -> bool:
        """Return whether it holds of a value; of one that is not there nothing holds but `unknown`."""
        if self.operator is Operator.UNKNOWN or value is None:
            return self.operator is Operator.UNKNOWN and value is None
        if self.operator is Operator.KNOWN:
            return True
        if isinstance(value, str):
            return self.operator is Operator.SAME and value == self.text
        if isinstance(value, Money):
            exponent = CURRENCIES[value.currency].exponent
            return self._holds_of(Decimal(value.minor).scaleb(-exponent), self.number)
        if isinstance(value, int):
            return self._holds_of(Decimal(value), self.number)
        if isinstance(value, date):
            wanted = self.day.on(today) if self.day is not None else None
            return self._holds_of(
                Decimal(value.toordinal()), None if wanted is None else Decimal(wanted.toordinal())
            )
        return False

    def _holds_of(self, value: Decimal, operand: Decimal | None) -> bool:
        if operand is None:
            return False
        match self.operator:
            case Operator.SAME:
                return value == operand
            case Operator.LESS:
                return value < operand
            case Operator.LESS_OR_SAME:
                return value <= operand
            case Operator.MORE:
                return value > operand
            case _:
                return value >= operand


def parse_condition(source: str) -> Condition:
    """Return the condition: ``known``, ``unknown``, ``>= 500``, ``< today+3``, or a value to be the same as."""
    if source in (Operator.KNOWN, Operator.UNKNOWN):
        return Condition(source, Operator(source))
    match = _COMPARISON.fullmatch(source)
    operator, text = (Operator(match[1]), match[2].strip()) if match else (Operator.SAME, source)
    return Condition(source, operator, text, _number(text), _day(text))


def _number(text: str) -> Decimal | None:
    return Decimal(text) if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,3})?", text) else None


def _day(text: str) -> DayOperand | None:
    if match := _DAY.fullmatch(text):
        days = int(match[2] or 0)
        return DayOperand(-days if match[1] == "-" else days, None) if days <= MAX_DAYS else None
    try:
        return DayOperand(None, date.fromisoformat(text)) if len(text) == 10 else None
    except ValueError:
        return None
