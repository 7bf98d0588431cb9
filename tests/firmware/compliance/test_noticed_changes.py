"""What mutation testing found that no test noticed: each of these fails when one place of the gate or the merge changes."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from firmware.compliance import Gate, Outcome, PackLibrary, Point
from firmware.compliance.errors import WideningError
from firmware.compliance.limits import LimitRule, first_allowed_by_all
from firmware.compliance.merge import meet, policy_of, tighten
from firmware.compliance.pack import Pack

LIMIT = '[[limit]]\nid = "{id}"\ncount = "{count}"\nper = "person"\nwindow = "{window}"\nmax = {max}\n'
COOLDOWN = '[[cooldown]]\nid = "{id}"\nafter = "{after}"\nper = "person"\ndays = {days}\n'


def limit(id: str = "a", *, count: str = "attempt", window: str = "calendar_days:7", max: int = 3) -> str:
    return LIMIT.format(id=id, count=count, window=window, max=max)


def cooldown(id: str = "a", *, after: str = "refusal", days: int = 5) -> str:
    return COOLDOWN.format(id=id, after=after, days=days)


class TestGate:
    def test_the_latest_attempt_is_held_against_the_clock_not_the_first(self, scene: Any) -> None:
        ahead = scene.attempt(-timedelta(hours=2), person="somebody else")
        decision = scene.ask(attempts=(scene.attempt(timedelta(days=20)), ahead))
        assert (decision.outcome, decision.rule) == (Outcome.REFUSE, "clock")

    def test_an_overlay_needs_no_approval(
        self, scene: Any, library: PackLibrary, make_pack: Any, approve_all: Any
    ) -> None:
        approvals = approve_all(library)
        overlay = make_pack("office", "[time]\nextra_closed_dates = [2030-01-01]", layer="overlay")
        gate = Gate(PackLibrary([*library.packs, overlay]), [])
        assert gate.is_approved(overlay)
        assert not any(gate.is_approved(pack) for pack in library.packs)
        assert all(approvals.is_approved(pack) for pack in library.packs)

    @pytest.mark.parametrize(
        ("rules", "days"),
        [
            pytest.param("", 32, id="thirty days for the own number, and two to spare"),
            pytest.param(limit(window="rolling_s:3456000"), 42, id="forty days in seconds"),
            pytest.param(limit(window="calendar_days:45"), 47, id="45 calendar days"),
            pytest.param(limit(window="rolling_s:86400") + cooldown(days=60), 62, id="a cool-down"),
        ],
    )
    def test_history_reaches_as_far_as_the_longest_rule(self, make_pack: Any, rules: str, days: int) -> None:
        assert Gate(PackLibrary([make_pack("floor", rules, layer="floor")]), []).history_days == days

    @pytest.mark.parametrize(("max_call_s", "rule"), [(0, "order"), (1, "allowed")])
    def test_a_call_of_a_second_has_a_bound(self, scene: Any, max_call_s: int, rule: str) -> None:
        assert scene.ask(max_call_s=max_call_s).rule == rule

    def test_a_least_that_is_the_most_can_be_kept(self, scene_with: Any, make_pack: Any) -> None:
        exact = make_pack("exact", "[retention]\nrecording_min_days = 3000\nrecording_max_days = 3000")
        assert scene_with(exact).ask().rule == "allowed"

    def test_sound_that_is_not_ready_is_the_boxs_fault(self, scene: Any) -> None:
        silent = replace(scene.box, audio_ready=False)
        decision = replace(scene, box=silent).ask(point=Point.PREDIAL)
        assert (decision.rule, decision.about_box) == ("audio", True)

    def test_an_impossible_retention_is_the_boxs_fault(self, scene_with: Any, make_pack: Any) -> None:
        assert scene_with(make_pack("brief", "[retention]\naudit_max_days = 30")).ask().about_box

    def test_a_fault_is_listed_as_a_rule_that_was_not_kept(self, scene: Any) -> None:
        (tried,) = scene.ask(at=scene.now.replace(tzinfo=None)).tried
        assert (tried.rule, tried.passed) == ("gate-error", False)

    def test_the_guard_counts_in_a_persons_own_hours_too(self, scene: Any) -> None:
        """A call of four minutes and the guard must both fit before the person's own end."""
        local = scene.now + timedelta(hours=8)
        minute = local.hour * 60 + local.minute
        fits = scene.ask(max_call_s=240, stated_hours=(((0, minute + 60),),) * 7)
        tight = scene.ask(max_call_s=240, stated_hours=(((0, minute + 5),),) * 7)
        assert fits.is_allowed
        assert (tight.outcome, tight.rule) == (Outcome.DEFER, "stated-hours")


class TestMerge:
    @pytest.mark.parametrize(
        ("base", "overlay", "looser"),
        [
            pytest.param(limit(), limit(max=4), True, id="the same limit, by id and by kind, looser"),
            pytest.param(limit(), limit(), False, id="the same limit"),
            pytest.param(limit(), limit(max=2), False, id="the same limit, tighter"),
            pytest.param(limit(), limit("b", max=4), True, id="by kind alone"),
            pytest.param(limit(), limit(count="conversation", max=4), True, id="by id alone"),
            pytest.param(limit(), limit("b", count="conversation", max=4), False, id="neither: one more limit"),
            pytest.param(limit() + limit("b", max=9), limit("b", max=8), True, id="tighter than one, looser than the other"),
            pytest.param(cooldown(), cooldown(days=4), True, id="the same quiet days, fewer"),
            pytest.param(cooldown(), cooldown(), False, id="the same quiet days"),
            pytest.param(cooldown(), cooldown("b", days=4), True, id="quiet days by kind alone"),
            pytest.param(cooldown(), cooldown(after="complaint", days=4), True, id="quiet days by id alone"),
            pytest.param(cooldown(), cooldown("b", after="complaint", days=4), False, id="other quiet days"),
            pytest.param(cooldown() + cooldown("b", days=2), cooldown("b", days=3), True, id="more days than one, fewer than the other"),
        ],
    )  # fmt: skip
    def test_an_overlay_repeats_a_limit_only_to_tighten_it(
        self, make_pack: Any, base: str, overlay: str, looser: bool
    ) -> None:
        ours = policy_of(make_pack("floor", base, layer="floor"))
        theirs = make_pack("office", overlay, layer="overlay")
        if looser:
            with pytest.raises(WideningError):
                tighten(ours, theirs)
        else:
            assert tighten(ours, theirs) == meet(ours, policy_of(theirs))

    @pytest.mark.parametrize(
        ("quiet", "open_hours"),
        [
            pytest.param(("12:00", "13:00"), ((0, 720), (780, 1440)), id="midday"),
            pytest.param(("22:00", "08:00"), ((480, 1320),), id="over midnight"),
        ],
    )
    def test_quiet_hours_leave_the_rest_of_the_day(
        self, make_pack: Any, quiet: tuple[str, str], open_hours: Any
    ) -> None:
        start, end = quiet
        pack = make_pack("q", f'[time]\nquiet_hours = [{{ start = "{start}", end = "{end}" }}]')
        assert policy_of(pack).week == (open_hours,) * 7

    def test_zones_of_all_packs_count(self, make_pack: Any) -> None:
        def zone(id: str, name: str) -> Pack:
            pack: Pack = make_pack(id, f'[time]\nzones = ["{name}"]')
            return pack

        both = meet(policy_of(zone("a", "Asia/Shanghai")), policy_of(zone("b", "Asia/Tokyo")))
        assert both.zones == {"Asia/Shanghai", "Asia/Tokyo"}

    @pytest.mark.parametrize("mode", ["required", "forbidden", "optional"])
    def test_recording_is_demanded_or_forbidden_as_the_pack_says(self, make_pack: Any, mode: str) -> None:
        policy = policy_of(make_pack("r", f'[recording]\nmode = "{mode}"'))
        assert (policy.recording_required, policy.recording_forbidden) == (
            mode == "required",
            mode == "forbidden",
        )


@dataclass(frozen=True)
class Until:
    """A rule that allows nothing before an instant."""

    instant: datetime
    rule: str = "until"

    def next_allowed(self, at: datetime) -> datetime | None:
        return max(at, self.instant)

    def detail(self, at: datetime) -> str:
        return str(at)


class TestLimits:
    NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
    QUARTER = timedelta(microseconds=250_000)

    def test_an_instant_that_everything_allows_is_itself_and_any_other_a_whole_second(self) -> None:
        now = self.NOON + self.QUARTER
        assert first_allowed_by_all([Until(self.NOON)], now) == now
        later = Until(self.NOON + timedelta(seconds=7) + self.QUARTER)
        assert first_allowed_by_all([later], now) == self.NOON + timedelta(seconds=8)
        assert first_allowed_by_all([later, Until(self.NOON)], now) == self.NOON + timedelta(seconds=8)

    def test_nobody_who_was_never_spoken_to_has_asked_for_a_call(self, scene: Any, make_pack: Any) -> None:
        """Somebody else on the same number has: that waives nothing for this person."""
        waived = limit(count="conversation", max=1).replace(
            'per = "person"', 'per = "number"\nwaived_by = "callback_asked"'
        )
        (rule,) = make_pack("w", waived).limit
        talk = scene.attempt(
            timedelta(days=1), person="somebody else", conversation=True, disposition="callback_set"
        )
        zones = [ZoneInfo("Asia/Shanghai")]
        assert LimitRule(rule, scene.order, [talk], zones).next_allowed(scene.now) != scene.now
        own = replace(talk, person=scene.order.person)
        assert LimitRule(rule, scene.order, [own], zones).next_allowed(scene.now) == scene.now
