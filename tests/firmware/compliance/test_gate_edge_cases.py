"""The edge cases a tester would try, by their numbers in the rule research where they have one."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import holidays
import msgspec
import pytest

from firmware.compliance import Gate, Outcome, PackLibrary, Point, SuppressionEntry
from firmware.compliance.holiday_calendar import HolidayCalendars, possible_days_off
from firmware.compliance.merge import policy_of
from firmware.compliance.opening_hours import OpeningHours, first_instant
from firmware.compliance.policy import ALWAYS
from firmware.compliance.red_lines import ENVELOPE

DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def cst(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+08:00").astimezone(UTC)


def opening(zones: list[str], after: datetime) -> tuple[datetime, datetime]:
    """The first stretch that 08:00-21:00 leaves open in all zones after an instant."""
    hours = OpeningHours("hours", ENVELOPE, [ZoneInfo(name) for name in zones], must_last_s=0)
    start = hours.next_allowed(after)
    assert start is not None
    end = start
    while hours.next_allowed(end) == end:
        end += timedelta(minutes=30)
    assert hours.next_allowed(end - SECOND) == end - SECOND
    return start, end


@pytest.mark.parametrize(
    ("zones", "after", "start", "end"),
    [
        pytest.param(["America/New_York"], "2026-11-01T05", "2026-11-01T13", "2026-11-02T02", id="1 DST ends, NY"),
        pytest.param(["America/New_York"], "2026-10-31T05", "2026-10-31T12", "2026-11-01T01", id="1 the day before"),
        pytest.param(["America/New_York"], "2027-03-14T05", "2027-03-14T12", "2027-03-15T01", id="2 DST starts, NY"),
        pytest.param(["Europe/London"], "2027-03-28T00", "2027-03-28T07", "2027-03-28T20", id="2 DST starts, London"),
        pytest.param(
            ["America/New_York", "America/Los_Angeles"],
            "2026-12-01T05",
            "2026-12-01T16",
            "2026-12-02T02",
            id="7 two addresses, NY and LA",
        ),
        pytest.param(
            ["Europe/Kaliningrad", "Asia/Kamchatka"],
            "2026-12-01T00",
            "2026-12-01T06",
            "2026-12-01T09",
            id="7 the ends of Russia",
        ),
        pytest.param(
            ["America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Anchorage",
             "America/Adak", "Pacific/Honolulu", "America/Puerto_Rico"],
            "2026-12-01T05",
            "2026-12-01T18",
            "2026-12-02T01",
            id="6 anywhere in the fifty states and Puerto Rico",
        ),
        pytest.param(
            ["America/New_York", "Pacific/Honolulu", "America/Puerto_Rico", "Pacific/Guam"],
            "2026-12-01T05",
            "2026-12-01T22",
            "2026-12-02T01",
            id="6 with Guam",
        ),
    ],
)  # fmt: skip
def test_the_hours_open_everywhere_the_callee_may_be(
    zones: list[str], after: str, start: str, end: str
) -> None:
    assert opening(zones, utc(after)) == (utc(start), utc(end))


def test_3_a_calendar_day_may_have_a_half_hour_more() -> None:
    zone = ZoneInfo("Australia/Lord_Howe")
    assert first_instant(zone, date(2027, 4, 5)) - first_instant(zone, date(2027, 4, 4)) == timedelta(
        hours=24.5
    )


def test_5_a_window_edge_that_the_clock_skips_or_repeats_takes_the_stricter_reading() -> None:
    zone = ZoneInfo("America/New_York")
    at_half_past_two = (((150, 151 + 60),),) * 7  # 02:30-03:31
    spring = OpeningHours("hours", at_half_past_two, [zone], must_last_s=0)
    assert spring.next_allowed(utc("2027-03-14T06:00")) == utc("2027-03-14T07:30"), "02:30 is skipped: later"
    at_half_past_one = (((90, 150),),) * 7  # 01:30-02:30, and 01:30 comes twice
    autumn = OpeningHours("hours", at_half_past_one, [zone], must_last_s=0)
    assert autumn.next_allowed(utc("2026-11-01T05:00")) == utc("2026-11-01T06:30"), "twice: the second"
    ending = OpeningHours("hours", (((0, 90),),) * 7, [zone], must_last_s=0)
    assert ending.next_allowed(utc("2026-11-01T05:29:59")) == utc("2026-11-01T05:29:59")
    assert ending.next_allowed(utc("2026-11-01T05:30")) == utc("2026-11-02T05:00"), "…and as an end the first"


def test_9_quiet_hours_across_midnight_and_a_script_that_would_overrun(make_pack: Any) -> None:
    week = policy_of(make_pack("q", '[time]\nquiet_hours = [{ start = "22:00", end = "08:00" }]')).week
    assert week == ((((8 * 60, 22 * 60),),) * 7)
    three_minutes = OpeningHours("hours", week, [ZoneInfo("Asia/Shanghai")], must_last_s=180)
    assert three_minutes.next_allowed(cst("2026-11-23T21:57:00")) == cst("2026-11-23T21:57:00")
    assert three_minutes.next_allowed(cst("2026-11-23T21:57:01")) == cst("2026-11-24T08:00:00")
    assert three_minutes.next_allowed(cst("2026-11-23T21:59:59")) == cst("2026-11-24T08:00:00")


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2026-11-23T08:59:59.999999", False),
        ("2026-11-23T09:00:00", True),
        ("2026-11-23T18:50:00", True),
        ("2026-11-23T18:50:00.000001", False),
        ("2026-11-28T09:00:00", True),
        ("2026-11-28T13:50:00", True),
        ("2026-11-28T13:50:01", False),
        ("2026-11-29T10:00:00", False),
    ],
)
def test_10_boundary_instants_with_five_minutes_guard_and_five_minutes_call(
    scene: Any, at: str, is_open: bool
) -> None:
    assert scene.ask(at=cst(at)).is_allowed is is_open


@pytest.mark.parametrize("second", [(7, 59, 59), (21, 0, 0), (20, 55, 1), (3, 0, 0)])
def test_6_no_pack_opens_the_night(
    scene: Any, make_pack: Any, approve_all: Any, second: tuple[int, int, int]
) -> None:
    """Red line 6, even with a floor file that was tampered with and a consent to be called."""
    floor = make_pack("floor", layer="floor")
    country = make_pack("cn", layer="jurisdiction", places=("CN",))
    assert policy_of(floor).week == ALWAYS
    wide_open = replace(scene, gate=approve_all(PackLibrary([floor, country])))
    night = cst("2026-11-23T00:00:00") + timedelta(hours=second[0], minutes=second[1], seconds=second[2])
    decision = wide_open.ask(at=night, consents=("call_me_at_night", "urgent"))
    assert (decision.outcome, decision.rule) == (Outcome.DEFER, "hours-red-line")
    assert wide_open.ask(at=cst("2026-11-23T20:55:00")).is_allowed


def test_11_the_day_of_a_conversation_is_the_callees_day_one(scene: Any) -> None:
    talked = scene.attempt(
        reserved_at=cst("2026-11-23T18:40:00"), connected=True, conversation=True, disposition="no_decision"
    )
    decision = scene.ask(attempts=(talked,), at=cst("2026-11-24T10:00:00"))
    assert decision.rule == "ALL-FRQ-2-conversation"
    assert decision.until == cst("2026-11-30T09:00:00"), (
        "Monday again, at the opening, not a week by the clock"
    )


@pytest.mark.parametrize("year", [2020, 2026, 2032])
def test_13_year_ends_and_week_53_do_not_crash(
    scene: Any, scene_with: Any, make_pack: Any, year: int
) -> None:
    weekly = make_pack(
        "w", '[[limit]]\nid = "w"\ncount = "attempt"\nper = "person"\nwindow = "week:mon"\nmax = 1'
    )
    at = datetime(year, 12, 31, 2, 0, tzinfo=UTC)
    past = scene.attempt(reserved_at=at - 5 * HOUR)
    assert scene_with(weekly).ask(attempts=(past,), at=at).outcome in (Outcome.DEFER, Outcome.REFUSE)


class TestHolidays14:
    """China moves days off and working weekends about every year (调休)."""

    @pytest.mark.parametrize(
        ("at", "is_open", "why"),
        [
            ("2026-10-01T10:00:00", False, "National Day"),
            ("2026-10-07T10:00:00", False, "a Wednesday off in exchange for a Saturday"),
            ("2026-10-08T10:00:00", True, "the holidays are over"),
            ("2026-10-10T10:00:00", True, "a Saturday worked in exchange: Saturday hours"),
            ("2026-10-10T15:00:00", False, "the floor closes Saturdays at 14:00, worked or not"),
            ("2026-09-20T10:00:00", False, "a Sunday worked in exchange: the floor is closed on Sundays"),
        ],
    )
    def test_statutory_days(self, scene: Any, at: str, is_open: bool, why: str) -> None:
        assert scene.ask(at=cst(at)).is_allowed is is_open, why

    def test_waiting_goes_over_the_whole_holiday(self, scene: Any) -> None:
        assert scene.ask(at=cst("2026-09-30T19:00:00")).until == cst("2026-10-08T09:00:00")

    def test_days_that_are_not_decreed_yet_are_closed_around_each_candidate(self) -> None:
        calendars = HolidayCalendars()
        assert calendars.why_closed("CN", date(2026, 10, 8)) == ""
        assert calendars.why_closed("CN", date(2031, 10, 8)) != "", "possibly joined to National Day"
        assert calendars.why_closed("CN", date(2031, 6, 12)) == "", "no holiday near"
        assert calendars.why_closed("CN", date(2030, 12, 31)) != "", "possibly joined to New Year 2031"
        assert calendars.undecided(["CN", "GB-ENG"], 2031) == ["CN"]

    @pytest.mark.parametrize("year", range(2010, 2026))
    def test_the_candidates_cover_what_was_decreed_in_every_known_year(self, year: int) -> None:
        known = holidays.country_holidays("CN", years=[year, year + 1], language="en_US")
        moved = {day for day, name in known.items() if "substituted" in name and day.year == year}
        foreseeable = {day: name for day, name in known.items() if "substituted" not in name}
        assert moved <= set(possible_days_off(foreseeable))

    def test_the_holidays_of_all_four_nations_close_a_british_number(self, scene: Any) -> None:
        british = {"number": "+442079460000", "region": None, "caller_number": "+442079460001"}
        assert not scene.ask(at=utc("2026-11-30T11:00"), **british).is_allowed, (
            "Saint Andrew's Day, Scotland only"
        )
        assert scene.ask(at=utc("2026-12-01T11:00"), **british).is_allowed


class TestWhoCounts:
    """Caps follow people and numbers, not rows."""

    def test_15_two_debts_of_one_person_share_the_caps(self, scene: Any) -> None:
        past = scene.attempt(HOUR, debt="loan-2", number="+8613800138999")
        assert scene.ask(attempts=(past,)).rule == "ALL-FRQ-1-person-gap"

    def test_15_a_talk_about_one_debt_defers_the_other(self, scene: Any) -> None:
        talked = scene.attempt(
            2 * DAY, debt="loan-2", conversation=True, connected=True, disposition="refuses"
        )
        assert scene.ask(attempts=(talked,)).rule == "ALL-FRQ-2-conversation"

    def test_16_two_people_on_one_number_share_the_caps_of_the_number(self, scene: Any) -> None:
        past = scene.attempt(HOUR, person="person-2", debt="loan-2")
        assert scene.ask(attempts=(past,)).rule == "ALL-FRQ-1-number-gap"

    @pytest.mark.parametrize(
        "spelling", ["008613800138000", "+86 138 0013 8000", "＋８６１３８００１３８０００"]
    )
    def test_17_one_number_however_it_is_written(self, scene: Any, spelling: str) -> None:
        past = scene.attempt(HOUR, person="person-2", number=spelling)
        assert scene.ask(attempts=(past,)).rule == "ALL-FRQ-1-number-gap"

    def test_a_callback_asked_for_may_come_within_the_week_but_within_the_caps(self, scene: Any) -> None:
        asked = scene.attempt(DAY, conversation=True, connected=True, disposition="callback_set")
        assert scene.ask(attempts=(asked,)).is_allowed
        just_now = scene.attempt(HOUR, conversation=True, connected=True, disposition="callback_set")
        assert scene.ask(attempts=(just_now,)).rule == "ALL-FRQ-1-number-gap"
        answered = scene.attempt(
            timedelta(hours=20), conversation=True, connected=True, disposition="no_decision"
        )
        assert not scene.ask(attempts=(asked, answered)).is_allowed, "one request, one call back"


def test_19_a_box_offline_for_three_days_does_not_dial(scene: Any) -> None:
    stale = replace(scene.box, suppressions_confirmed_at=scene.now - 3 * DAY)
    assert scene.ask(box=stale).rule == "suppression-lease"


def test_20_an_opt_out_taken_while_it_rings_stops_the_call_at_answer(scene: Any) -> None:
    own = scene.attempt(timedelta(seconds=20), disposition=None, connected=True)
    entry = SuppressionEntry(person="person-1", reason="opt_out", at=scene.now - SECOND)
    assert scene.ask(attempts=(own,), point=Point.ANSWER).is_allowed
    assert scene.ask(attempts=(own,), suppressions=(entry,), point=Point.ANSWER).rule == "suppressed"


@pytest.mark.parametrize("at", [datetime(1970, 1, 1, 3, tzinfo=UTC), datetime(2000, 1, 3, 3, tzinfo=UTC)])
def test_23_a_dead_rtc_dials_nobody(scene: Any, at: datetime) -> None:
    assert scene.ask(at=at, box=replace(scene.box, clock_trusted=False)).rule == "clock"
    assert scene.ask(at=at).outcome is Outcome.REFUSE, "no pack was in force then either"


def test_24_a_clock_put_back_an_hour_does_not_regain_the_window(scene: Any) -> None:
    past = scene.attempt(reserved_at=cst("2026-11-23T19:30:00"), person="person-2")
    decision = scene.ask(attempts=(past,), at=cst("2026-11-23T18:30:00"))
    assert (decision.outcome, decision.rule, decision.about_box) == (Outcome.REFUSE, "clock", True)


def test_26_a_reservation_left_open_by_a_crash_is_an_attempt(scene: Any) -> None:
    left = scene.attempt(HOUR, disposition=None)
    decision = scene.ask(attempts=(left,))
    assert (decision.outcome, decision.until) == (Outcome.DEFER, scene.now + 3 * HOUR)


def test_29_a_call_that_fell_silent_is_followed_by_72_quiet_hours_at_least(scene: Any) -> None:
    failed = scene.attempt(
        reserved_at=cst("2026-11-23T10:00:00"), connected=True, disposition="technical_failure"
    )
    decision = scene.ask(attempts=(failed,), at=cst("2026-11-24T10:00:00"))
    assert decision.rule == "ALL-ABD-1"
    assert decision.until == cst("2026-11-27T09:00:00")
    assert scene.ask(attempts=(replace(failed, connected=False),), at=cst("2026-11-24T10:00:00")).is_allowed


class TestPacksInForce35:
    """Packs start and expire with the callee's day."""

    def expiring(
        self, scene: Any, library: PackLibrary, approve_all: Callable[..., Gate], **head: Any
    ) -> Any:
        packs = [
            msgspec.structs.replace(pack, pack=msgspec.structs.replace(pack.pack, **head))
            if pack.pack.id == "cn"
            else pack
            for pack in library.packs
        ]
        return replace(scene, gate=approve_all(PackLibrary(packs)))

    def test_it_stops_at_midnight_of_the_callee(self, scene: Any, library: Any, approve_all: Any) -> None:
        there = self.expiring(scene, library, approve_all, review_by=date(2026, 11, 23))
        assert there.ask(at=cst("2026-11-23T18:50:00")).is_allowed
        assert there.ask(at=cst("2026-11-24T00:00:00")).rule == "pack-expired"
        assert there.ask(at=cst("2026-11-24T10:00:00")).rule == "pack-expired"

    def test_it_stops_at_the_first_midnight_of_all_zones(
        self, scene: Any, library: Any, approve_all: Any
    ) -> None:
        there = self.expiring(scene, library, approve_all, review_by=date(2026, 11, 23))
        just_past = cst("2026-11-23T23:30:00")  # half past midnight in Tokyo
        assert there.ask(at=just_past).rule != "pack-expired"
        assert there.ask(at=just_past, time_zone="Asia/Tokyo").rule == "pack-expired"

    def test_nobody_is_told_to_wait_for_an_hour_beyond_the_review(
        self, scene: Any, library: Any, approve_all: Any
    ) -> None:
        there = self.expiring(scene, library, approve_all, review_by=date(2026, 11, 23))
        decision = there.ask(at=cst("2026-11-23T19:00:00"))
        assert (decision.outcome, decision.rule, decision.about_box) == (
            Outcome.HOLD,
            "pack-review-due",
            True,
        )

    def test_effective_dates_bound_it_too(self, scene: Any, library: Any, approve_all: Any) -> None:
        early = self.expiring(scene, library, approve_all, effective_from=date(2026, 11, 24))
        decision = early.ask()
        assert (decision.rule, decision.about_box) == ("pack-not-in-force", True), (
            "the contact keeps its place"
        )
        over = self.expiring(scene, library, approve_all, effective_to=date(2026, 11, 22))
        assert over.ask().rule == "pack-expired"


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param("[time]\nwindows = []", id="no windows"),
        pytest.param('[time]\nquiet_hours = [{ start = "08:00", end = "08:00" }]', id="quiet all day"),
        pytest.param('[[limit]]\nid = "none"\ncount = "attempt"\nper = "person"\nwindow = "rolling_s:60"\nmax = 0', id="cap 0"),
    ],
)  # fmt: skip
def test_36_closed_for_good_is_a_refusal_not_an_endless_wait(
    scene_with: Any, make_pack: Any, rules: str
) -> None:
    decision = scene_with(make_pack("closed", rules)).ask()
    assert decision.outcome is Outcome.REFUSE
    assert decision.until is None


def test_zones_that_are_never_open_together_are_refused(scene: Any) -> None:
    decision = scene.ask(time_zone="America/New_York")
    assert (decision.outcome, decision.until) == (Outcome.REFUSE, None)


def test_a_call_longer_than_any_day_is_refused(scene: Any) -> None:
    assert scene.ask(max_call_s=11 * 3600).outcome is Outcome.REFUSE
