"""What the gate lets through, and what each single fault does to a call that would otherwise be lawful."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from firmware.compliance import (
    Approval,
    ComplianceError,
    Gate,
    History,
    Outcome,
    PackLibrary,
    Point,
    SuppressionEntry,
)

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
POINTS = list(Point)


def cst(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+08:00").astimezone(UTC)


@pytest.mark.parametrize("point", POINTS)
def test_a_lawful_call_is_allowed_and_every_rule_is_listed_as_passed(scene: Any, point: Point) -> None:
    decision = scene.ask(point=point)
    assert decision.is_allowed
    assert decision.rule == "allowed"
    assert decision.until is None
    assert all(tried.passed for tried in decision.tried)
    assert {
        "clock",
        "audit",
        "number",
        "ALL-STS-1",
        "suppressed",
        "suppression-lease",
        "window",
        "hours-red-line",
    } <= {tried.rule for tried in decision.tried}
    assert decision.packs == ("cn@1", "floor@1")
    assert decision.zones == ("Asia/Shanghai",)
    assert len(decision.policy_digest) == 64


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize(
    ("changes", "rule", "about_box"),
    [
        pytest.param({"status": "paid"}, "ALL-STS-1", False, id="paid"),
        pytest.param({"status": "disputed"}, "ALL-STS-1", False, id="disputed"),
        pytest.param({"status": "OPEN"}, "ALL-STS-1", False, id="unknown status"),
        pytest.param({"status": ""}, "ALL-STS-1", False, id="no status"),
        pytest.param(
            {"region": "JP-13"}, "unknown-jurisdiction", False, id="address in a country without rules"
        ),
        pytest.param({"region": "Guangdong"}, "unknown-jurisdiction", False, id="region that is no ISO code"),
        pytest.param({"region": ""}, "unknown-jurisdiction", False, id="empty region"),
        pytest.param(
            {"number": "+81312345678", "region": None}, "unknown-jurisdiction", False, id="Japanese number"
        ),
        pytest.param({"number": "+8613800138", "region": "CN"}, "number", False, id="number too short"),
        pytest.param({"number": "+864001234567"}, "number", False, id="company hotline"),
        pytest.param({"number": "+449098790000", "region": None}, "number", False, id="premium rate"),
        pytest.param({"number": "+86110"}, "number", False, id="emergency"),
        pytest.param({"number": "+4402079460000", "region": None}, "number", False, id="not canonical"),
        pytest.param({"time_zone": "Mars/Olympus"}, "zone", False, id="unknown zone"),
        pytest.param({"time_zone": "../../etc/passwd"}, "zone", False, id="zone that is a path"),
        pytest.param({"number": "call me"}, "number", False, id="no number at all"),
        pytest.param({"max_call_s": 0}, "order", False, id="call without a bound"),
        pytest.param({"max_call_s": -600}, "order", False, id="negative bound"),
        pytest.param({"person": ""}, "order", False, id="nobody"),
        pytest.param(
            {"caller_number": "+864001234567"}, "caller-number", False, id="own number of a wrong class"
        ),
        pytest.param({"caller_number": "+1"}, "caller-number", False, id="own number that is none"),
    ],
)
def test_one_wrong_fact_in_the_order_refuses(
    scene: Any, point: Point, changes: dict[str, Any], rule: str, about_box: bool
) -> None:
    decision = scene.ask(point=point, **changes)
    assert decision.outcome is Outcome.REFUSE
    assert decision.rule == rule
    assert decision.about_box is about_box
    assert decision.until is None


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        pytest.param(
            {"clock_trusted": False, "clock_reason": "NTP is not synchronised"}, "clock", id="clock"
        ),
        pytest.param({"audit_healthy": False}, "audit", id="audit"),
        pytest.param({"suppressions_confirmed_at": None}, "suppression-lease", id="never confirmed"),
        pytest.param(
            {"suppressions_confirmed_at": cst("2026-11-20T09:59:59"), "suppression_lease_s": 86400},
            "suppression-lease",
            id="offline for three days",
        ),
        pytest.param(
            {"suppressions_confirmed_at": cst("2026-11-22T09:59:59"), "suppression_lease_s": 10**9},
            "suppression-lease",
            id="the floor's lease cannot be lengthened by a setting",
        ),
        pytest.param(
            {"suppressions_confirmed_at": cst("2026-11-23T10:06:00")},
            "suppression-lease",
            id="confirmed in the future",
        ),
    ],
)
def test_an_unfit_box_dials_nobody_and_the_contact_keeps_its_place(
    scene: Any, point: Point, fault: dict[str, Any], rule: str
) -> None:
    decision = scene.ask(point=point, box=replace(scene.box, **fault))
    assert (decision.outcome, decision.rule, decision.about_box) == (Outcome.REFUSE, rule, True)


def test_a_lease_is_good_to_its_last_second(scene: Any) -> None:
    box = replace(
        scene.box, suppressions_confirmed_at=scene.now - timedelta(seconds=600), suppression_lease_s=600
    )
    assert scene.ask(box=box).is_allowed
    assert not scene.ask(box=replace(box, suppression_lease_s=599)).is_allowed


def test_no_call_starts_in_silence(scene: Any) -> None:
    deaf = replace(scene.box, audio_ready=False)
    assert scene.ask(box=deaf, point=Point.ENQUEUE).is_allowed, "prompts are rendered after enqueueing"
    assert scene.ask(box=deaf, point=Point.PREDIAL).rule == "audio"
    assert scene.ask(box=deaf, point=Point.ANSWER).rule == "audio"


SUPPRESSED = [
    pytest.param({"person": "person-1", "scope": "person"}, True, id="person"),
    pytest.param({"number": "+8613800138000", "scope": "person"}, True, id="person known by number only"),
    pytest.param({"number": "+8613800138000", "scope": "number"}, True, id="number"),
    pytest.param({"number": "０086 138-0013-8000", "scope": "number"}, True, id="number written otherwise"),
    pytest.param({"debt": "loan-1", "scope": "debt"}, True, id="debt"),
    pytest.param(
        {"person": "person-1", "scope": "debt"}, True, id="debt scope without a debt stops the person"
    ),
    pytest.param(
        {"person": "person-1", "debt": "", "scope": "debt"}, True, id="debt scope with a blank debt"
    ),
    pytest.param({"debt": "", "number": "", "scope": "number"}, False, id="an entry that names nobody"),
    pytest.param({"person": "person-1", "scope": "galaxy"}, True, id="unknown scope"),
    pytest.param({"person": "person-1", "debt": "other", "scope": "debt"}, False, id="another debt"),
    pytest.param(
        {"person": "person-1", "number": "+8613800138001", "scope": "number"}, False, id="wrong other number"
    ),
    pytest.param(
        {"person": "person-2", "number": "+8613800138001", "scope": "person"}, False, id="somebody else"
    ),
    pytest.param(
        {"person": "person-2", "number": "+8613800138000", "scope": "person"}, True, id="same number"
    ),
]


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize(("entry", "stops"), SUPPRESSED)
def test_suppressions_stop_what_they_name(
    scene: Any, point: Point, entry: dict[str, str], stops: bool
) -> None:
    written = SuppressionEntry(reason="dispute", at=scene.now, **entry)
    decision = scene.ask(suppressions=(written,), point=point)
    assert decision.outcome is (Outcome.REFUSE if stops else Outcome.ALLOW)
    assert decision.rule == ("suppressed" if stops else "allowed")


def test_an_opt_out_for_one_debt_stops_all_debts_of_the_person(scene: Any) -> None:
    written = SuppressionEntry(person="person-1", debt="other", scope="debt", reason="opt_out", at=scene.now)
    assert scene.ask(suppressions=(written,)).rule == "suppressed"


@pytest.mark.parametrize(
    "approvals",
    [
        pytest.param([], id="nobody approved anything"),
        pytest.param([Approval(pack="cn", version=1, by="Li Na")], id="the floor is not approved"),
        pytest.param([Approval(pack="floor", version=1, by="Li Na")], id="the country is not approved"),
        pytest.param(
            [Approval(pack="floor", version=1, by="Li Na"), Approval(pack="cn", version=2, by="Li Na")],
            id="another version was approved",
        ),
        pytest.param(
            [Approval(pack="floor", version=1, by="Li Na"), Approval(pack="cn", version=1, by="  ")],
            id="by nobody",
        ),
    ],
)
def test_packs_dial_only_after_an_operator_approved_each_by_name(
    scene: Any, library: PackLibrary, approvals: list[Approval]
) -> None:
    decision = replace(scene, gate=Gate(library, approvals)).ask()
    assert (decision.outcome, decision.rule, decision.about_box) == (Outcome.REFUSE, "pack-unapproved", True)


@pytest.mark.parametrize("status", ["draft", "withdrawn"])
def test_an_approved_but_unpublished_pack_does_not_dial(
    scene: Any, library: PackLibrary, approve_all: Callable[[PackLibrary], Gate], status: str
) -> None:
    packs = [_with_head(pack, status=status) if pack.pack.id == "cn" else pack for pack in library.packs]
    assert replace(scene, gate=approve_all(PackLibrary(packs))).ask().rule == "pack-unapproved"


def _with_head(pack: Any, **changes: Any) -> Any:
    import msgspec

    return msgspec.structs.replace(pack, pack=msgspec.structs.replace(pack.pack, **changes))


class TestTotality:
    """Whatever is asked, there is an answer, and when in doubt it is no."""

    @pytest.mark.parametrize(
        "broken",
        [
            pytest.param({"number": None}, id="no number"),
            pytest.param({"max_call_s": "long"}, id="ill-typed bound"),
            pytest.param({"consents": None, "region": 7}, id="ill-typed region"),
            pytest.param({"max_call_s": 10**30}, id="absurd bound"),
        ],
    )
    def test_nonsense_in_the_order_is_refused(self, scene: Any, broken: dict[str, Any]) -> None:
        assert scene.ask(**broken).outcome is Outcome.REFUSE

    def test_an_error_inside_is_a_refusal_that_repeats_nothing_personal(self, scene: Any) -> None:
        decision = scene.gate.decide(scene.order, None, scene.box, scene.now, Point.PREDIAL)
        assert (decision.outcome, decision.rule, decision.about_box) == (Outcome.REFUSE, "gate-error", True)
        assert scene.order.number not in repr(decision)

    def test_a_naive_clock_is_refused(self, scene: Any) -> None:
        naive = scene.now.replace(tzinfo=None)
        assert scene.gate.decide(scene.order, History(), scene.box, naive, Point.PREDIAL).rule == "gate-error"

    @pytest.mark.parametrize("at", [datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)])
    def test_the_ends_of_time_are_refused(self, scene: Any, at: datetime) -> None:
        assert (
            scene.gate.decide(scene.order, History(), scene.box, at, Point.PREDIAL).outcome is Outcome.REFUSE
        )

    def test_an_unheard_of_point_is_refused(self, scene: Any) -> None:
        decision = scene.gate.decide(scene.order, History(), scene.box, scene.now, "whenever")
        assert decision.rule == "gate-error"


class TestAtAnswer:
    """The call's own reservation is in the history by then."""

    def test_the_attempt_caps_are_not_counted_again(self, scene: Any) -> None:
        own = scene.attempt(timedelta(seconds=20), disposition=None, connected=True)
        earlier = (scene.attempt(5 * HOUR), scene.attempt(2 * DAY))
        assert scene.ask(attempts=(own, *earlier), point=Point.ANSWER).is_allowed
        assert not scene.ask(attempts=(own, *earlier), point=Point.PREDIAL).is_allowed

    def test_the_running_call_is_not_held_against_itself(self, scene: Any) -> None:
        own = scene.attempt(timedelta(seconds=20), disposition=None, connected=True, conversation=True)
        assert scene.ask(attempts=(own,), point=Point.ANSWER).is_allowed

    def test_a_conversation_that_ended_meanwhile_still_counts(self, scene: Any) -> None:
        own = scene.attempt(timedelta(seconds=20), disposition=None, connected=True)
        talked = scene.attempt(timedelta(seconds=30), conversation=True, disposition="promise_full")
        decision = scene.ask(attempts=(own, talked), point=Point.ANSWER)
        assert decision.rule == "ALL-FRQ-2-conversation"

    def test_the_end_guard_was_spent_on_ringing_but_closing_time_stands(self, scene: Any) -> None:
        late = cst("2026-11-23T18:58:00")
        assert scene.ask(at=late, point=Point.ANSWER).is_allowed
        assert not scene.ask(at=late, point=Point.PREDIAL).is_allowed
        assert scene.ask(at=cst("2026-11-23T19:00:00"), point=Point.ANSWER).outcome is Outcome.DEFER


class TestOneCallerNumber:
    """One person sees one number (red line 3)."""

    OTHER = "+8613700137000"

    def test_another_own_number_waits_for_thirty_days(self, scene: Any) -> None:
        seen = scene.attempt(20 * DAY, line_number=self.OTHER)
        decision = scene.ask(attempts=(seen,))
        assert (decision.outcome, decision.rule) == (Outcome.DEFER, "one-caller-number")
        assert decision.until == seen.reserved_at + 30 * DAY

    def test_the_gate_says_which_number_to_use(self, scene: Any) -> None:
        seen = (scene.attempt(20 * DAY, line_number=self.OTHER), scene.attempt(25 * DAY))
        history = History(attempts=seen)
        assert scene.gate.required_caller_number(scene.order, history, scene.now) == self.OTHER
        assert scene.gate.required_caller_number(scene.order, History(), scene.now) is None
        later = scene.now + 10 * DAY
        assert scene.gate.required_caller_number(scene.order, history, later) is None

    def test_before_a_line_is_chosen_the_rule_waits(self, scene: Any) -> None:
        seen = scene.attempt(20 * DAY, line_number=self.OTHER)
        assert scene.ask(attempts=(seen,), caller_number=None, point=Point.ENQUEUE).is_allowed
        assert not scene.ask(attempts=(seen,), caller_number=None, point=Point.PREDIAL).is_allowed

    def test_lines_that_do_not_tell_their_number_count_as_one(self, scene: Any) -> None:
        seen = scene.attempt(2 * DAY, line_number=None)
        assert scene.ask(attempts=(seen,), caller_number=None).is_allowed
        assert scene.ask(attempts=(seen,)).rule == "one-caller-number"


class TestWhoMustAct:
    """What waiting cannot cure but a person can."""

    def test_where_only_people_may_call_the_robot_holds(self, scene_with: Any, make_pack: Any) -> None:
        decision = scene_with(make_pack("people", '[gate]\nautomation = "live_only"')).ask()
        assert (decision.outcome, decision.rule) == (Outcome.HOLD, "person-must-call")

    def test_where_robots_are_forbidden_it_refuses(self, scene_with: Any, make_pack: Any) -> None:
        decision = scene_with(make_pack("never", '[gate]\nautomation = "forbidden"')).ask()
        assert (decision.outcome, decision.rule) == (Outcome.REFUSE, "automation")

    def test_missing_consent_refuses_and_given_consent_passes(self, scene_with: Any, make_pack: Any) -> None:
        scene = scene_with(
            make_pack("one", '[gate]\nconsent_any_of = [["express"], ["contract", "notice_sent"]]'),
            make_pack("two", '[gate]\nconsent_any_of = [["recording_ok"]]'),
        )
        assert scene.ask(consents=("express",)).rule == "consent"
        assert scene.ask(consents=("contract", "recording_ok")).rule == "consent"
        assert scene.ask(consents=("express", "recording_ok")).is_allowed
        assert scene.ask(consents=("contract", "notice_sent", "recording_ok")).is_allowed

    def test_packs_that_contradict_each_other_keep_the_robot_off(
        self, scene_with: Any, make_pack: Any
    ) -> None:
        decision = scene_with(make_pack("silent", '[recording]\nmode = "forbidden"')).ask()  # cn requires it
        assert (decision.outcome, decision.rule, decision.about_box) == (
            Outcome.REFUSE,
            "policy-conflict",
            True,
        )

    def test_impossible_retention_holds_for_counsel(self, scene_with: Any, make_pack: Any) -> None:
        decision = scene_with(make_pack("brief", "[retention]\naudit_max_days = 30")).ask()
        assert (decision.outcome, decision.rule) == (Outcome.HOLD, "retention")

    def test_the_rule_named_is_the_one_that_binds_longest(self, scene: Any) -> None:
        talked = scene.attempt(HOUR, connected=True, conversation=True, disposition="refuses")
        assert scene.ask(attempts=(talked,)).rule == "ALL-FRQ-2-conversation", "not the four-hour gap"

    def test_a_refusal_outranks_a_deferral(self, scene: Any) -> None:
        decision = scene.ask(at=cst("2026-11-23T20:00:00"), status="paid")
        assert (decision.outcome, decision.rule, decision.until) == (Outcome.REFUSE, "ALL-STS-1", None)


def test_the_policy_of_a_number_tells_other_rooms_what_must_be_said(scene: Any) -> None:
    policy = scene.gate.policy_for("+8613800138000", None)
    assert {"identity", "automated"} <= policy.roles_before("any_content")
    assert policy.roles_before("recording") == {"recording"}
    assert policy.recording_required
    with pytest.raises(ComplianceError, match="JP"):
        scene.gate.policy_for("+81312345678", None)


def test_an_operator_is_warned_of_a_review_and_of_unknown_holidays(scene: Any) -> None:
    november = scene.gate.warnings(scene.now)
    assert any("CN in 2027" in line for line in november)
    assert any("must be reviewed" in line for line in scene.gate.warnings(cst("2027-05-01T10:00:00")))
    assert not any("must be reviewed" in line for line in november)


def test_the_history_asked_for_covers_every_rule(scene: Any, scene_with: Any, make_pack: Any) -> None:
    assert scene.gate.history_days >= 31
    slow = make_pack("slow", '[[cooldown]]\nid = "year"\nafter = "complaint"\nper = "person"\ndays = 366')
    assert scene_with(slow).gate.history_days >= 367
