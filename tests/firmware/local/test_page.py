"""What the page says, and the text that Prometheus reads."""

import re
from datetime import timedelta

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from firmware.local.facts import Alarm, BoxFacts, QueueFacts
from firmware.local.metrics import metrics_of
from firmware.local.page import StatusPage
from firmware.local.words import ALARMS, Language
from tests.firmware.local.made_facts import NOON, TROUBLED, WAITING, WORKING


def words_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html.split("</style>")[1]))


def test_first_whether_it_works_and_what_to_do() -> None:
    words = words_of(StatusPage("en").of(WORKING))
    assert (
        words.index("The box is working") < words.index("What should I do?") < words.index("Telephone lines")
    )
    assert "Nothing. Leave it switched on." in words
    words = words_of(StatusPage("en").of(TROUBLED))
    assert "The box needs your help" in words
    assert "line-2: Modem not found. Check that its USB plug sits firmly." in words.replace(
        " Check", " Check"
    ).replace("  ", " ")
    assert "It is waiting for the right time" in words
    assert "Waiting for the right time." in words
    assert "1,250 messages, the oldest for 8 h" in words


def test_the_same_in_chinese() -> None:
    html = StatusPage("zh").of(TROUBLED)
    assert '<html lang="zh-CN">' in html
    words = words_of(html)
    for said in ("设备需要您处理", "正在等待校准时间", "line-2: 找不到调制解调器", "最早的已等待 8 小时"):
        assert said in words
    english_left = set(re.findall(r"[A-Za-z]{4,}", words)) - {
        "Branchline",
        "branch",
        "English",
        "line",
        "Asia",
        "Shanghai",
        "UNICOM",
    }
    assert english_left == set()


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        (WORKING, "now"),
        (WAITING, "17:20"),
        (TROUBLED, "2026-11-25 10:20"),
        (msgspec.structs.replace(WORKING, queue=QueueFacts()), "nobody is waiting"),
        (msgspec.structs.replace(WORKING, dialling="stopped"), "when head office allows it again"),
        (msgspec.structs.replace(WORKING, dialling="held", held_until=NOON + timedelta(minutes=15)), "14:35"),
        (msgspec.structs.replace(WORKING, dialling="disk"), "–"),
    ],
)
def test_when_the_next_call_may_be(facts: BoxFacts, says: str) -> None:
    html = StatusPage("en").of(facts)
    assert f"<dt>Next call at the earliest</dt><dd>{says}</dd>" in html


def test_what_parts_say_is_escaped_and_nothing_comes_from_elsewhere() -> None:
    html = StatusPage("en").of(TROUBLED)
    assert "&lt;柜台&gt;" in html
    assert "<柜台>" not in html
    for forbidden in ("<script", "http://", "https://", "url(", "src=", "@import", "onload", "style="):
        assert forbidden not in html


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_alarm_can_be_shown(language: Language) -> None:
    alarms = [Alarm(code=code, line="line-1" if code.startswith("line_") else "") for code in ALARMS]
    html = StatusPage(language).of(msgspec.structs.replace(TROUBLED, alarms=alarms))
    assert html.count("<li class=") >= len(ALARMS)


def test_metrics_are_what_prometheus_reads() -> None:
    families = {each.name: each for each in text_string_to_metric_families(metrics_of(TROUBLED).decode())}

    def value(name: str, **labels: str) -> float:
        (sample,) = [each for each in families[name].samples if labels.items() <= each.labels.items()]
        return sample.value

    assert value("branchline_dialling") == 0
    assert value("branchline_clock_trusted") == 0
    assert value("branchline_outbox_messages") == 1250
    assert value("branchline_line_status", line="line-2", status="absent") == 1
    assert value("branchline_line_status", line="line-2", status="ready") == 0
    assert value("branchline_line_rssi_dbm", line="line-3") == -111
    assert value("branchline_alarm", code="line_absent") == 1
    assert value("branchline_alarm", code="disk") == 0
    assert value("branchline_calls_today", group="right_party") == 0
    again = {each.name for each in text_string_to_metric_families(metrics_of(WORKING).decode())}
    assert again == set(families)
