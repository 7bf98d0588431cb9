"""Figures inside English wording as a voice says them: 8:30 pm, 12.5%, 1st, $1,234.50, 2026-03-05, ending 0917."""

import re
from collections.abc import Callable

from firmware.dialogue.currencies import CURRENCIES
from firmware.dialogue.speaking_en import (
    MONTHS,
    cardinal,
    decimal,
    digits,
    money,
    number_string,
    ordinal,
    time_of_day,
    year_words,
)

_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)"
_FIGURE = rf"(?<![\d.])({_NUMBER})(?:\.(\d+))?"
_SIGNS = {"¥": "CNY", "$": "USD", "€": "EUR", "£": "GBP", "₹": "INR"}
_CODES = "|".join(CURRENCIES)
_MONTH = "|".join((*MONTHS, *(month[:3] for month in MONTHS), "Sept"))
MIN_TELEPHONE_DIGITS = 7
_BY_DIGIT = r"ending(?: in)?|last four(?: digits)?|code|number|extension|reference|account|PIN"


def in_words(text: str) -> str:
    """Return the text with every figure and sign in it spelt as it is said."""
    for pattern, said in _RULES:
        text = pattern.sub(said, text)
    return text


def _value(match: re.Match[str]) -> str:
    return decimal(match[1].replace(",", ""), match[2] or "")


def _amount(code: str, whole: str, fraction: str | None) -> str:
    currency = CURRENCIES[code]
    minor = (fraction or "").ljust(currency.exponent, "0")
    if len(minor) > currency.exponent or len(whole) > 12:
        return f"{decimal(whole, fraction or '')} {currency.en_plural}"
    return money(int(whole) * 10**currency.exponent + int(minor or "0"), currency)


def _clock(match: re.Match[str]) -> str:
    hour, minute, half = int(match[1]), int(match[2]), (match[3] or "").replace(".", "").lower()
    if hour > 24 or minute > 59:
        return match[0]
    return time_of_day(hour, minute, half=half)


def _hour(match: re.Match[str]) -> str:
    hour = int(match[1])
    return time_of_day(hour, 0, half=match[2].replace(".", "").lower()) if hour <= 12 else match[0]


def _date(match: re.Match[str]) -> str:
    year, month, day = int(match[1]), int(match[2]), int(match[3])
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return match[0]
    return f"the {ordinal(day)} of {MONTHS[month - 1]} {year_words(year)}"


def _named_day(day: str, month: str, year: str | None) -> str:
    full = next(name for name in MONTHS if name.startswith(month[:3]))
    tail = f" {year_words(int(year))}" if year else ""
    return f"the {ordinal(int(day))} of {full}{tail}"


def _plain(match: re.Match[str]) -> str:
    run = match[0].replace(",", "")
    if "," not in match[0] and (len(run) >= 5 or (len(run) > 1 and run.startswith("0"))):
        return number_string(run)
    return cardinal(int(run)) if len(run) <= 12 else digits(run)


def _telephone(match: re.Match[str]) -> str:
    """Spell a number in groups; two short groups are a range, "10-15 days", and left to what comes later."""
    groups = re.findall(r"\d+", match[0])
    if sum(map(len, groups)) < MIN_TELEPHONE_DIGITS and len(groups) < 3:
        return match[0]
    return ("plus " if match[0].startswith("+") else "") + ", ".join(map(digits, groups))


_Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]
_RULES: tuple[_Rule, ...] = (
    (re.compile(r"(?<!\d)(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?!\d)"), _date),
    (
        re.compile(rf"(?:\bthe )?\b(\d{{1,2}})(?:st|nd|rd|th)?(?: of)? ({_MONTH})\b\.?(?:,? (\d{{4}})\b)?"),
        lambda match: _named_day(match[1], match[2], match[3]),
    ),
    (
        re.compile(rf"\b({_MONTH})\.? (\d{{1,2}})(?:st|nd|rd|th)?\b(?!:)(?:,? (\d{{4}})\b)?"),
        lambda match: _named_day(match[2], match[1], match[3]),
    ),
    (re.compile(r"(?<=[\dm.])\s*[-–—]\s*(?=\d{1,2}:\d)"), lambda _match: " to "),
    (re.compile(r"(?<![\d:])(\d{1,2}):(\d{2})(?![\d:])(?:\s*([AaPp]\.?[Mm]\b\.?))?"), _clock),
    (re.compile(r"(?<![\d:.])(\d{1,2})\s*([AaPp]\.?[Mm]\b\.?)"), _hour),
    (re.compile(r"(?<=\d)\s?[-–—]\s?(?=[¥$€£₹]\d)"), lambda _match: " to "),
    (re.compile(r"(?<![\w)])[-−](?=[¥$€£₹]?\d)"), lambda _match: "minus "),
    (re.compile(rf"{_FIGURE}\s?%"), lambda match: _value(match) + " percent"),
    (
        re.compile(rf"([¥$€£₹])\s?{_FIGURE}"),
        lambda match: _amount(_SIGNS[match[1]], match[2].replace(",", ""), match[3]),
    ),
    (
        re.compile(rf"\b({_CODES}) {_FIGURE}"),
        lambda match: _amount(match[1], match[2].replace(",", ""), match[3]),
    ),
    (
        re.compile(rf"{_FIGURE} ({_CODES})\b"),
        lambda match: _amount(match[3], match[1].replace(",", ""), match[2]),
    ),
    (re.compile(r"\b(\d{1,2})(?:st|nd|rd|th)\b"), lambda match: ordinal(int(match[1]))),
    (
        re.compile(rf"\b({_BY_DIGIT})((?: is| number)?:? )(\d+)\b", re.IGNORECASE),
        lambda match: match[1] + match[2] + number_string(match[3]),
    ),
    (
        re.compile(r"(?<![\w.,-])\+?(?:\d{1,3}[- ])?\(?\d{1,5}\)?(?:[- ]\d{2,5}){1,4}(?![\w-]|[.,]\d)"),
        _telephone,
    ),
    (re.compile(r"\b(in|since|of|until|year) (19\d\d|20\d\d)\b"), lambda match: f"{match[1]} {year_words(int(match[2]))}"),
    (re.compile(r"(?<=\d)\s*[-–—]\s*(?=\d)"), lambda _match: " to "),
    (re.compile(r"(?<![\d.])(\d{1,12})\.(\d{1,6})(?![\d.])"), _value),
    (re.compile(_NUMBER), _plain),
    (re.compile(r"\*(?: key)?"), lambda _match: "star"),
    (re.compile(r"#(?: key)?"), lambda _match: "hash"),
    (re.compile(r"\s*&\s*"), lambda _match: " and "),
)  # fmt: skip
