"""The currencies the box can speak: one row each (ISO 4217 code and minor-unit exponent)."""

from collections.abc import Mapping
from typing import NamedTuple

from firmware.values import Money


class Currency(NamedTuple):
    """How amounts of one currency are said."""

    exponent: int
    """Digits of the minor unit: 2 for cents, 0 for none."""
    zh: str
    zh_minor: str
    en: str
    en_plural: str
    en_minor: str
    en_minor_plural: str


CURRENCIES: Mapping[str, Currency] = {
    "AUD": Currency(2, "澳元", "澳分", "Australian dollar", "Australian dollars", "cent", "cents"),
    "BRL": Currency(2, "巴西雷亚尔", "分", "real", "reais", "centavo", "centavos"),
    "CAD": Currency(2, "加元", "加分", "Canadian dollar", "Canadian dollars", "cent", "cents"),
    "CHF": Currency(2, "瑞士法郎", "生丁", "Swiss franc", "Swiss francs", "centime", "centimes"),
    "CNY": Currency(2, "元", "分", "yuan", "yuan", "fen", "fen"),
    "COP": Currency(2, "哥伦比亚比索", "分", "Colombian peso", "Colombian pesos", "centavo", "centavos"),
    "EUR": Currency(2, "欧元", "欧分", "euro", "euros", "cent", "cents"),
    "GBP": Currency(2, "英镑", "便士", "pound", "pounds", "penny", "pence"),
    "HKD": Currency(2, "港元", "港仙", "Hong Kong dollar", "Hong Kong dollars", "cent", "cents"),
    "INR": Currency(2, "印度卢比", "派士", "rupee", "rupees", "paisa", "paise"),
    "JPY": Currency(0, "日元", "", "yen", "yen", "", ""),
    "KES": Currency(2, "肯尼亚先令", "分", "Kenyan shilling", "Kenyan shillings", "cent", "cents"),
    "KRW": Currency(0, "韩元", "", "won", "won", "", ""),
    "MXN": Currency(2, "墨西哥比索", "分", "Mexican peso", "Mexican pesos", "centavo", "centavos"),
    "MYR": Currency(2, "马来西亚林吉特", "仙", "ringgit", "ringgit", "sen", "sen"),
    "NGN": Currency(2, "奈拉", "考包", "naira", "naira", "kobo", "kobo"),
    "PHP": Currency(2, "菲律宾比索", "分", "Philippine peso", "Philippine pesos", "centavo", "centavos"),
    "SGD": Currency(2, "新加坡元", "分", "Singapore dollar", "Singapore dollars", "cent", "cents"),
    "THB": Currency(2, "泰铢", "萨当", "baht", "baht", "satang", "satang"),
    "TWD": Currency(2, "新台币", "分", "New Taiwan dollar", "New Taiwan dollars", "cent", "cents"),
    "USD": Currency(2, "美元", "美分", "dollar", "dollars", "cent", "cents"),
    "ZAR": Currency(2, "南非兰特", "分", "rand", "rand", "cent", "cents"),
}

UNNAMED_EXPONENT = 2
"""What is said without a currency is counted in hundredths, until the contact's currency is known."""


def in_minor(code: str | None) -> int:
    """Return how many minor units make one of a currency; hundredths for None or one that no row has."""
    row = CURRENCIES.get(code or "")
    return int(10 ** (UNNAMED_EXPONENT if row is None else row.exponent))


def amount_text(amount: Money) -> str:
    """Return an amount in figures, ``1280.50 CNY`` or ``1280 JPY``."""
    whole, part = divmod(amount.minor, in_minor(amount.currency))
    decimals = len(str(in_minor(amount.currency))) - 1
    return f"{whole}.{part:0{decimals}d} {amount.currency}" if decimals else f"{whole} {amount.currency}"
