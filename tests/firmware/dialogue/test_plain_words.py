"""Meanings that need no model: a key said as a word, a part of the money, what only sounds like need."""

from datetime import date

import pytest

from firmware.dialogue.events import Utterance
from firmware.dialogue.plain_words import key_said
from firmware.dialogue.replies import said_of
from firmware.dialogue.slots import Asked
from firmware.dialogue.understanding.understander import Understander

TODAY = date(2026, 12, 7)


@pytest.fixture(scope="module")
def understander() -> Understander:
    return Understander.load()


def meant(understander: Understander, text: str) -> dict[str, float]:
    language = "zh" if any(char >= "一" for char in text) else "en"
    found = understander.understand(text, language=language, asked=Asked.ABILITY, today=TODAY)
    said = said_of(Utterance(text=text, intents=found.intents, slots=found.slots), language)
    return dict(said.intents)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("二", "2"), ("按二", "2"), ("选3吧", "3"), ("两", "2"), ("零", "0"), ("two", "2"), ("Press four, please.", "4"),
        ("option 5", "5"), ("二十", None), ("一点", None), ("two hundred", None), ("twenty two", None), ("", None), ("好", None),
    ],
)  # fmt: skip
def test_a_key_may_be_said(text: str, key: str | None) -> None:
    assert key_said(text) == key


@pytest.mark.parametrize(
    ("text", "is_part"),
    [
        ("我下周三先还三百吧", True), ("先还一部分行不行", True), ("可以先还一半", True), ("我明天全部还清", False),
        ("能不能每个月还两百", False), ("下个星期五先还三百", True), ("下一个星期还三百", True),
        ("一个月还三百行吗", False), ("分三期，一期四百", False), ("我明天还", False),
        ("I could do three hundred next Wednesday", True), ("I can pay some of it on Friday", True),
        ("can I pay two hundred a month", False), ("I will pay all of it tomorrow", False), ("can I split it", False),
    ],
)  # fmt: skip
def test_a_part_is_heard(understander: Understander, text: str, *, is_part: bool) -> None:
    assert ("promise_part" in meant(understander, text)) == is_part


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("他已经去世了", "deceased"), ("你跟我律师谈吧", "has_lawyer"), ("爸爸妈妈不在家", "minor"),
        ("he passed away", "deceased"), ("talk to my lawyer please", "has_lawyer"),
        ("my parents are not home", "minor"),
    ],
)  # fmt: skip
def test_what_only_sounds_like_need_is_told_by_its_name(
    understander: Understander, text: str, name: str
) -> None:
    found = meant(understander, text)
    assert found[name] >= 0.7
    assert "vulnerable" not in found


@pytest.mark.parametrize(
    "text",
    ["我老公去世了，我也不想活了", "我妈刚走，我撑不住了", "my husband died and I can't go on", "I want to die, call my lawyer"],
)  # fmt: skip
def test_who_is_in_need_stays_so(understander: Understander, text: str) -> None:
    assert meant(understander, text)["vulnerable"] >= 0.5
