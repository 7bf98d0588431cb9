"""Times of day in Chinese: 下午三点半, 三点一刻, 晚上, 六点以后."""

# ruff: noqa: E501  (one rule, one line)

import re
from datetime import time

from firmware.dialogue.slots import TimeMention
from firmware.dialogue.understanding.finding import Grammar
from firmware.dialogue.understanding.zh_numbers import number_of

PARTS = {
    "凌晨": (0, 6), "清早": (6, 9), "清晨": (6, 9), "大清早": (6, 9), "早上": (6, 10), "早晨": (6, 10), "一早": (6, 10), "上午": (8, 12), "上昼": (8, 12),
    "中午": (11, 14), "晌午": (11, 14), "头晌": (8, 12), "下午": (12, 18), "后晌": (12, 18), "午后": (12, 18), "下昼": (12, 18), "傍晚": (17, 19), "傍黑": (17, 19), "擦黑": (17, 19),
    "晚上": (18, 22), "晚间": (18, 22), "夜里": (20, 24), "夜晚": (18, 24), "深夜": (22, 24), "半夜": (0, 4), "下班后": (18, 22), "下班以后": (18, 22),
    "晚饭后": (18, 22), "午饭后": (12, 15), "吃完晚饭": (18, 22), "吃过晚饭": (18, 22), "吃了晚饭": (18, 22), "吃完午饭": (12, 15), "吃过午饭": (12, 15), "吃了午饭": (12, 15), "下班": (18, 22),
}  # fmt: skip
"""Parts of the day as hours from, up to; 24 is the end of the day."""
LATEST = time(23, 59, 59)
_P = "|".join(
    "(?<![点半刻分钟整\\x00])下班(?!之?前|以前)" if part == "下班" else part
    for part in sorted(PARTS, key=len, reverse=True)
)
_N = r"(?:[0-9]{1,2}|二?十[一二三四五六七八九]?|[零一二两三四五六七八九])"
_MINUTES = r"半|[一1]刻钟?|[三3]刻钟?|零?[0-9]{1,2}分?|[零〇]?[一二三四五六七八九]分?|[二三四五]?十[一二三四五六七八九]?分?"
_BOUND = r"(?P<bound>(?:之|以)?后|过后|往后|之?前|以前)?"


def _clock(hour: int, part: str | None) -> int | None:
    """Return the hour of the day: 三点 in a call of a branch office is 15:00, 八点 is 8:00."""
    if not 0 <= hour <= 24:
        return None
    hour %= 24
    if part is None:
        return hour + 12 if 1 <= hour <= 7 else hour
    begin, end = PARTS[part]
    if hour < 12 and hour + 12 < end + 1 and begin >= 11 and not (begin == 11 and hour == 11):
        return hour + 12
    return 0 if hour == 12 and begin >= 18 else hour


def _minute(text: str | None) -> int | None:
    if not text:
        return 0
    if text == "半":
        return 30
    if "刻" in text:
        return 15 if text[0] in "一1" else 45
    value = number_of(text.rstrip("分").lstrip("零〇"))
    return int(value) if value is not None and value < 60 else None


def _said(match: re.Match[str]) -> TimeMention | None:
    part, hour, minute = match["part"], number_of(match["hour"]), _minute(match["minute"])
    at = None if hour is None else _clock(int(hour), part)
    if at is None or minute is None:
        return None
    return _bounded(match[0], time(at, minute), match["bound"])


def _digital(match: re.Match[str]) -> TimeMention | None:
    hour, minute, part = int(match["hour"]), int(match["minute"]), match["part"]
    at = hour if part is None else _clock(hour, part)
    return None if at is None or at > 23 else _bounded(match[0], time(at, minute), match["bound"])


def _short_of(match: re.Match[str]) -> TimeMention | None:
    """Read 差五分四点 and 四点差五分: minutes before the hour."""
    hour, short = number_of(match["hour"] or match["hour_first"]), match["short"] or match["short_last"]
    minutes = 15 if short == "一刻" else number_of(short)
    at = None if hour is None else _clock(int(hour), match["part"])
    if at is None or minutes is None or not 0 < minutes < 60:
        return None
    return TimeMention(text=match[0], begin=time((at - 1) % 24, 60 - int(minutes)))


def _bounded(text: str, at: time, bound: str | None) -> TimeMention:
    if bound is None:
        return TimeMention(text=text, begin=at)
    if bound.endswith("后"):
        return TimeMention(text=text, begin=at, end=LATEST)
    return TimeMention(text=text, begin=time(0), end=at)


def _from_to(match: re.Match[str]) -> TimeMention | None:
    """Read 下午两点到四点: the second hour is in the same half of the day where no part stands before it."""
    part, until_part = match["part"], match["until_part"] or match["part"]
    hours = number_of(match["hour"]), number_of(match["until"])
    minutes = _minute(match["minute"]), _minute(match["until_minute"])
    if hours[0] is None or hours[1] is None or minutes[0] is None or minutes[1] is None:
        return None
    begin, end = _clock(int(hours[0]), part), _clock(int(hours[1]), until_part)
    if begin is None or end is None:
        return None
    first, last = time(begin, minutes[0]), time(end, minutes[1])
    return TimeMention(text=match[0], begin=first, end=last) if first < last else None


def _before_part(match: re.Match[str]) -> TimeMention:
    hour = 12 if match["part"] in ("中午", "晌午") else PARTS[match["part"]][0]
    return TimeMention(text=match[0], begin=time(0), end=time(hour))


def _past_hour(match: re.Match[str]) -> TimeMention | None:
    hour = number_of(match["hour"])
    at = None if hour is None else _clock(int(hour), match["part"])
    return None if at is None else TimeMention(text=match[0], begin=time(at), end=LATEST)


def _part(match: re.Match[str]) -> TimeMention:
    begin, end = PARTS[match[0]]
    return TimeMention(text=match[0], begin=time(begin), end=LATEST if end == 24 else time(end))


def _alone(match: re.Match[str]) -> TimeMention | None:
    hour, minute = number_of(match["hour"]), _minute(match["minute"])
    at = None if hour is None else _clock(int(hour), None)
    if at is None or minute is None:
        return None
    return _bounded(match[0], time(at, minute), match["bound"])


_NO_MONEY = "(?![万千百亿十元块])"
TIMES: Grammar[TimeMention] = Grammar(
    (
        (rf"(?:(?P<part>{_P})的?)?(?<![0-9.第])(?P<hour>{_N})点钟?(?P<minute>(?:{_MINUTES}){_NO_MONEY})?(?:到|至|-|~)(?P<until_part>{_P})?(?P<until>{_N})点钟?(?P<until_minute>(?:{_MINUTES}){_NO_MONEY})?(?:之?间|左右)?", _from_to),
        (rf"(?:(?P<part>{_P})的?)?过了?(?P<hour>{_N})点钟?(?![0-9一二三四五六七八九十半])", _past_hour),
        (r"(?P<part>中午|晌午|下午|傍晚|晚上)(?:之|以)?前(?!天)", _before_part),
        (rf"(?:(?P<part>{_P})的?)?(?<![0-9:])(?P<hour>[01]?[0-9]|2[0-4]):(?P<minute>[0-5][0-9])(?![0-9:]){_BOUND}", _digital),
        (rf"(?:(?P<part>{_P})的?)?(?:差(?P<short>{_N}|一刻)分?钟?到?(?P<hour>{_N})点钟?|(?P<hour_first>{_N})点差(?P<short_last>{_N}|一刻)分?钟?)", _short_of),
        # 一点 alone is "a little": it is a time only with something beside it.
        (rf"(?P<part>{_P})的?(?P<hour>{_N})(?:点|时)(?:过(?=[0-9零一二三四五]))?(?!点|儿?都)钟?(?P<minute>(?:{_MINUTES})(?![万千百亿十元块]))?(?:整|多|左右|过|来钟)*{_BOUND}", _said),
        (rf"(?P<part>)(?<![晚早慢快多少大小有好差低高便宜十廿0-9])(?P<hour>[一1])(?:点钟|点(?=半|[一三]刻|[零二三四五]?十|多|左右|以后|之后|以前|之前|整))(?P<minute>(?:{_MINUTES})(?![万千百亿十元块]))?(?:整|多|左右)*{_BOUND}",
         _alone),
        (rf"(?P<part>)(?<![0-9.第百千万一二三四五六七八九])(?P<hour>(?![一1]点){_N})(?:点|时)(?:过(?=[0-9零一二三四五]))?(?![点意建钱道要疑问评滴]|[一二两三四五六七八九0-9]+[万千百亿元块])钟?(?P<minute>(?:{_MINUTES})(?![万千百亿十元块]))?(?:整|多|左右|过|来钟)*{_BOUND}",
         _alone),
        (_P, _part),
    )
)  # fmt: skip
