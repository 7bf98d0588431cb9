"""Amounts in the minor unit of the currency that was named; hundredths where none was."""

from datetime import date

import pytest

from firmware.dialogue.currencies import CURRENCIES, in_minor
from firmware.dialogue.understanding.understander import Understander

TODAY = date(2026, 11, 25)


@pytest.mark.parametrize(
    ("language", "text", "minor", "currency"),
    [
        ("zh", "先还三千日元", 3000, "JPY"),
        ("zh", "五万韩币行吗", 50_000, "KRW"),
        ("zh", "我给两百美元", 20_000, "USD"),
        ("zh", "还三千块", 300_000, None),
        ("en", "I can pay three thousand yen", 3000, "JPY"),
        ("en", "fifty thousand korean won", 50_000, "KRW"),
        ("en", "two hundred euros", 20_000, "EUR"),
        ("en", "$12.50", 1250, None),
    ],
)
def test_the_exponent_is_the_currencys_own(
    understander: Understander, language: str, text: str, minor: int, currency: str | None
) -> None:
    (amount,) = understander.understand(text, language=language, today=TODAY).slots.amounts
    assert (amount.minor, amount.currency) == (minor, currency)


def test_a_part_of_a_yen_is_no_amount(understander: Understander) -> None:
    amounts = understander.understand("twelve yen and fifty cents", language="en", today=TODAY).slots.amounts
    assert all(amount.currency != "JPY" or amount.minor == 12 for amount in amounts)


def test_every_currency_has_its_units() -> None:
    assert {code for code in CURRENCIES if in_minor(code) == 1} == {"JPY", "KRW"}
    assert in_minor(None) == in_minor("CNY") == 100
