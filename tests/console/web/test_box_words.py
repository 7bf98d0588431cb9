"""What boxes say in codes has words in both languages, for everything that this program's boxes say."""

import re
from pathlib import Path

import pytest

import firmware
from console.web.box_details import DETAILS, OTHER_WAYS, TURNED_AWAY, UPDATE_FAILURES, detail_words
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
    others = {str(both): both for ways in OTHER_WAYS.values() for both in ways}
    for words in (EVENTS, REASONS, CAUSES, DIALLING, DETAILS, others, UPDATE_FAILURES, TURNED_AWAY):
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


def test_what_stands_behind_an_alarm_is_told_in_the_readers_language(tmp_path: Path) -> None:
    """In English as the box itself says it: its words and ours are made of the same figures."""
    for rule in rules(DiskBudget(folder=tmp_path)):
        said = rule.advice.format(value=7.4, subject="line-1")
        assert detail_words(rule.name, "line-1", '{"value": "7"}', said, "en") == said
        chinese = detail_words(rule.name, "line-1", '{"value": "7"}', said, "zh")
        assert re.search("[\u4e00-\u9fff]", chinese)
        assert ("{value" in rule.advice) == ("7" in chinese)


@pytest.mark.parametrize(
    ("event", "facts", "said", "chinese"),
    [
        ("disk_low", '{"free": "900"}', "900 MiB left", "磁盘仅剩 900 MiB：请取走录音或腾出空间"),
        ("update_failed", '{"version": "1.4.0", "reason": "rolled_back"}', "", "1.4.0 已撤回：在该盒子上运行不正常"),
        ("update_failed", '{"version": "1.4.0", "reason": "newer"}', "", "1.4.0 已撤回：newer"),
        ("callers_turned_away", "{}", "too many calls from one number within an hour", "同一号码来电过多"),
        ("too_hot", "{}", "of an older box", "of an older box"),
        ("too_hot", '{"degrees": "81"}', "of a newer box", "of a newer box"),
        ("of_a_newer_box", '{"value": "81"}', "its own words", "its own words"),
        ("too_hot", '{"value": "{0.__class__}"}', "", "处理器已达 {0.__class__} 度并降速：请保持通风，避免日晒"),
    ],
)  # fmt: skip
def test_a_detail_without_figures_that_we_know_stays_as_the_box_said_it(
    event: str, facts: str, said: str, chinese: str
) -> None:
    assert detail_words(event, None, facts, said, "zh") == chinese


def test_a_rule_is_told_as_the_box_told_it_or_by_the_rule() -> None:
    assert rule_word("ALL-FRQ-1", "本人当天已拨打2次。", "zh") == "本人当天已拨打2次。"
    assert rule_word("ALL-FRQ-1", "Two calls today.", "zh").startswith("此人已达拨打次数上限")
    assert rule_word("ALL-FRQ-1", "Two calls today.", "en") == "Two calls today."
    assert rule_word("ALL-STS-1", "", "en") == "Only open cases are called."
