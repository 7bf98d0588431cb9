"""Chinese numbers as they are spoken and as a recogniser writes them: 两万三, 一千零二十, 3千5, 2.5万."""

import re
from fractions import Fraction

DIGITS = {
    c: v
    for v, chars in enumerate(
        ("零〇", "一壹幺", "二两贰俩", "三叁", "四肆", "五伍", "六陆", "七柒", "八捌", "九玖")
    )
    for c in chars
}
UNITS = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
BIG = {"万": 10_000, "w": 10_000, "亿": 100_000_000}
_SIGNS = "零〇一壹幺二两贰俩三叁四肆五伍六陆七柒八捌九玖十拾百佰千仟万亿点廿卅半"
# Possessive, and only from the start of a run: ten thousand 万 in a row must cost no time.
NUMBER = rf"(?<![0-9{_SIGNS}])(?:[0-9][0-9,]*+(?:\.[0-9]++)?|[{_SIGNS}])++(?:[wk](?![a-z]))?"
"""A run that may be a number; `number_of` says whether it is one."""
MAX_CHARS = 24
_DECIMAL = re.compile(r"[0-9][0-9,]*(?:\.[0-9]+)?")


def number_of(text: str) -> Fraction | None:
    """Return the value of a whole run of number characters, None if nobody counts like that."""
    if not text or len(text) > MAX_CHARS:
        return None
    text = text.replace("廿", "二十").replace("卅", "三十")
    if text.endswith("k"):
        value = number_of(text[:-1])
        return None if value is None else value * 1000
    for sign, size in (("亿", 100_000_000), ("万", 10_000), ("w", 10_000)):
        if sign in text:
            before, after = text.split(sign, 1)
            head = number_of(before)
            tail = _tail(after, size)
            return None if head is None or tail is None else head * size + tail
    return _below_ten_thousand(text)


def _tail(text: str, size: int) -> Fraction | None:
    """两万三 is 23 000, 两万零三 is 20 003, 两万三千 is 23 000, 一万半 is nothing."""
    if not text:
        return Fraction(0)
    if len(text) == 1 and (text in DIGITS or text.isdigit()) and text not in "零〇":
        return Fraction(_digit(text) * size, 10)
    if text[0] in "零〇" and len(text) == 2:
        return Fraction(_digit(text[1])) if text[1] in DIGITS or text[1].isdigit() else None
    return number_of(text)


def _digit(char: str) -> int:
    return DIGITS[char] if char in DIGITS else int(char)


def _below_ten_thousand(text: str) -> Fraction | None:
    if "点" in text:
        whole, _, part = text.partition("点")
        head = _below_ten_thousand(whole)
        if head is None or not part or any(c not in DIGITS and not c.isdigit() for c in part):
            return None
        return head + Fraction(int("".join(str(_digit(c)) for c in part)), 10 ** len(part))
    if _DECIMAL.fullmatch(text):
        return Fraction(text.replace(",", ""))
    total, current, last_unit, seen_zero = Fraction(0), None, 10_000, False
    at = 0
    while at < len(text):
        match = _DECIMAL.match(text, at)
        char = text[at]
        if match:
            if current is not None:
                return None
            current, at = Fraction(match.group().replace(",", "")), match.end()
            continue
        at += 1
        if char in UNITS:
            unit = UNITS[char]
            if unit >= last_unit:
                return None
            total += (Fraction(1) if current is None else current) * unit
            current, last_unit, seen_zero = None, unit, False
        elif char in "零〇" and current is None:
            seen_zero = True
        elif char in DIGITS:
            if current is not None:
                return None
            current = Fraction(DIGITS[char])
        else:
            return None
    if current is not None:
        # 三百五 is 350, but 三百零五 is 305 and 十五 is 15.
        short = last_unit in (100, 1000) and not seen_zero and current < 10
        total += current * Fraction(last_unit, 10) if short else current
    elif seen_zero and total == 0:
        return Fraction(0)
    return total


def digit_string(text: str) -> str | None:
    """Return digits said one by one (幺二三四, 1 2 3 4), None if the run holds anything else."""
    said = ""
    for char in text:
        if (char in DIGITS and char not in "两俩") or char.isdigit():
            said += str(_digit(char))
        elif char in "两俩":
            said += "2"
        else:
            return None
    return said or None
