"""A text with its values, as it is read on a telephone, and how many messages carry it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time

from firmware.dialogue.currencies import CURRENCIES
from firmware.dialogue.template import Spoken, Template, Words
from firmware.dialogue.variables import Moment, Value
from firmware.values import Money
from modem_drivers.pdu.alphabet import Alphabet
from modem_drivers.pdu.user_data import split_text

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_YUAN = "CNY"


class TextIncompleteError(ValueError):
    """A value that the text needs is not known; the text of the error names it, never another's value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """What a text costs: networks charge each part."""

    n_parts: int
    alphabet: str
    """``gsm7`` (160 characters, 153 a part) or ``ucs2`` (70, 67 a part)."""


def length_of(text: str) -> Length:
    """Return what a modem will make of a text."""
    parts = split_text(text, reference=0)
    wide = any(part.alphabet is Alphabet.UCS2 for part in parts)
    return Length(n_parts=len(parts), alphabet=Alphabet.UCS2.value if wide else Alphabet.GSM7.value)


def render(template: Template, values: Mapping[str, Value], language: str) -> str:
    """Return the text. Raises TextIncompleteError naming what is missing."""
    written = []
    for part in template.parts:
        match part:
            case Words():
                written.append(part.text)
            case Spoken(name) if name in values:
                written.append(as_written(values[name], language))
            case Spoken(name):
                raise TextIncompleteError(name)
    return "".join(written)


def as_written(value: Value, language: str) -> str:
    """Return a value as people write it: characters of the 7-bit alphabet wherever the language allows."""
    is_chinese = language.startswith("zh")
    match value:
        case Money():
            amount = _amount(value)
            if is_chinese and value.currency == _YUAN:
                return f"{amount}元"
            return f"{amount} {value.currency}"
        case Moment():
            return f"{as_written(value.day, language)}{'' if is_chinese else ' '}{value.at:%H:%M}"
        case date():
            if is_chinese:
                return f"{value.year}年{value.month}月{value.day}日"
            return f"{value.day} {MONTHS[value.month - 1]} {value.year}"
        case _:
            return str(value)


def slots_to_text(slots: Mapping[str, Value]) -> str:
    """Return values as JSON that `slots_from_text` reads the same from."""
    return json.dumps({name: _to_json(slots[name]) for name in sorted(slots)}, ensure_ascii=False)


def slots_from_text(text: str) -> dict[str, Value]:
    """Return what `slots_to_text` was given."""
    return {name: _from_json(kind, value) for name, (kind, value) in json.loads(text).items()}


def _amount(money: Money) -> str:
    digits = CURRENCIES[money.currency].exponent if money.currency in CURRENCIES else 2
    if not digits:
        return f"{money.minor:,}"
    whole, rest = divmod(money.minor, 10**digits)
    return f"{whole:,}.{rest:0{digits}}"


def _to_json(value: Value) -> tuple[str, object]:
    match value:
        case Money():
            return "money", [value.minor, value.currency]
        case Moment():
            return "moment", [value.day.isoformat(), value.at.isoformat()]
        case date():
            return "date", value.isoformat()
        case int():
            return "number", value
        case str():
            return "text", value


def _from_json(kind: str, value: object) -> Value:
    match kind, value:
        case "money", [int(minor), str(currency)]:
            return Money(minor, currency)
        case "moment", [str(day), str(at)]:
            return Moment(date.fromisoformat(day), time.fromisoformat(at))
        case "date", str(day):
            return date.fromisoformat(day)
        case "number", int(number):
            return number
        case "text", str(text):
            return text
        case _:
            raise ValueError(f"no value is kept as {kind}")
