"""Numbers, money and dates in spoken Mandarin."""

from datetime import date, time

from firmware.dialogue.currencies import Currency

DIGITS = "零一二三四五六七八九"
WEEKDAYS = tuple(f"星期{day}" for day in "一二三四五六日")
_PLACES = ("", "十", "百", "千")
_GROUPS = ("", "万", "亿")


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
        return text + ("零" if text and rest < 10 else "") + cardinal(rest) + currency.zh_minor
    jiao, fen = divmod(rest, 10)
    text += DIGITS[jiao] + "角" if jiao else ("零" if text else "")
    return text + (DIGITS[fen] + "分" if fen else "")


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


def _below_ten_thousand(number: int) -> str:
    text = ""
    for place in range(3, -1, -1):
        digit = number // 10**place % 10
        if digit:
            if text and number // 10 ** (place + 1) % 10 == 0:
                text += DIGITS[0]
            text += DIGITS[digit] + _PLACES[place]
    return text
