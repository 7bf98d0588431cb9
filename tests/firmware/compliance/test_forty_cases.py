"""The forty edge cases of the rule research, E01-E40: those that the gate answers and that no other file names.

docs/compliance.md says for each of the forty which test pins it; the last test here holds that table to the code.
"""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from firmware.compliance import Gate, Outcome, PackLibrary, PastAttempt, Point, SuppressionEntry
from firmware.compliance.library import load_packs
from firmware.compliance.limits import LimitRule
from firmware.compliance.merge import merge
from firmware.compliance.numbering import number_facts
from firmware.compliance.opening_hours import zone_named
from firmware.compliance.pack import Limit
from firmware.rules.in_force import everything_approved
from firmware.values import E164

ROOT = Path(__file__).resolve().parents[3]
DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
CONSENT = ("prior_express_consent",)
NEW_YORK, BOSTON, LOS_ANGELES = "+12125550123", "+16175550123", "+13105550123"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.fixture
def american(scene: Any) -> Any:
    """A lawful call to a Denver number, Tuesday 2026-11-24 10:00 there."""
    order = replace(
        scene.order,
        number=E164("+13035550123"),
        caller_number=E164("+13035550124"),
        region=None,
        consents=CONSENT,
        max_call_s=300,
    )
    return replace(scene, order=order, now=at("2026-11-24T10:00:00-07:00"))


def to(scene: Any, number: str, **changes: Any) -> Any:
    return replace(
        scene,
        order=replace(scene.order, number=E164(number), caller_number=E164(number[:-1] + "4"), **changes),
    )


def test_e01_e02_the_opening_hour_moves_with_the_clocks(american: Any) -> None:
    """The Mondays after each change: 09:00 in New York and in London, floor hours."""
    new_york = to(american, NEW_YORK)
    assert new_york.ask(at=at("2026-10-31T20:00:00-04:00")).until == at("2026-11-02T14:00:00+00:00")
    assert new_york.ask(at=at("2026-10-24T20:00:00-04:00")).until == at("2026-10-26T13:00:00+00:00")
    assert new_york.ask(at=at("2027-03-13T20:00:00-05:00")).until == at("2027-03-15T13:00:00+00:00")


def test_e04_rolling_hours_and_calendar_days_both_count_when_a_day_has_25_hours(american: Any) -> None:
    """Calls at 09:30 and 14:00 on Saturday before the clocks go back: 24 hours later is not yet another Monday."""
    zone = zone_named("America/New_York")
    past = american.attempt(reserved_at=at("2026-10-31T09:30:00-04:00"))
    found = {}
    for line in ("rolling_s:172800", "calendar_days:2"):
        limit = Limit(id="x", count="attempt", per="person", window=line, max=1)
        found[line] = LimitRule(limit, american.order, [past], [zone]).next_allowed(past.reserved_at)
    assert found["rolling_s:172800"] == at("2026-11-02T08:30:00-05:00"), (
        "48 elapsed hours: an hour early by the wall"
    )
    assert found["calendar_days:2"] == at("2026-11-02T00:00:00-05:00"), (
        "two of the callee's dates: 49 hours on"
    )


def test_e06_a_country_without_an_address_is_every_zone_it_has(scene: Any, library: PackLibrary) -> None:
    """A British number of somebody known only to live in the United States: never open together with London."""
    british = replace(
        scene.order, number=E164("+442079460000"), caller_number=E164("+442079460001"), region="US"
    )
    decision = replace(scene, order=replace(british, consents=CONSENT)).ask(
        at=at("2026-11-24T15:00:00+00:00")
    )
    assert {"Pacific/Honolulu", "America/New_York", "Europe/London"} <= set(decision.zones)
    assert (decision.outcome, decision.until) == (Outcome.REFUSE, None)


@pytest.mark.parametrize(
    ("number", "zones"),
    [
        ("+12705550123", {"America/New_York", "America/Chicago"}),
        ("+18505550123", {"America/New_York", "America/Chicago"}),
        ("+19155550123", {"America/Denver", "America/Chicago"}),
        ("+18075550123", {"America/Toronto", "America/Winnipeg"}),
        ("+13035550123", {"America/Denver"}),
        ("+34612345678", {"Europe/Madrid", "Atlantic/Canary"}),
    ],
)
def test_e06_an_area_code_that_a_zone_boundary_crosses_lies_in_both(number: str, zones: set[str]) -> None:
    assert number_facts(number).zones == zones


def test_e07_two_addresses_are_open_together(american: Any) -> None:
    coast = to(american, NEW_YORK, region="US-CA")
    decision = coast.ask(at=at("2026-11-24T10:00:00-05:00"))
    assert (decision.outcome, decision.until) == (Outcome.DEFER, at("2026-11-24T09:00:00-08:00"))
    assert coast.ask(at=at("2026-11-24T15:50:01-08:00")).until == at("2026-11-25T09:00:00-08:00"), (
        "18:50 in New York is the last dial of a five-minute call"
    )


def test_e08_the_number_and_the_address_bring_their_own_rules(american: Any) -> None:
    boston = to(american, BOSTON, region="US-NY-NYC")
    decision = boston.ask(at=at("2026-11-24T10:00:00-05:00"))
    assert {"us-ma@1", "us-ny-nyc@1", "us@1", "floor@1"} <= set(decision.packs)
    tried = {tried.rule for tried in decision.tried}
    assert {"US-MA-FRQ-1", "US-NYC-FRQ-1"} <= tried
    letters = tuple(
        boston.attempt(reserved_at=at(f"2026-11-{day}T12:00:00-05:00"), channel="sms", disposition=None)
        for day in (21, 22)
    )
    told = boston.ask(attempts=letters, at=at("2026-11-24T10:00:00-05:00"))
    assert told.rule.startswith("US-MA-FRQ"), "two in seven days over all channels"


def test_e11_a_talk_late_on_monday_there_is_mondays_although_it_is_tuesday_in_utc(american: Any) -> None:
    new_york = to(american, NEW_YORK)
    talk = new_york.attempt(
        reserved_at=at("2026-11-23T22:30:00-05:00"), connected=True, conversation=True, disposition="no_decision",
        channel="inbound",
    )  # fmt: skip
    decision = new_york.ask(attempts=(talk,), at=at("2026-11-24T12:00:00-05:00"))
    assert (decision.outcome, decision.until) == (Outcome.DEFER, at("2026-11-30T09:00:00-05:00"))


def test_e12_three_years_from_a_leap_day_are_the_longer_of_days_and_anniversary(library: PackLibrary) -> None:
    packs, _ = library.governing(["US"], "+13035550123")
    kept = merge(packs)
    since = date(2028, 2, 29)
    assert since + kept.recording_min_days * DAY == date(2031, 3, 1), "1095 days would be the 28th, too early"
    assert kept.audit_min_days == kept.recording_min_days


def test_e18_a_call_of_another_box_a_second_ago_counts_here(scene: Any) -> None:
    other = scene.attempt(SECOND, line_number=scene.order.caller_number, disposition=None)
    decision = scene.ask(attempts=(other,))
    assert (decision.outcome, decision.until) == (Outcome.DEFER, scene.now - SECOND + 4 * HOUR)


def test_e22_a_person_who_calls_in_is_in_peace_for_a_week_and_their_opt_out_stays(american: Any) -> None:
    inbound = american.attempt(
        HOUR, channel="inbound", connected=True, conversation=True, disposition="no_decision"
    )
    decision = american.ask(attempts=(inbound,))
    assert (decision.outcome, decision.rule) == (Outcome.DEFER, "ALL-FRQ-2-conversation")
    assert decision.until == at("2026-12-01T09:00:00-07:00")
    entry = SuppressionEntry(person="person-1", reason="opt_out", at=american.now - 2 * DAY)
    assert american.ask(attempts=(inbound,), suppressions=(entry,)).rule == "suppressed"
    assert american.ask(attempts=(replace(inbound, conversation=False),)).is_allowed, (
        "ringing in is no attempt of ours"
    )


def test_e25_old_zone_data_costs_an_hour_at_both_ends(scene: Any) -> None:
    old = replace(scene.box, zones_known_until=date(2026, 5, 1))
    fresh = replace(scene.box, zones_known_until=date(2026, 9, 1))
    nine, ten = at("2026-11-23T09:00:00+08:00"), at("2026-11-23T10:00:00+08:00")
    assert scene.ask(at=nine, box=replace(fresh, suppressions_confirmed_at=nine)).is_allowed
    decision = scene.ask(at=nine, box=replace(old, suppressions_confirmed_at=nine))
    assert (decision.outcome, decision.until) == (Outcome.DEFER, ten)
    late = at("2026-11-23T17:50:01+08:00")
    assert not scene.ask(at=late, box=replace(old, suppressions_confirmed_at=late)).is_allowed
    assert scene.ask(at=late - SECOND, box=replace(old, suppressions_confirmed_at=late)).is_allowed
    six = at("2026-11-23T18:00:00+08:00")
    there = {"box": replace(old, suppressions_confirmed_at=six), "point": Point.ANSWER}
    assert scene.ask(at=six - SECOND, **there).is_allowed
    assert not scene.ask(at=six, **there).is_allowed


def test_e27_a_storm_of_failures_is_bounded_by_the_caps_whatever_the_failure(scene: Any) -> None:
    placed: list[PastAttempt] = []
    now, end = scene.now, scene.now + 7 * DAY
    for disposition in ["busy", "no_answer", "congestion", "technical_failure", "unreachable"] * 20:
        decision = scene.ask(attempts=tuple(placed), at=now)
        now = now if decision.is_allowed else (decision.until or end)
        if now >= end:
            break
        placed.append(scene.attempt(reserved_at=now, disposition=disposition))
    assert len(placed) == 3, "as many as a week allows, however they fail"
    assert placed[1].reserved_at - placed[0].reserved_at >= 4 * HOUR


def test_e28_a_call_that_was_connected_for_no_time_at_all_counts(scene: Any) -> None:
    cut = scene.attempt(HOUR, connected=True, disposition="hung_up_early")
    assert scene.ask(attempts=(cut,)).outcome is Outcome.DEFER
    never = scene.attempt(HOUR, connected=False, disposition="technical_failure")
    assert scene.ask(attempts=(never,)).outcome is Outcome.DEFER, (
        "and so does one that never reached the network"
    )


def test_e31_hours_that_the_person_ruled_out_are_left_out(scene: Any) -> None:
    week = (((0, 10 * 60), (12 * 60, 24 * 60)),) * 7
    decision = scene.ask(stated_hours=week)
    assert (decision.rule, decision.until) == ("stated-hours", at("2026-11-23T12:00:00+08:00"))
    assert "asked not to be called" in decision.explain("en")


def test_e32_nobody_can_agree_to_be_called_in_the_night(scene: Any) -> None:
    agreed = scene.attempt(6 * DAY, conversation=True, connected=True, disposition="callback_set")
    night = at("2026-11-23T22:30:00+08:00")
    decision = scene.ask(
        attempts=(agreed,), at=night, consents=("call_me_at_2230",), stated_hours=(((22 * 60, 23 * 60),),) * 7
    )
    assert not decision.is_allowed
    assert {"hours-red-line", "window"} <= {tried.rule for tried in decision.tried if not tried.passed}


@pytest.mark.parametrize("status", ["paid", "disputed"])
def test_e33_what_changed_a_minute_before_the_dial_counts_at_the_dial(scene: Any, status: str) -> None:
    assert scene.ask(point=Point.ENQUEUE, at=scene.now - timedelta(minutes=1)).is_allowed
    assert scene.ask(point=Point.PREDIAL, status=status).rule == "ALL-STS-1"
    assert scene.ask(point=Point.ANSWER, status=status).rule == "ALL-STS-1"


def test_e34_a_consent_of_the_numbers_previous_owner_is_none(american: Any) -> None:
    given = at("2026-03-01T12:00:00+00:00")
    dated = {"consented_at": (("prior_express_consent", given),)}
    assert american.ask(**dated).is_allowed
    assert american.ask(number_reassigned_at=given - DAY, **dated).is_allowed
    assert american.ask(number_reassigned_at=given, **dated).is_allowed
    assert american.ask(number_reassigned_at=given + SECOND, **dated).rule == "consent"
    assert american.ask(number_reassigned_at=given).rule == "consent", "nobody knows how old it is"


def test_e35_a_pack_that_is_withdrawn_or_a_draft_does_not_dial(scene: Any, library: PackLibrary) -> None:
    for status in ("draft", "withdrawn"):
        packs = [
            msgspec.structs.replace(pack, pack=msgspec.structs.replace(pack.pack, status=status))
            if pack.pack.id == "cn"
            else pack
            for pack in library.packs
        ]
        again = PackLibrary(packs)
        decision = replace(scene, gate=Gate(again, everything_approved(again))).ask()
        assert (decision.outcome, decision.rule, decision.about_box) == (
            Outcome.REFUSE,
            "pack-unapproved",
            True,
        )


@pytest.mark.parametrize(
    ("channel", "counts_in_new_york", "counts_on_the_floor"),
    [
        ("sms", True, False),
        ("email", True, False),
        ("visit", True, False),
        ("agent", True, True),
        ("inbound", False, False),
        ("notice", False, False),
        ("carrier pigeon", True, True),
    ],
)
def test_e37_contacts_over_other_channels_use_up_the_caps_that_count_them(
    american: Any, channel: str, counts_in_new_york: bool, counts_on_the_floor: bool
) -> None:
    three = tuple(american.attempt(n * DAY, channel=channel, disposition=None) for n in (2, 3, 4))
    new_york = to(american, NEW_YORK)
    mine = tuple(replace(past, number=E164(NEW_YORK)) for past in three)
    failed = {tried.rule for tried in new_york.ask(attempts=mine).tried if not tried.passed}
    assert ("US-NYC-FRQ-1" in failed) is counts_in_new_york
    denver = {tried.rule for tried in american.ask(attempts=three).tried if not tried.passed}
    assert ("ALL-FRQ-1-person-7d" in denver) is counts_on_the_floor


def test_e37_an_imported_ledger_only_ever_makes_the_answer_stricter(scene: Any) -> None:
    own = (scene.attempt(5 * DAY),)
    before = scene.ask(attempts=own)
    assert before.is_allowed
    for channel in ("call", "agent", "sms", "inbound", "notice", "letter"):
        imported = scene.attempt(
            HOUR, channel=channel, connected=True, conversation=True, disposition="no_decision"
        )
        after = scene.ask(attempts=(*own, imported))
        assert not (after.is_allowed and not before.is_allowed)


def test_the_shipped_packs_are_the_ones_that_these_cases_speak_of() -> None:
    assert {"us", "us-ma", "us-ny-nyc", "cn", "floor"} <= {pack.pack.id for pack in load_packs().packs}


def test_every_one_of_the_forty_cases_is_accounted_for() -> None:
    """The table in docs/compliance.md: a test that exists, or the reason why there is none."""
    table = (ROOT / "docs/compliance.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| E(\d\d) \|.*\| (.+?) \|$", table, re.MULTILINE))
    assert sorted(rows) == [f"{number:02d}" for number in range(1, 41)]
    code = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("test_*.py"))
    for number, proof in rows.items():
        named = re.findall(r"`((?:test_|Test)\w+)`", proof)
        assert named or proof.startswith("not "), f"E{number} names neither a test nor a reason"
        for name in named:
            assert re.search(rf"(def|class) {name}\b", code), f"E{number} names {name}, which is not there"
