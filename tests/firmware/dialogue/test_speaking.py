"""Values as they are said, in Mandarin and English."""

import re
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.dialogue.currencies import CURRENCIES
from firmware.dialogue.errors import UnspeakableError
from firmware.dialogue.speaking import (
    piece_vocabulary,
    require_speakable,
    speak,
    speak_day,
    speak_in_pieces,
)
from firmware.dialogue.variables import VarKind
from firmware.dialogue.wording import fold
from firmware.values import Money


@pytest.mark.parametrize(
    ("minor", "currency", "zh", "en"),
    [
        (
            123450,
            "CNY",
            "一千二百三十四元五角",
            "one thousand two hundred and thirty-four yuan and fifty fen",
        ),
        (5, "CNY", "五分", "five fen"),
        (105, "CNY", "一元零五分", "one yuan and five fen"),
        (200, "CNY", "两元", "two yuan"),
        (1000, "CNY", "十元", "ten yuan"),
        (1234, "CNY", "十二元三角四分", "twelve yuan and thirty-four fen"),
        (20000, "CNY", "二百元", "two hundred yuan"),
        (200000, "CNY", "两千元", "two thousand yuan"),
        (1001000, "CNY", "一万零一十元", "ten thousand and ten yuan"),
        (10100000, "CNY", "十万一千元", "one hundred and one thousand yuan"),
        (10000000100, "CNY", "一亿零一元", "one hundred million and one yuan"),
        (
            123450,
            "USD",
            "一千二百三十四美元五十美分",
            "one thousand two hundred and thirty-four dollars and fifty cents",
        ),
        (101, "GBP", "一英镑零一便士", "one pound and one penny"),
        (1234, "JPY", "一千二百三十四日元", "one thousand two hundred and thirty-four yen"),
    ],
)
def test_money(minor: int, currency: str, zh: str, en: str) -> None:
    assert speak(Money(minor, currency), "zh-CN") == zh
    assert speak(Money(minor, currency), "en") == en


ZH_DIGITS = {digit: value for value, digit in enumerate("零一二三四五六七八九")} | {"两": 2}


def read_zh(text: str) -> int:
    """Read a Chinese numeral by its place words alone."""
    total = group = digit = 0
    for character in text:
        if character in ZH_DIGITS:
            digit = ZH_DIGITS[character]
        elif character in "十百千":
            group += (digit or 1) * {"十": 10, "百": 100, "千": 1000}[character]
            digit = 0
        else:
            total += (group + digit) * {"万": 10_000, "亿": 10**8}[character]
            group = digit = 0
    return total + group + digit


def read_en(text: str) -> int:
    """Read an English numeral word by word."""
    ones = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    words = {word: value for value, word in enumerate((ones + " seventeen eighteen nineteen").split())}
    words |= {
        word: 10 * (place + 2)
        for place, word in enumerate(
            ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
        )
    }
    total = group = 0
    for word in re.split("[ -]", text.replace(" and ", " ")):
        if word == "hundred":
            group *= 100
        elif word in ("thousand", "million", "billion"):
            total += group * {"thousand": 10**3, "million": 10**6, "billion": 10**9}[word]
            group = 0
        else:
            group += words[word]
    return total + group


NUMBERS = st.one_of(
    st.integers(1, 10**12 - 1),
    st.integers(1, 99_999),
    st.builds(
        lambda digit, power, rest: digit * 10**power + rest,
        st.integers(1, 9),
        st.integers(3, 11),
        st.integers(0, 99),
    ),
)


@settings(max_examples=100, deadline=None)
@given(number=NUMBERS)
def test_numbers_can_be_read_back(number: int) -> None:
    zh = speak(Money(number * 100, "CNY"), "zh-CN")
    en = speak(Money(number * 100, "CNY"), "en")
    assert read_zh(zh.removesuffix("元")) == number
    assert read_en(en.removesuffix(" yuan")) == number
    assert "零零" not in zh
    assert not zh.endswith("零元")


@pytest.mark.parametrize(
    ("value", "zh", "en"),
    [
        (date(2026, 12, 10), "十二月十号", "the tenth of December"),
        (date(2026, 1, 1), "一月一号", "the first of January"),
        (date(2026, 2, 22), "二月二十二号", "the twenty-second of February"),
        (date(2026, 5, 12), "五月十二号", "the twelfth of May"),
        (date(2026, 8, 30), "八月三十号", "the thirtieth of August"),
        (date(2026, 10, 31), "十月三十一号", "the thirty-first of October"),
    ],
)
def test_dates(value: date, zh: str, en: str) -> None:
    assert speak(value, "zh-CN") == zh
    assert speak(value, "en") == en


def test_a_date_long_ago_is_said_with_its_year() -> None:
    assert speak(date(2024, 12, 10), "zh-CN", today=date(2026, 1, 5)) == "二零二四年十二月十号"
    assert (
        speak(date(2024, 12, 10), "en", today=date(2026, 1, 5)) == "the tenth of December twenty twenty-four"
    )
    assert speak(date(2025, 12, 10), "zh-CN", today=date(2026, 1, 5)) == "十二月十号"


def test_a_day_to_agree_on_is_said_with_its_weekday() -> None:
    assert speak_day(date(2026, 12, 11), "zh-CN") == "十二月十一号星期五"
    assert speak_day(date(2026, 12, 11), "en") == "Friday, the eleventh of December"


@pytest.mark.parametrize(
    ("value", "language", "kind", "words"),
    [
        ("0917", "zh-CN", None, "零九一七"),
        ("0917", "en", None, "zero nine one seven"),
        ("95588", "zh-CN", VarKind.DIGITS, "九五五八八"),
        ("7天酒店", "zh-CN", VarKind.TEXT, "七天酒店"),
        ("王先生", "zh-CN", VarKind.NAME, "王先生"),
        ("  O'Neill & Sons,  Ltd. ", "en", VarKind.TEXT, "O'Neill & Sons, Ltd."),
        ("ABC银行", "zh-CN", VarKind.TEXT, "ABC银行"),
    ],
)
def test_digits_names_and_text(value: str, language: str, kind: VarKind | None, words: str) -> None:
    assert speak(value, language, kind) == words


@pytest.mark.parametrize(
    ("value", "language"),
    [
        pytest.param("王先生", "en", id="Chinese for an English voice"),
        pytest.param("Иванов", "zh-CN", id="Cyrillic"),
        pytest.param("王先生😀", "zh-CN", id="a picture"),
        pytest.param("<speak>x</speak>", "en", id="markup"),
        pytest.param("a\x07b", "en", id="a control character"),
        pytest.param("   ", "en", id="nothing"),
        pytest.param("…!", "zh-CN", id="punctuation"),
        pytest.param("x" * 81, "en", id="endless"),
        pytest.param(Money(100, "XAU"), "en", id="an unknown currency"),
        pytest.param(Money(-1, "CNY"), "zh-CN", id="less than nothing"),
        pytest.param(Money(10**14, "CNY"), "zh-CN", id="beyond numbers"),
        pytest.param("hello", "fr", id="a language without a voice"),
    ],
)
def test_what_cannot_be_said_is_not_said(value: str | Money, language: str) -> None:
    with pytest.raises(UnspeakableError) as refused:
        speak(value, language)
    assert not (isinstance(value, str) and value.strip() and value in str(refused.value)), (
        "the value stays private"
    )


@settings(max_examples=60, deadline=None)
@given(
    number=NUMBERS.filter(lambda n: n < 10**9),
    currency=st.sampled_from(sorted(CURRENCIES)),
    language=st.sampled_from(["zh-CN", "en"]),
)
def test_every_amount_is_made_of_pieces_known_before(number: int, currency: str, language: str) -> None:
    amount = Money(number * 10 ** CURRENCIES[currency].exponent, currency)
    pieces = speak_in_pieces(amount, language)
    assert set(pieces) <= piece_vocabulary(language, currency)
    joined = "".join(pieces)
    assert joined == speak(amount, language).replace(" ", "" if language == "en" else " ").replace("-", "")


@settings(max_examples=200, deadline=None)
@given(
    text=st.text(st.sampled_from("ABz é王伟〇㐀豈\u00ad ·-1"), max_size=6)
    | st.builds(str.__mul__, st.sampled_from("A王"), st.integers(79, 82)),
    language=st.sampled_from(["zh-CN", "en"]),
)
def test_plain_text_is_judged_as_if_it_were_looked_at_closely(text: str, language: str) -> None:
    """What is read at a glance fares as it does beside a character that has it looked at closely."""
    assert fold(text) == fold(f"{text}\u200b")
    assert _is_speakable(text, language) == _is_speakable(f"{text} \n", language)


def _is_speakable(text: str, language: str) -> bool:
    try:
        require_speakable(text, language, VarKind.NAME)
    except UnspeakableError:
        return False
    return True


def test_every_currency_has_words_in_both_languages() -> None:
    for code in CURRENCIES:
        assert speak(Money(150, code), "zh-CN")
        assert speak(Money(150, code), "en")
