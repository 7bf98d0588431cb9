"""Figures inside Chinese wording as a voice says them: 8:30, 12.5%, 95588, 第2次, 2个."""

import re
from collections.abc import Callable

from firmware.dialogue.currencies import CURRENCIES
from firmware.dialogue.speaking_zh import cardinal, decimal, digits, money, number_string, time_of_day

_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)"
_FIGURE = rf"(?<![\d.])({_NUMBER})(?:\.(\d+))?"
_MEASURES = "个|次|天|期|笔|位|份|张|种|件|条|项|名|家|套|步|台|部|年(?!\\d?\\d月)|周|小时|分钟|秒|块|倍|人|遍|声|点(?!\\d)|角|里|层|户"
_SIGNS = {"¥": "CNY", "￥": "CNY", "$": "USD", "€": "EUR", "£": "GBP"}
_UNITS = {
    "元": "CNY",
    "块钱": "CNY",
    "人民币": "CNY",
    "美元": "USD",
    "欧元": "EUR",
    "港元": "HKD",
    "英镑": "GBP",
}
_CODES = "|".join(CURRENCIES)
MIN_TELEPHONE_DIGITS = 7
_PERIODS = "凌晨|早上|早晨|上午|中午|下午|傍晚|晚上|夜里|今晚|明早|今早"
_BY_DIGIT = "尾号|后四位|电话|热线|拨打|致电|号码|工号|编号|账号|卡号|单号|证件号|手机号?|验证码"


def in_words(text: str) -> str:
    """Return the text with every figure and sign in it spelt as it is said."""
    for pattern, said in _RULES:
        text = pattern.sub(said, text)
    return text


def _value(match: re.Match[str]) -> str:
    whole = match[1].replace(",", "")
    return decimal(whole, match[2] or "")


def _amount(code: str, whole: str, fraction: str | None) -> str:
    currency = CURRENCIES[code]
    minor = (fraction or "").ljust(currency.exponent, "0")
    if len(minor) > currency.exponent or len(whole) > 12:
        return decimal(whole, fraction or "") + currency.zh
    return money(int(whole) * 10**currency.exponent + int(minor or "0"), currency)


def _counted(match: re.Match[str]) -> str:
    number = int(match[1])
    return ("两" if number == 2 else cardinal(number)) + match[2]


def _plain(match: re.Match[str]) -> str:
    run = match[0].replace(",", "")
    if "," not in match[0] and (
        len(run) >= 5 or (len(run) > 1 and run.startswith("0")) or run in {"110", "119", "120", "114", "122"}
    ):
        return number_string(run)
    return cardinal(int(run)) if len(run) <= 12 else digits(run)


def _codes(match: re.Match[str]) -> str:
    return "，".join(number_string(part, is_code=True) for part in match.groups())


def _telephone(match: re.Match[str]) -> str:
    """Spell a number in groups; two short groups are a range, 10-15天, and left to what comes later."""
    groups = re.findall(r"\d{11}$|\d+?(?=\d{11}$)|\d+", match[0])
    if sum(map(len, groups)) < MIN_TELEPHONE_DIGITS or (
        len(groups) == 2 and len(groups[0]) == len(groups[1])
    ):
        return match[0]
    said = "，".join(number_string(group, is_code=True) for group in groups)
    return f"加{said}" if match[0].startswith("+") else said


def _clock(match: re.Match[str]) -> str:
    period, hour, minute = match[1] or "", int(match[2]), int(match[3])
    if hour > 24 or minute > 59:
        return match[0]
    return time_of_day(hour, minute, period=period)


def _date(match: re.Match[str]) -> str:
    year, month, day = match[1], int(match[2]), int(match[3])
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return match[0]
    return f"{digits(year)}年{cardinal(month)}月{cardinal(day)}日"


_Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]
_RULES: tuple[_Rule, ...] = (
    (re.compile(r"(?<!\d)(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)"), _date),
    (re.compile(r"(\d{4})(?=年)"), lambda match: digits(match[1])),
    (re.compile(r"(?<=\d)\s*[-~～—]\s*(?=\d{1,2}[:：]\d)"), lambda _match: "到"),
    (re.compile(rf"({_PERIODS})?(?<!\d)(\d{{1,2}})[:：](\d{{2}})(?![\d:])"), _clock),
    (re.compile(r"(?<![\d.])(?:\+?\d{2,3}[ -])?\d{2,4}(?:[ -]\d{3,5}){1,3}(?![\d元])"), _telephone),
    (re.compile(r"\+\d{1,3}[ -]?\d{11}(?!\d)"), _telephone),
    (re.compile(rf"{_FIGURE}\s*[-~～—至到]\s*(?={_FIGURE}(?:{'|'.join(_UNITS)}))"), lambda match: _value(match) + "到"),
    (re.compile(r"(?<=[\d元])\s*[-~～—]\s*(?=[¥￥$€£]?\d)(?!\d{7})"), lambda _match: "到"),
    (re.compile(r"(?<![\w)])[-−](?=[¥￥$€£]?\d)"), lambda _match: "负"),
    (re.compile(rf"{_FIGURE}%"), lambda match: "百分之" + _value(match)),
    (re.compile(rf"{_FIGURE}‰"), lambda match: "千分之" + _value(match)),
    (
        re.compile(rf"([¥￥$€£])\s*{_FIGURE}(?:元)?"),
        lambda match: _amount(_SIGNS[match[1]], match[2].replace(",", ""), match[3]),
    ),
    (
        re.compile(rf"{_FIGURE}({'|'.join(_UNITS)})"),
        lambda match: _amount(_UNITS[match[3]], match[1].replace(",", ""), match[2]),
    ),
    (
        re.compile(rf"\b({_CODES})\s?{_FIGURE}"),
        lambda match: _amount(match[1], match[2].replace(",", ""), match[3]),
    ),
    (
        re.compile(rf"{_FIGURE}\s?({_CODES})\b"),
        lambda match: _amount(match[3], match[1].replace(",", ""), match[2]),
    ),
    (re.compile(r"(?<!\d)(\d{3,4})-(\d{3,4})-?(\d{4})(?!\d)"), _codes),
    (re.compile(r"(?<!\d)(0\d{2,3})-(\d{7,8})(?!\d)"), _codes),
    (re.compile(rf"((?:{_BY_DIGIT})(?:为|是|：|:)?\s*)(\d+)"), lambda match: match[1] + number_string(match[2], is_code=True)),
    (re.compile(r"(?<=\d)\s*[-~～—]\s*(?=\d)"), lambda _match: "到"),
    (re.compile(rf"(?<![\d.第])(\d{{1,9}})({_MEASURES})"), _counted),
    (re.compile(r"第(\d{1,9})"), lambda match: "第" + cardinal(int(match[1]))),
    (re.compile(r"(?<![\d.])(\d{1,12})\.(\d{1,6})(?![\d.])"), _value),
    (re.compile(_NUMBER), _plain),
    (re.compile(r"\*\s*(?:键|号键)|星号键|\*"), lambda _match: "星号键"),
    (re.compile(r"#\s*(?:键|号键)|井号键|#"), lambda _match: "井号键"),
    (re.compile(r"％"), lambda _match: "百分号"),
)  # fmt: skip
