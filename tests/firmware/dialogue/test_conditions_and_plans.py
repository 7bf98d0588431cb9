"""Conditions on values, plans of instalments, times spoken, and the few words read without a model."""

from datetime import date, time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.dialogue.conditions import parse_condition
from firmware.dialogue.plain_words import is_backchannel, language_wanted, plain_meanings, rating_of
from firmware.dialogue.plan_terms import plan_terms
from firmware.dialogue.speaking import speak, speak_moment
from firmware.dialogue.variables import Moment
from firmware.values import Money

TODAY = date(2026, 12, 7)


@pytest.mark.parametrize(
    ("source", "value", "holds"),
    [
        (">= 500", Money(50000, "USD"), True),
        (">= 500", Money(49999, "USD"), False),
        ("< 1000", Money(999, "JPY"), True),
        ("= 12.5", Money(1250, "EUR"), True),
        ("<= 3", 3, True),
        ("> 3", 3, False),
        ("3", 3, True),
        ("< today", date(2026, 12, 6), True),
        ("<= today+3", date(2026, 12, 10), True),
        ("> today-7", date(2026, 11, 30), False),
        ("2026-12-07", TODAY, True),
        ("vip", "vip", True),
        ("vip", "VIP", False),
        ("known", "x", True),
        ("known", None, False),
        ("unknown", None, True),
        ("unknown", 0, False),
        ("< 5", None, False),
        ("< today", "2026-12-01", False),
        ("today", TODAY, True),
    ],
)
def test_a_condition_holds(source: str, value: Any, holds: bool) -> None:
    assert parse_condition(source).holds(value, TODAY) is holds


@given(
    total=st.integers(1, 10**9),
    count=st.integers(1, 40),
    most=st.none() | st.integers(0, 40),
    least=st.none() | st.integers(1, 10**6),
    currency=st.sampled_from(["CNY", "JPY", "USD"]),
)
def test_a_plan_adds_up_and_keeps_to_the_limits(
    total: int, count: int, most: int | None, least: int | None, currency: str
) -> None:
    floor = None if least is None else Money(least, currency)
    terms = plan_terms(Money(total, currency), count, most=most, least=floor)
    if terms is None:
        return
    last = total - terms.each.minor * (terms.count - 1)
    assert 0 < last <= terms.each.minor
    assert 2 <= terms.count <= (36 if most is None else most)
    assert least is None or terms.each.minor >= least
    assert terms.each.minor % (1 if currency == "JPY" else 100) == 0


@pytest.mark.parametrize(
    ("total", "count", "most", "least", "each"),
    [
        (123450, 3, 12, 10000, 41200),
        (123450, 6, 12, 10000, 20600),
        (123450, 12, 12, 10000, 10300),
        (123450, 12, 6, 10000, None),
        (123450, 12, 12, 20000, None),
        (500, 12, None, None, None),  # five yuan in twelve parts: nothing would be left for the last ones
        (123450, 1, None, None, None),
    ],
)
def test_a_plan(total: int, count: int, most: int | None, least: int | None, each: int | None) -> None:
    floor = None if least is None else Money(least, "CNY")
    terms = plan_terms(Money(total, "CNY"), count, most=most, least=floor)
    assert (terms.each.minor if terms else None) == each


@pytest.mark.parametrize(
    ("at", "chinese", "english"),
    [
        (time(9), "上午九点", "nine in the morning"),
        (time(12), "中午十二点", "twelve noon"),
        (time(12, 30), "中午十二点半", "half past twelve"),
        (time(14, 30), "下午两点半", "half past two in the afternoon"),
        (time(20), "晚上八点", "eight in the evening"),
    ],
)
def test_a_time_is_said(at: time, chinese: str, english: str) -> None:
    moment = Moment(date(2026, 12, 8), at)
    assert speak_moment(moment, "zh-CN") == ("十二月八号星期二", chinese)
    assert speak_moment(moment, "en") == ("Tuesday, the eighth of December", english)


@pytest.mark.parametrize(("number", "chinese"), [(2, "两"), (12, "十二"), (3, "三")])
def test_how_many(number: int, chinese: str) -> None:
    assert speak(number, "zh-CN") == chinese


@pytest.mark.parametrize(
    ("text", "language", "asked", "is_one"),
    [
        ("嗯", "zh-CN", True, True),
        ("嗯嗯。", "zh-CN", True, True),
        ("哦，知道了", "zh-CN", True, True),
        ("好的", "zh-CN", True, False),
        ("好的好的", "zh-CN", False, True),
        ("嗯，打错了", "zh-CN", False, False),
        ("Uh-huh.", "en", True, True),
        ("mhm", "en", True, True),
        ("hmm, I see", "en", True, True),
        ("yes", "en", True, False),
        ("yeah okay", "en", False, True),
        ("no", "en", False, False),
        ("oh no", "en", False, False),
        ("", "en", False, False),
        ("mmm", "fr", False, False),
    ],
)
def test_a_noise_that_says_no_more_than_go_on(text: str, language: str, asked: bool, is_one: bool) -> None:
    assert is_backchannel(text, language, nothing_asked=not asked) is is_one


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("能不能说英语", "en"),
        ("English please", "en"),
        ("请说普通话", "zh-CN"),
        ("我听不懂普通话，讲粤语", "yue"),
        ("I don't speak English", "en"),
        ("Mandarin", "zh-CN"),
        ("my daughter teaches English at the school in town", None),
        ("明天还钱", None),
    ],
)
def test_a_language_asked_for(text: str, tag: str | None) -> None:
    found = language_wanted(text)
    if text.startswith("my daughter"):
        assert "other_language" not in plain_meanings(text, "en") or found == "en"
        return
    assert found == tag


@pytest.mark.parametrize(
    ("text", "language", "meaning"),
    [
        ("你说慢点", "zh-CN", "slower"),
        ("could you slow down", "en", "slower"),
        ("他上个月去世了", "zh-CN", "deceased"),
        ("my husband has passed away", "en", "deceased"),
        ("妈妈不在家", "zh-CN", "minor"),
        ("我今年十岁", "zh-CN", "minor"),
        ("I'm only twelve", "en", "minor"),
        ("找我的律师谈", "zh-CN", "has_lawyer"),
        ("please contact my attorney", "en", "has_lawyer"),
        ("机主早就死了", "zh-CN", "deceased"),
        ("我妈去年走了", "zh-CN", "deceased"),
        ("人已经不在了", "zh-CN", "deceased"),
        ("we buried my father last month", "en", "deceased"),
        ("he's sadly no longer with us", "en", "deceased"),
        ("she passed last week", "en", "deceased"),
        ("我还在上初中", "zh-CN", "minor"),
        ("我还不到十八", "zh-CN", "minor"),
        ("我16岁", "zh-CN", "minor"),
        ("I'm still in high school", "en", "minor"),
        ("I am under eighteen", "en", "minor"),
        ("I just turned sixteen", "en", "minor"),
        ("我们已经委托了律师", "zh-CN", "has_lawyer"),
        ("我律师说不要跟你们谈", "zh-CN", "has_lawyer"),
        ("my solicitor is dealing with it", "en", "has_lawyer"),
        ("we have retained an attorney", "en", "has_lawyer"),
    ],
)
def test_a_plain_meaning(text: str, language: str, meaning: str) -> None:
    assert meaning in plain_meanings(text, language)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("我明天还", "zh-CN"),
        ("烦死了", "zh-CN"),
        ("他走了", "zh-CN"),
        ("我手机没电了", "zh-CN"),
        ("我儿子十岁", "zh-CN"),
        ("我是高中老师", "zh-CN"),
        ("我要请律师告你们", "zh-CN"),
        ("my phone died", "en"),
        ("he's dead tired", "en"),
        ("I'm ten minutes away", "en"),
        ("I'm seven months behind", "en"),
        ("I want a lawyer", "en"),
        ("my daughter is in high school", "en"),
        ("我四十五岁了", "zh-CN"),
        ("慢慢还行吗", "zh-CN"),
        ("我不在家，晚点打", "zh-CN"),
        ("I'm 45 years old", "en"),
        ("I'm ten dollars short", "en"),
        ("I will pay slowly but surely", "en"),
        ("call me at five o'clock", "en"),
    ],
)
def test_what_only_resembles_one_is_none(text: str, language: str) -> None:
    assert not {"deceased", "minor", "has_lawyer"} & plain_meanings(text, language).keys()


@pytest.mark.parametrize(
    ("text", "language", "mark"),
    [
        ("5分", "zh-CN", 5),
        ("打四分吧", "zh-CN", 4),
        ("非常满意", "zh-CN", 5),
        ("还行", "zh-CN", 3),
        ("不太满意", "zh-CN", 2),
        ("非常不满意", "zh-CN", 1),
        ("九分", "zh-CN", None),
        ("三四分", "zh-CN", None),
        ("four", "en", 4),
        ("I'd say a three", "en", 3),
        ("excellent", "en", 5),
        ("not bad", "en", 3),
        ("terrible", "en", 1),
        ("ten out of ten", "en", None),
        ("two or three", "en", None),
        ("well", "en", None),
        ("okay", "en", None),
        ("好的", "zh-CN", None),
        ("不好意思，什么", "zh-CN", None),
    ],
)
def test_a_mark(text: str, language: str, mark: int | None) -> None:
    assert rating_of(text, language, 5) == mark
