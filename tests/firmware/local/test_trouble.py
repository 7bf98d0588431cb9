"""What parts say becomes codes that can be said in any language, and every code has its words in both."""

import string
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from firmware.calls.desk import CLOSED
from firmware.calls.office_hours import OfficeHours, open_span
from firmware.clock import day_began
from firmware.daemon.health_watch import rules
from firmware.host.disk_space import DiskBudget
from firmware.lines.line import LineReport, LineStatus
from firmware.local import trouble
from firmware.local.facts import LineFacts, MachineFacts, UplinkFacts
from firmware.local.trouble import (
    GROUPS,
    alarms_of,
    bars_of,
    dialling_code,
    group_of,
    standing,
    trouble_of,
    verdict_of,
)
from firmware.local.words import ALARMS, DIALLING, LINE_STATUS, PAGE, VERDICTS
from firmware.local.words import GROUPS as GROUP_WORDS
from firmware.values import Disposition, LineId

READY = LineFacts(line="line-1", status="ready")
THERE = UplinkFacts(connected=True)


def test_every_code_has_words_in_both_languages() -> None:
    assert set(LINE_STATUS) == {status.value for status in LineStatus}
    assert set(GROUP_WORDS) == set(GROUPS) == {group_of(each) for each in Disposition}
    codes = {code for _, code in trouble._BY_WORDS} | {
        "pin",
        "absent",
        "network",
        "starting",
        "dead",
        "unwell",
    }
    assert {f"line_{code}" for code in codes} <= ALARMS.keys()
    assert trouble._ALARMS_OF_DIALLING.keys() <= ALARMS.keys()
    texts = [
        *VERDICTS.values(),
        *DIALLING.values(),
        *PAGE.values(),
        *(both for pair in ALARMS.values() for both in pair),
    ]
    for english, chinese in texts:
        assert english.isascii() or english == "中文"
        assert chinese == "English" or any(ord(letter) > 0x3000 for letter in chinese), chinese
        assert not set(english) & set("<>&")


@pytest.mark.parametrize(
    ("rssi_dbm", "bars"),
    [(None, None), (-113, 0), (-109, 0), (-101, 1), (-93, 2), (-85, 3), (-77, 4), (-51, 4)],
)
def test_a_signal_is_bars(rssi_dbm: int | None, bars: int | None) -> None:
    assert bars_of(rssi_dbm) == bars


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("yes", "yes"),
        (CLOSED, "closed"),
        ("held: the box is about to restart", "held"),
        ("the database cannot be used: disk I/O error", "database"),
        ("the disk is nearly full: 512 MiB must stay free for the database", "disk"),
        ("the gate failed its self-check: reinstall the firmware", "gate"),
        ("clock: waiting", "clock"),
        ("pack-unapproved: nobody here", "rules"),
        ("something-new: no words yet", "unfit"),
    ],
)
def test_why_the_box_does_not_dial(said: str, code: str) -> None:
    assert dialling_code(said) == code
    assert code in DIALLING


def test_the_whole_box_does_not_dial_without_a_line_or_the_time() -> None:
    absent = LineFacts(line="l", status="absent", trouble="absent")
    assert standing("yes", [READY, absent], clock_trusted=True) == "yes"
    assert standing("yes", [absent], clock_trusted=True) == "no_line"
    assert standing("yes", [READY], clock_trusted=False) == "clock"
    assert standing("stopped by the console", [absent], clock_trusted=False) == "stopped"


def report(status: LineStatus, detail: str = "", **more: object) -> LineReport:
    return LineReport(line=LineId("line-1"), status=status, detail=detail, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (report(LineStatus.READY), ""),
        (report(LineStatus.FAULTED, "only 2 tries are left before the PUK", asks_pin=True), "pin"),
        (report(LineStatus.FAULTED, "the SIM card asks for its PUK: unlock it"), "puk"),
        (report(LineStatus.FAULTED, "SIM absent: put in a SIM that is ready to use"), "sim"),
        (report(LineStatus.FAULTED, "it would not open its call audio"), "sound"),
        (report(LineStatus.FAULTED, "no answer", treatment="dead"), "dead"),
        (report(LineStatus.FAULTED, "no answer"), "unwell"),
        (report(LineStatus.ABSENT, "no modem at 1-1.3"), "absent"),
        (report(LineStatus.SEARCHING, "network: denied"), "network"),
    ],
)
def test_what_is_wrong_with_a_line(given: LineReport, code: str) -> None:
    assert trouble_of(given) == code


def test_the_verdict_asks_for_help_only_where_help_is_needed() -> None:
    def verdict(
        dialling: str, lines: list[LineFacts], uplink: UplinkFacts = THERE, *, trusted: bool = True
    ) -> str:
        alarms = alarms_of(
            dialling=dialling, dialling_detail="", clock_trusted=trusted, clock="waiting", lines=lines,
            uplink=uplink, machine=MachineFacts(), faults=[],
        )  # fmt: skip
        return verdict_of(dialling, lines, alarms)

    assert verdict("yes", [READY]) == "working"
    assert verdict("closed", [READY]) == "waiting"
    assert verdict("clock", [READY], trusted=False) == "waiting"
    assert verdict("yes", [LineFacts(line="l", status="starting", trouble="starting")]) == "waiting"
    assert verdict("yes", [READY, LineFacts(line="l", status="absent", trouble="absent")]) == "attention"
    assert verdict("yes", []) == "attention"
    assert verdict("yes", [READY], UplinkFacts(connected=False)) == "working"
    assert verdict("yes", [READY], UplinkFacts(connected=False, oldest_s=7 * 3600)) == "attention"


def test_what_health_has_raised_is_said_by_the_names_of_lines() -> None:
    raised = ["card_worn", "disk_low", "line_out:line-1", "line_unsteady:line-1", "under_voltage"]
    alarms = alarms_of(
        dialling="yes", dialling_detail="", clock_trusted=True, clock="",
        lines=[LineFacts(line="line-1", name="counter", status="ready")],
        uplink=THERE, machine=MachineFacts(), faults=[], raised=raised,
    )  # fmt: skip
    assert [(each.code, each.line, each.urgent) for each in alarms] == [
        ("under_voltage", "", True),
        ("card_worn", "", False),
        ("line_unsteady", "counter", False),
    ], "what the lines and the disk say of themselves is not said twice"


def test_every_alarm_of_health_is_said() -> None:
    said_elsewhere = {"disk_low", "line_out"}
    told = {rule.name for rule in rules(DiskBudget(folder=Path("/")))} - said_elsewhere
    assert told == set(trouble._RAISED)
    assert told <= set(ALARMS)


def test_the_office_opens_again_after_a_weekend() -> None:
    shanghai = ZoneInfo("Asia/Shanghai")
    hours = OfficeHours(zone=shanghai, spans=[open_span(["mon", "fri"], "09:00", "18:00")])
    friday_evening = datetime(2026, 11, 20, 19, tzinfo=shanghai)
    assert hours.next_open(friday_evening) == datetime(2026, 11, 23, 9, tzinfo=shanghai)
    open_now = datetime(2026, 11, 20, 10, tzinfo=shanghai)
    assert hours.next_open(open_now) == open_now
    assert OfficeHours(zone=shanghai, spans=[]).next_open(open_now) is None


def test_a_day_begins_at_the_offices_midnight() -> None:
    began = day_began(datetime(2026, 11, 23, 16, 30, tzinfo=UTC), ZoneInfo("Asia/Shanghai"))
    assert began == datetime(2026, 11, 23, 16, 0, tzinfo=UTC)


def test_words_hold_no_unfilled_place() -> None:
    for english, chinese in PAGE.values():
        for text in (english, chinese):
            assert {name for _, name, _, _ in string.Formatter().parse(text) if name} <= {"n"}
