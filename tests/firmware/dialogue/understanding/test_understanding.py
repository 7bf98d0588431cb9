"""Understanding in context, and what must hold for any text."""

# ruff: noqa: E501  (lists of words read best on one line)

import time
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.dialogue.intents import ACCEPT, ACCEPT_PROTECTIVE, DOUBT_FROM, INTENTS
from firmware.dialogue.slots import Asked
from firmware.dialogue.understanding.understander import Understander

TODAY = date(2026, 11, 25)
LONG = 10_000
LONG_MS = 200


def found(
    understander: Understander, text: str, asked: Asked = Asked.NOTHING, language: str | None = None
) -> dict[str, float]:
    tongue = language or ("en" if text.isascii() else "zh")
    intents = understander.understand(text, language=tongue, asked=asked, today=TODAY).intents
    return {intent.name: intent.confidence for intent in intents}


@pytest.mark.parametrize(
    ("text", "asked", "meant"),
    [
        ("嗯", Asked.IDENTITY, "confirm_identity"),
        ("对", Asked.IDENTITY, "confirm_identity"),
        ("yeah", Asked.IDENTITY, "confirm_identity"),
        ("correct", Asked.IDENTITY, "confirm_identity"),
        ("嗯", Asked.CONFIRM, "affirm"),
        ("对，就是明天", Asked.CONFIRM, "affirm"),
        ("yeah", Asked.CONFIRM, "affirm"),
        ("不对，是后天", Asked.CONFIRM, "deny"),
        ("no, Friday", Asked.CONFIRM, "deny"),
        ("可以", Asked.ABILITY, "promise_to_pay"),
        ("yes", Asked.ABILITY, "promise_to_pay"),
        ("明天", Asked.ABILITY, "promise_to_pay"),
        ("下周三吧", Asked.DATE, "promise_to_pay"),
        ("二十号", Asked.DATE, "promise_to_pay"),
        ("next Friday", Asked.DATE, "promise_to_pay"),
        ("the 15th", Asked.ABILITY, "promise_to_pay"),
        ("五百", Asked.AMOUNT, "promise_to_pay"),
        ("明天下午三点", Asked.CALLBACK_TIME, "callback_later"),
        ("tomorrow at three", Asked.CALLBACK_TIME, "callback_later"),
        ("好", Asked.OFFER, "affirm"),
        ("不行", Asked.OFFER, "deny"),
        ("不是，是十八号", Asked.CONFIRM, "deny"),
        ("不对不对，是两千五", Asked.CONFIRM, "deny"),
        ("是的，是后天", Asked.CONFIRM, "affirm"),
        ("很满意", Asked.SATISFACTION, "affirm"),
        ("没钱", Asked.REASON, "hardship"),
        ("别打了", Asked.DATE, "opt_out"),
        ("转人工", Asked.DIGITS, "want_human"),
    ],
)
def test_the_question_gives_the_answer_its_meaning(
    understander: Understander, text: str, asked: Asked, meant: str
) -> None:
    meanings = found(understander, text, asked)
    assert next(iter(meanings)) == meant
    assert meanings[meant] >= ACCEPT


def test_no_after_can_you_pay_is_asked_again(understander: Understander) -> None:
    """没有 may be "I will not" or "I have nothing": neither is guessed."""
    meanings = found(understander, "没有", Asked.ABILITY)
    assert max(meanings.get("refuse_to_pay", 0.0), meanings.get("hardship", 0.0)) < ACCEPT


def test_no_to_is_that_you_leads_where_the_flow_says(understander: Understander) -> None:
    meanings = found(understander, "不是", Asked.IDENTITY)
    assert meanings["deny"] >= ACCEPT
    assert "confirm_identity" not in meanings or meanings["confirm_identity"] < 0.5


def test_a_name_of_a_node_tells_what_was_asked(understander: Understander) -> None:
    understood = understander.understand("嗯", language="zh", today=TODAY, after_node="ask_person")
    assert understood.intents[0].name == "confirm_identity"


@pytest.mark.parametrize(
    ("simplified", "traditional"),
    [("我要转人工", "我要轉人工"), ("别打电话来了", "別打電話來了"), ("打错了", "打錯了")],
)
def test_traditional_characters_mean_the_same(
    understander: Understander, simplified: str, traditional: str
) -> None:
    assert found(understander, simplified) == found(understander, traditional)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("比打了", "opt_out"),
        ("转仁工", "want_human"),
        ("大错了", "wrong_number"),
        ("我不想或了", "vulnerable"),
    ],
)
def test_homophones_mean_the_same(understander: Understander, text: str, meant: str) -> None:
    assert found(understander, text).get(meant, 0.0) >= 0.5


@pytest.mark.parametrize(
    "text",
    [
        "你们刚才给我打电话了", "你们打电话来干嘛", "我看到你们的未接来电", "这个号刚才给我打电话了吧",
        "you just called me", "I had a missed call from you", "I'm returning your call", "what did you call about",
    ],
)  # fmt: skip
def test_who_rings_back_wishes_for_no_end_of_calls(understander: Understander, text: str) -> None:
    meanings = found(understander, text)
    assert max(meanings.get("opt_out", 0.0), meanings.get("wrong_number", 0.0)) < DOUBT_FROM


@pytest.mark.parametrize(
    "text",
    [
        "你们刚才又打电话了 别打了", "你们刚才给我打电话了 把我号码删了", "刚才你们给我打电话 我要投诉 不要再打",
        "you called me an hour ago stop calling", "another missed call from you, take me off the list",
    ],
)  # fmt: skip
def test_and_with_a_wish_it_is_one(understander: Understander, text: str) -> None:
    assert found(understander, text)["opt_out"] >= ACCEPT_PROTECTIVE


def test_a_language_nobody_taught_it_is_refused(understander: Understander) -> None:
    with pytest.raises(ValueError, match="zh, en"):
        understander.understand("bonjour", language="fr", today=TODAY)


@settings(max_examples=150, deadline=None)
@given(
    text=st.one_of(
        st.text(max_size=200),
        st.text(
            alphabet="零一二三四五六七八九十百千万亿点号月日周下个半分之块元0123456789./-%$ ", max_size=60
        ),
        st.lists(
            st.sampled_from(
                [
                    "one",
                    "two",
                    "twenty",
                    "hundred",
                    "thousand",
                    "and",
                    "a",
                    "half",
                    "point",
                    "the",
                    "of",
                    "next",
                    "first",
                    "fifth",
                    "march",
                    "friday",
                    "in",
                    "weeks",
                    "$",
                    "12",
                    "%",
                    "k",
                    "to",
                    "past",
                ]
            ),
            max_size=25,
        ).map(" ".join),
    ),
    language=st.sampled_from(["zh", "en", "zh-CN"]),
    asked=st.sampled_from(list(Asked)),
    today=st.dates(min_value=date(2020, 1, 1), max_value=date(2040, 12, 31)),
)
def test_any_text_gets_an_answer_that_makes_sense(
    understander: Understander, text: str, language: str, asked: Asked, today: date
) -> None:
    understood = understander.understand(text, language=language, asked=asked, today=today)
    sure = [intent.confidence for intent in understood.intents]
    assert sure == sorted(sure, reverse=True)
    assert all(0 < confidence <= 1 for confidence in sure)
    assert {intent.name for intent in understood.intents} <= INTENTS
    for mention in understood.slots.days:
        assert (mention.day is None) != (mention.problem is None)
        assert mention.day is None or mention.day >= today
    for amount in understood.slots.amounts:
        assert (amount.minor is None) != (amount.share is None)


@pytest.mark.parametrize(
    "text",
    [
        "万" * LONG, "一" * LONG, "十" * LONG, "1" * LONG, "1," * LONG, "一点" * LONG, "下个" * LONG, "，" * LONG, "三天" * LONG,
        "one " * LONG, "and a half " * LONG, "the " * LONG, "$" * LONG, "half past " * LONG, "uh " * LONG, "'" * LONG, " " * LONG, "oh " * LONG,
        "double " * LONG, "march " * LONG, "a couple " * LONG, "no " * LONG, "不" * LONG,
    ],
    ids=lambda text: text[:6],
)  # fmt: skip
def test_hostile_text_takes_no_time(understander: Understander, text: str) -> None:
    for language in ("zh", "en"):
        began = time.process_time()
        understander.understand(text, language=language, today=TODAY)
        assert (time.process_time() - began) * 1000 < LONG_MS
