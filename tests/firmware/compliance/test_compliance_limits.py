"""Counting what went before, and the exact instant at which one more fits."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.compliance.limits import CooldownRule, LimitRule, first_allowed_by_all
from firmware.compliance.pack import Cooldown, Limit

SHANGHAI, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")
START = datetime(2026, 10, 28, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def limit(window: str, most: int, **changes: Any) -> Limit:
    return Limit(**{"id": "l", "count": "attempt", "per": "person", "window": window, "max": most, **changes})


@settings(max_examples=100, deadline=None)
@given(
    seconds=st.lists(st.integers(0, 12 * 86400), max_size=6),
    now_s=st.integers(12 * 86400, 20 * 86400),
    window=st.sampled_from(
        ["calendar_days:1", "calendar_days:3", "rolling_s:14400", "rolling_s:604800", "week:mon"]
    ),
    most=st.integers(1, 3),
    zones=st.sampled_from([[SHANGHAI], [NEW_YORK], [SHANGHAI, NEW_YORK]]),
)
def test_the_next_allowed_second_is_the_first_that_fits(
    scene: Any, seconds: list[int], now_s: int, window: str, most: int, zones: list[ZoneInfo]
) -> None:
    events = [START + timedelta(seconds=s) for s in seconds]
    rule = LimitRule(
        limit(window, most), scene.order, [scene.attempt(reserved_at=at) for at in events], zones
    )

    def fits(at: datetime) -> bool:
        kind, _, length = window.partition(":")
        if kind == "rolling_s":
            return sum((at - event).total_seconds() < int(length) for event in events) < most
        for zone in zones:
            today = at.astimezone(zone).date()
            days = [event.astimezone(zone).date() for event in events]
            if kind == "week":
                same = [day for day in days if day.isocalendar()[:2] == today.isocalendar()[:2]]
            else:
                same = [day for day in days if (today - day).days < int(length)]
            if len(same) >= most:
                return False
        return True

    now = START + timedelta(seconds=now_s)
    allowed = rule.next_allowed(now)
    assert allowed is not None
    assert fits(allowed)
    assert (allowed == now) == fits(now)
    if allowed > now:
        assert not fits(allowed - SECOND)
        assert rule.next_allowed(allowed - SECOND) == allowed


def test_fractions_of_a_second_round_up_to_the_whole_second(scene: Any) -> None:
    past = scene.attempt(reserved_at=START + timedelta(microseconds=1))
    rule = LimitRule(limit("rolling_s:60", 1), scene.order, [past], [SHANGHAI])
    assert first_allowed_by_all([rule], START + timedelta(seconds=30)) == START + timedelta(seconds=61)


@pytest.mark.parametrize(
    ("count", "counted"),
    [("attempt", 4), ("connected", 2), ("conversation", 1)],
)
def test_what_is_counted(scene: Any, count: str, counted: int) -> None:
    attempts = [
        scene.attempt(disposition="busy"),
        scene.attempt(disposition=None),
        scene.attempt(connected=True, disposition="silence"),
        scene.attempt(connected=True, conversation=True, disposition="refuses"),
    ]
    enough = LimitRule(limit("rolling_s:60", counted + 1, count=count), scene.order, attempts, [SHANGHAI])
    full = LimitRule(limit("rolling_s:60", counted, count=count), scene.order, attempts, [SHANGHAI])
    assert enough.next_allowed(scene.now) == scene.now
    assert full.next_allowed(scene.now) != scene.now


@pytest.mark.parametrize(
    ("per", "changes", "counts"),
    [
        ("person", {"number": "+8613800138777", "debt": "loan-2"}, True),
        ("person", {"person": "person-2"}, False),
        ("person_debt", {"number": "+8613800138777"}, True),
        ("person_debt", {"debt": "loan-2"}, False),
        ("number", {"person": "person-2"}, True),
        ("number", {"number": "+8613800138777"}, False),
        ("number_origin", {"person": "person-2"}, True),
        ("number_origin", {"line_number": "+8613700137000"}, False),
    ],
)
def test_whom_it_counts_for(scene: Any, per: str, changes: dict[str, str], counts: bool) -> None:
    rule = LimitRule(limit("rolling_s:60", 1, per=per), scene.order, [scene.attempt(**changes)], [SHANGHAI])
    assert (rule.next_allowed(scene.now) != scene.now) is counts


@pytest.mark.parametrize(
    ("after", "changes"),
    [
        ("conversation", {"conversation": True}),
        ("refusal", {"disposition": "refuses"}),
        ("wrong_number", {"disposition": "wrong_number"}),
        ("promise_to_pay", {"disposition": "promise_full"}),
        ("complaint", {"disposition": "complaint"}),
        ("abandoned", {"connected": True, "disposition": "technical_failure"}),
    ],
)
def test_cooldowns_run_to_the_callees_midnight(scene: Any, after: str, changes: dict[str, Any]) -> None:
    cooldown = Cooldown(id="c", after=after, per="person", days=2)  # type: ignore[arg-type]
    happened = scene.attempt(reserved_at=datetime(2026, 11, 23, 4, tzinfo=UTC), **changes)
    zones = [SHANGHAI, NEW_YORK]  # 12:00 on Monday in Shanghai, still 23:00 on Sunday in New York
    rule = CooldownRule(cooldown, scene.order, [happened], zones)
    over = datetime(2026, 11, 25, tzinfo=SHANGHAI), datetime(2026, 11, 24, tzinfo=NEW_YORK)
    assert rule.next_allowed(happened.reserved_at) == max(over)
    assert rule.next_allowed(max(over)) == max(over)
    nothing = CooldownRule(cooldown, scene.order, [scene.attempt(disposition="busy")], zones)
    assert nothing.next_allowed(scene.now) == scene.now


def test_two_rules_that_push_each_other_settle_on_the_first_common_instant(scene: Any) -> None:
    past = scene.attempt(reserved_at=scene.now)
    four_hours = LimitRule(limit("rolling_s:14400", 1), scene.order, [past], [SHANGHAI])
    not_today = LimitRule(limit("calendar_days:1", 1), scene.order, [past], [SHANGHAI])
    midnight = datetime(2026, 11, 24, tzinfo=SHANGHAI)
    assert first_allowed_by_all([four_hours, not_today], scene.now) == midnight
    assert first_allowed_by_all([not_today, four_hours], scene.now) == midnight
    never = LimitRule(limit("rolling_s:60", 0), scene.order, [], [SHANGHAI])
    assert first_allowed_by_all([four_hours, never], scene.now) is None


def test_a_waiver_needs_the_latest_conversation_to_ask_for_it(scene: Any) -> None:
    once = limit("calendar_days:7", 1, count="conversation", waived_by="callback_asked")
    asked = scene.attempt(timedelta(hours=5), conversation=True, disposition="callback_set")
    refused = replace(asked, reserved_at=asked.reserved_at + timedelta(hours=1), disposition="refuses")
    open_now = LimitRule(once, scene.order, [asked], [SHANGHAI])
    assert open_now.next_allowed(scene.now) == scene.now
    assert "waived" in open_now.detail(scene.now)
    assert LimitRule(once, scene.order, [asked, refused], [SHANGHAI]).next_allowed(scene.now) != scene.now
    somebody_else = replace(asked, person="person-2")
    assert (
        LimitRule(once, scene.order, [refused, somebody_else], [SHANGHAI]).next_allowed(scene.now)
        != scene.now
    )
