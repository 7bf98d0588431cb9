"""What boxes say in codes has words in both languages, for everything that this program's boxes say."""

import re
from pathlib import Path

import pytest

import firmware
from console.web.box_words import (
    CAUSES,
    DIALLING,
    EVENTS,
    REASONS,
    cause_word,
    dialling_word,
    event_word,
    reason_word,
    rule_word,
)
from firmware.daemon.health_watch import rules
from firmware.host.disk_space import DiskBudget, Room
from firmware.lines.line import EndKind

FIRMWARE = Path(firmware.__file__).parent
SAID = re.compile(r"""(?:reports\.event|self\._event)\(\s*con,\s*"([a-z_]+)",""")


def test_every_event_of_a_box_has_words(tmp_path: Path) -> None:
    found = {
        name for path in FIRMWARE.rglob("*.py") for name in SAID.findall(path.read_text(encoding="utf-8"))
    }
    assert len(found) > 8, "the way in which events are told has changed"
    found |= {rule.name for rule in rules(DiskBudget(folder=tmp_path))} | {
        f"disk_{room.value}" for room in Room
    }
    assert found - EVENTS.keys() == set()


def test_every_way_a_call_ends_has_words() -> None:
    assert {kind.value for kind in EndKind} - CAUSES.keys() == set()


def test_all_words_are_in_both_languages() -> None:
    for words in (EVENTS, REASONS, CAUSES, DIALLING):
        for english, chinese in words.values():
            assert english.isascii()
            assert re.search("[\u4e00-\u9fff]", chinese)


@pytest.mark.parametrize(
    ("said", "english", "chinese"),
    [
        (event_word("too_hot_over", "en"), "over: the box is too hot", "已恢复：盒子温度过高"),
        (event_word("of_a_newer_box", "en"), "of_a_newer_box", "of_a_newer_box"),
    ],
)
def test_an_event_that_is_over_and_one_that_is_unknown(said: str, english: str, chinese: str) -> None:
    assert said == english
    assert event_word({"over: the box is too hot": "too_hot_over"}.get(english, english), "zh") == chinese


def test_reasons_causes_and_why_nothing_is_dialled() -> None:
    assert reason_word("campaign_over", "zh") == "任务已结束"
    assert reason_word("stranger", "zh") == "stranger"
    assert cause_word("busy", "zh") == "占线"
    assert dialling_word("the disk is nearly full: 100 MiB must stay free", "zh") == "存储空间将满"
    assert dialling_word("suppression-lease: The do-not-call list is too old.", "zh").startswith(
        "勿扰名单过旧"
    )
    assert dialling_word("something new", "zh") == "something new"


def test_a_rule_is_told_as_the_box_told_it_or_by_the_rule() -> None:
    assert rule_word("ALL-FRQ-1", "本人当天已拨打2次。", "zh") == "本人当天已拨打2次。"
    assert rule_word("ALL-FRQ-1", "Two calls today.", "zh").startswith("此人已达拨打次数上限")
    assert rule_word("ALL-FRQ-1", "Two calls today.", "en") == "Two calls today."
    assert rule_word("ALL-STS-1", "", "en") == "Only open cases are called."
