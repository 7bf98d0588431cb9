"""What a clerk is told, in Chinese and English."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from firmware.compliance import Outcome, PackLibrary, SuppressionEntry
from firmware.compliance.explanations import REASONS, WORDS, explain
from firmware.compliance.limits import CooldownRule, LimitRule, TimeRule


@pytest.mark.parametrize(
    ("changes", "english", "chinese"),
    [
        pytest.param({}, "may be placed now", "现在可以拨打", id="allowed"),
        pytest.param({"status": "paid"}, "Only open cases are called: paid.", "已还清。", id="paid"),
        pytest.param({"status": "odd"}, "Only open cases are called.", "案件。", id="unknown status"),
        pytest.param(
            {"number": "13800138000"}, "lacks its country code.", "缺少国家代码。", id="no country code"
        ),
        pytest.param({"number": "+86110"}, "an emergency number.", "紧急号码。", id="emergency"),
        pytest.param({"number": "+449098790000"}, "premium-rate number.", "高额收费", id="premium rate"),
        pytest.param({"number": "+864001234567"}, "own telephone.", "不是个人电话。", id="company number"),
        pytest.param({"region": "JP"}, "no rule pack", "规则包", id="no rules"),
        pytest.param(
            {"at": datetime(2026, 11, 23, 12, tzinfo=UTC)},
            "from 2026-11-24 09:00:00 (Asia/Shanghai)",
            "最早可于2026-11-24 09:00:00 (Asia/Shanghai)拨打",
            id="too late today",
        ),
    ],
)
def test_sentences(scene: Any, changes: dict[str, Any], english: str, chinese: str) -> None:
    decision = scene.ask(**changes)
    assert english in decision.explain("en")
    assert chinese in decision.explain("zh-CN")


def test_the_reason_for_a_suppression_is_told(scene: Any) -> None:
    entry = SuppressionEntry(person="person-1", reason="opt_out", at=scene.now)
    decision = scene.ask(suppressions=(entry,))
    assert decision.explain("en").endswith("asked not to be called.")
    assert decision.explain("zh").endswith("本人要求不再致电。")


def test_a_rule_of_a_later_pack_is_named_by_its_id(scene: Any, scene_with: Any, make_pack: Any) -> None:
    odd = make_pack(
        "odd", '[[limit]]\nid = "XX-1"\ncount = "attempt"\nper = "person"\nwindow = "rolling_s:60"\nmax = 1'
    )
    past = scene.attempt(timedelta(seconds=5), person="person-1", number="+8613800138000")
    decision = scene_with(odd).ask(attempts=(past,))
    told = explain("refuse", "XX-1", detail="", until=None, zones=(), language="en")
    assert told == "A rule of the rule pack stands against it (XX-1)."
    assert decision.outcome is Outcome.DEFER


def test_every_rule_of_the_gate_and_of_every_shipped_pack_has_words(scene: Any, library: PackLibrary) -> None:
    rules = {tried.rule for tried in scene.ask().tried}
    rules |= {"gate-error", "no-open-time", "pack-review-due", "allowed", "stated-hours"}
    details = dict.fromkeys(rules, "")
    zones = [ZoneInfo("Asia/Shanghai")]
    for pack in library.packs:
        timed: list[TimeRule] = [LimitRule(limit, scene.order, [], zones) for limit in pack.limit]
        timed += [CooldownRule(cooldown, scene.order, [], zones) for cooldown in pack.cooldown]
        details |= {one.rule: one.detail(scene.now) for one in timed}
    for rule, detail in sorted(details.items()):
        for language in ("zh-CN", "en"):
            told = explain("refuse", rule, detail=detail, until=None, zones=(), language=language)
            assert rule.isalpha() or rule not in told, "a clerk does not read rule ids"
            assert "of the rule pack stands" not in told
            assert "规则包中的规定" not in told
            assert re.search("[\u4e00-\u9fff]" if language == "zh-CN" else "[a-z]", told)


def test_every_status_the_packs_block_has_a_word(library: PackLibrary) -> None:
    assert {status for pack in library.packs for status in pack.gate.status_blocks} <= set(WORDS)
    assert all(english and chinese for english, chinese in (*REASONS.values(), *WORDS.values()))


def test_a_hold_asks_for_a_person(scene_with: Any, make_pack: Any) -> None:
    decision = scene_with(make_pack("people", '[gate]\nautomation = "live_only"')).ask()
    assert decision.explain("en").endswith("Somebody has to act first.")
    assert decision.explain("zh").endswith("须先由人工处理。")
