"""Numbers, money and dates in spoken English."""

from datetime import date, time

from firmware.dialogue.currencies import Currency
from firmware.dialogue.digit_names import EN

_ONES = (
    *EN, "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_GROUPS = ("", "thousand", "million", "billion")
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth", "twenty": "twentieth", "thirty": "thirtieth",
}  # fmt: skip
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip


def cardinal(number: int) -> str:
    """Return a number from 0 to 10^12 - 1: 1234 is one thousand two hundred and thirty-four."""
    if number == 0:
        return _ONES[0]
    words: list[str] = []
    for index in range(len(_GROUPS) - 1, -1, -1):
        group = number // 1000**index % 1000
        if group:
            if words and index == 0 and group < 100:
                words.append("and")
            words += [_below_thousand(group), _GROUPS[index]]
    return " ".join(word for word in words if word)


def count(number: int) -> str:
    """Return how many of something there are."""
    return cardinal(number)


def ordinal(number: int) -> str:
    """Return 1 to 99 as an order: 21 is twenty-first."""
    head, _, last = cardinal(number).rpartition("-")
    last = _ORDINALS.get(last, last + "th")
    return f"{head}-{last}" if head else last


def money(minor: int, currency: Currency) -> str:
    """Return an amount: 123450 cents are one thousand two hundred and thirty-four dollars and fifty cents."""
    major, rest = divmod(minor, 10**currency.exponent)
    texts = []
    if major or not rest:
        texts.append(f"{cardinal(major)} {currency.en if major == 1 else currency.en_plural}")
    if rest:
        texts.append(f"{cardinal(rest)} {currency.en_minor if rest == 1 else currency.en_minor_plural}")
    return " and ".join(texts)


def day(value: date, *, with_year: bool = False, with_weekday: bool = False) -> str:
    """Return a date: the tenth of December."""
    weekday = f"{WEEKDAYS[value.weekday()]}, " if with_weekday else ""
    year = f" {year_words(value.year)}" if with_year else ""
    return f"{weekday}the {ordinal(value.day)} of {MONTHS[value.month - 1]}{year}"


def clock(value: time) -> str:
    """Return a time on the hour or half past: half past two in the afternoon."""
    part = (
        "in the morning" if value.hour < 12 else "in the afternoon" if value.hour < 18 else "in the evening"
    )
    if value.hour == 12:
        return "half past twelve" if value.minute >= 30 else "twelve noon"
    hour = cardinal((value.hour - 1) % 12 + 1)
    return f"{'half past ' if value.minute >= 30 else ''}{hour} {part}"


def digits(text: str) -> str:
    """Return digits one by one: 12 is one two."""
    return " ".join(_ONES[int(digit)] for digit in text)


def number_string(text: str) -> str:
    """Return a number that is read out, not counted: long ones in groups, as a telephone number."""
    return ", ".join(digits(group) for group in _groups_of(text))


def decimal(whole: str, fraction: str) -> str:
    """Return a decimal number: 12.05 is twelve point zero five."""
    said = cardinal(int(whole)) if len(whole) <= 12 else digits(whole)
    return f"{said} point {digits(fraction)}" if fraction else said


def year_words(year: int) -> str:
    """Return a year: 2026 is twenty twenty-six, 2005 two thousand and five."""
    century, rest = divmod(year, 100)
    if not 11 <= century <= 99 or (century == 20 and rest < 10):
        return cardinal(year)
    if not rest:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {'oh ' if rest < 10 else ''}{cardinal(rest)}"


def time_of_day(hour: int, minute: int, *, half: str = "") -> str:
    """Return a time: 14:05 is two oh five p.m., 9:00 with am is nine a.m."""
    if not half:
        half = "am" if hour % 24 < 12 else "pm"
        if (hour % 12, minute) == (0, 0):
            return "midnight" if half == "am" else "noon"
    said = cardinal((hour - 1) % 12 + 1)
    if minute:
        said += f" {'oh ' if minute < 10 else ''}{cardinal(minute)}"
    return f"{said} {half[0]}.m."


def _groups_of(text: str) -> tuple[str, ...]:
    lengths = {7: (3, 4), 8: (4, 4), 10: (3, 3, 4), 11: (3, 4, 4), 12: (4, 4, 4), 16: (4, 4, 4, 4)}
    groups: list[str] = []
    for length in lengths.get(len(text), (len(text),)):
        begin = sum(map(len, groups))
        groups.append(text[begin : begin + length])
    return tuple(groups)


def _below_thousand(number: int) -> str:
    hundreds, rest = divmod(number, 100)
    words = [f"{_ONES[hundreds]} hundred"] if hundreds else []
    if rest:
        tens, ones = divmod(rest, 10)
        if rest < 20:
            words.append(_ONES[rest])
        else:
            words.append(f"{_TENS[tens]}-{_ONES[ones]}" if ones else _TENS[tens])
    return " and ".join(words)
