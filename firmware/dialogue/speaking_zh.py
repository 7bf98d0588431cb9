"""Numbers, money and dates in spoken Mandarin."""

import re
from datetime import date, time

from firmware.dialogue.currencies import Currency
from firmware.dialogue.digit_names import ZH

DIGITS = ZH
WEEKDAYS = tuple(f"星期{day}" for day in "一二三四五六日")
_PLACES = ("", "十", "百", "千")
_GROUPS = ("", "万", "亿")
_PERIODS = ((6, "凌晨"), (9, "早上"), (12, "上午"), (13, "中午"), (18, "下午"), (24, "晚上"))
"""Until which hour a part of the day lasts."""


def cardinal(number: int) -> str:
    """Return a number from 0 to 10^12 - 1: 1234 is 一千二百三十四."""
    if number == 0:
        return DIGITS[0]
    text = ""
    higher = 0
    for index in range(len(_GROUPS) - 1, -1, -1):
        group = number // 10_000**index % 10_000
        if group:
            if text and (group < 1000 or higher == 0):
                text += DIGITS[0]
            text += _below_ten_thousand(group) + _GROUPS[index]
        higher = group
    text = text.removeprefix("一") if text.startswith("一十") else text
    return "两" + text[1:] if text.startswith(("二千", "二万", "二亿")) else text


def count(number: int) -> str:
    """Return how many of something there are: 2 is 两."""
    return "两" if number == 2 else cardinal(number)


def money(minor: int, currency: Currency) -> str:
    """Return an amount: 123450 fen are 一千二百三十四元五角."""
    unit = 10**currency.exponent
    major, rest = divmod(minor, unit)
    text = ("两" if major == 2 else cardinal(major)) + currency.zh if major or not rest else ""
    if not rest:
        return text
    if currency.zh != "元":
        said = "两" if rest == 2 else cardinal(rest)
        return text + ("零" if text and rest < 10 else "") + said + currency.zh_minor
    jiao, fen = divmod(rest, 10)
    alone = not text
    if jiao:
        text += ("两" if jiao == 2 and alone else DIGITS[jiao]) + "角"
    elif text:
        text += "零"
    if not fen:
        return text
    return text + ("两" if fen == 2 and alone and not jiao else DIGITS[fen]) + "分"


def day(value: date, *, with_year: bool = False, with_weekday: bool = False) -> str:
    """Return a date: 十二月十号."""
    year = digits(str(value.year)) + "年" if with_year else ""
    weekday = WEEKDAYS[value.weekday()] if with_weekday else ""
    return f"{year}{cardinal(value.month)}月{cardinal(value.day)}号{weekday}"


def clock(value: time) -> str:
    """Return a time on the hour or half past: 下午两点半."""
    part = (
        "上午" if value.hour < 12 else "中午" if value.hour == 12 else "下午" if value.hour < 18 else "晚上"
    )
    hour = (value.hour - 1) % 12 + 1
    return f"{part}{'两' if hour == 2 else cardinal(hour)}点{'半' if value.minute >= 30 else ''}"


def digits(text: str) -> str:
    """Return digits one by one: 1234 is 一二三四."""
    return "".join(DIGITS[int(digit)] for digit in text)


def number_string(text: str, *, is_code: bool = False) -> str:
    """Return a number that is read out, not counted: telephone numbers in groups and with 幺, for 一 is heard as 七.

    `is_code` tells that it is one whatever it looks like, as the last digits of a card.
    """
    groups = _telephone_groups(text)
    if groups is None:
        return digits(text).replace("一", "幺") if is_code else digits(text)
    return "，".join(digits(group).replace("一", "幺") for group in groups)


def decimal(whole: str, fraction: str) -> str:
    """Return a decimal number: 12.05 is 十二点零五."""
    said = cardinal(int(whole)) if len(whole) <= 12 else digits(whole)
    return f"{said}点{digits(fraction)}" if fraction else said


def time_of_day(hour: int, minute: int, *, period: str = "") -> str:
    """Return a time by the 24-hour clock, or by `period` (下午) where the text has one: 14:30 is 下午两点半."""
    if not period:
        period = next(name for until, name in _PERIODS if hour % 24 < until)
    hour = hour % 24 - 12 if hour % 24 > 12 else hour % 24
    said = f"{period}{'两' if hour == 2 else cardinal(hour)}点"
    if minute == 30:
        return said + "半"
    return said + (f"{'零' if minute < 10 else ''}{cardinal(minute)}分" if minute else "")


def _telephone_groups(text: str) -> tuple[str, ...] | None:
    """Return the groups in which a Chinese telephone number is read, None if it does not look like one."""
    if re.fullmatch("1[3-9][0-9]{9}", text):
        return text[:3], text[3:7], text[7:]
    if re.fullmatch("[48]00[0-9]{7}", text):
        return text[:3], text[3:6], text[6:]
    if re.fullmatch("0(?:10|2[0-9])[0-9]{8}", text):
        return text[:3], text[3:7], text[7:]
    if re.fullmatch("0[3-9][0-9]{2}[0-9]{7,8}", text):
        return text[:4], text[4:-4], text[-4:]
    if re.fullmatch("(?:11[0249]|12[02]|1[02][0-9]{3}|9[56][0-9]{3,4})", text):
        return (text,)
    return None


def _below_ten_thousand(number: int) -> str:
    text = ""
    for place in range(3, -1, -1):
        digit = number // 10**place % 10
        if digit:
            if text and number // 10 ** (place + 1) % 10 == 0:
                text += DIGITS[0]
            text += DIGITS[digit] + _PLACES[place]
    return text
