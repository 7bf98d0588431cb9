"""Merging packs is a meet: the order, the grouping and repetition change nothing, and nothing is ever widened."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.compliance import PackLibrary, PolicyConflictError, WideningError
from firmware.compliance.merge import AUTOMATION, conflicts, meet, merge, policy_of, tighten
from firmware.compliance.pack import (
    DAYS,
    Abandon,
    CallerId,
    Citation,
    Cooldown,
    Disclosure,
    ForbiddenClaim,
    GateRules,
    Head,
    Limit,
    OptOut,
    Pack,
    QuietHours,
    Recording,
    Retention,
    ThirdParty,
    TimeRules,
    Window,
)
from firmware.compliance.policy import Policy

words = st.frozensets(st.sampled_from(["paid", "minor", "identity", "recording", "mobile"]), max_size=3)
small = st.integers(0, 5)
maybe = st.none() | small
clock_minutes = st.integers(0, 24 * 4).map(lambda quarter: f"{quarter // 4:02d}:{quarter % 4 * 15:02d}")
windows = (
    st.tuples(st.frozensets(st.sampled_from(DAYS)), clock_minutes, clock_minutes)
    .filter(lambda w: w[1] < w[2])
    .map(lambda w: Window(days=w[0], start=w[1], end=w[2]))  # type: ignore[arg-type]
)
limits = st.builds(
    Limit,
    id=st.sampled_from(["a", "b"]),
    count=st.sampled_from(["attempt", "conversation", "any_channel_contact"]),
    per=st.sampled_from(["person", "number"]),
    window=st.sampled_from(["calendar_days:7", "rolling_s:60"]),
    max=small,
)
packs = st.builds(
    Pack,
    schema=st.just(1),
    pack=st.builds(
        Head,
        id=st.sampled_from(["x", "y", "z"]),
        version=st.integers(1, 3),
        title=st.just(""),
        layer=st.just("tenant"),
        status=st.just("published"),
        effective_from=st.dates(date(2025, 1, 1), date(2026, 1, 1)),
        effective_to=st.none() | st.dates(date(2027, 1, 1), date(2028, 1, 1)),
        review_by=st.dates(date(2027, 1, 1), date(2028, 1, 1)),
    ),
    gate=st.builds(
        GateRules,
        automation=st.sampled_from(AUTOMATION),
        consent_any_of=st.lists(words, max_size=2).map(tuple),
        notices_required=words,
        licences_required=words,
        line_types_denied=words,
        status_blocks=words,
    ),
    time=st.builds(
        TimeRules,
        windows=st.none() | st.lists(windows, max_size=3).map(tuple),
        quiet_hours=st.lists(st.builds(QuietHours, start=clock_minutes, end=clock_minutes), max_size=2).map(
            tuple
        ),
        end_guard_s=small,
        holiday_calendars=words,
    ),
    limit=st.lists(limits, max_size=2, unique_by=lambda limit: limit.id).map(tuple),
    cooldown=st.lists(
        st.builds(
            Cooldown,
            id=st.just("c"),
            after=st.sampled_from(["conversation", "notice"]),
            per=st.just("person"),
            days=st.integers(1, 9),
        ),
        max_size=1,
    ).map(tuple),
    disclosure=st.lists(
        st.builds(
            Disclosure,
            id=st.just("d"),
            before=st.sampled_from(["any_content", "recording"]),
            must_say=words,
            after_verification=st.booleans(),
        ),
        max_size=1,
    ).map(tuple),
    forbidden_claim=st.lists(
        st.builds(ForbiddenClaim, id=st.just("f"), claim=st.just("threatens"), en=words.filter(bool)),
        max_size=1,
    ).map(tuple),
    recording=st.builds(
        Recording,
        mode=st.sampled_from(["forbidden", "optional", "required"]),
        notice=st.sampled_from(["none", "before_recording", "explicit_yes"]),
        if_refused=st.sampled_from(["continue_unrecorded", "live_transfer", "end_call"]),
    ),
    optout=st.builds(
        OptOut,
        channels=words,
        dtmf=st.frozensets(st.sampled_from(["9", "0"])),
        scope=st.sampled_from(["debt", "person_all_debts", "person_all_tenants"]),
        lease_s=maybe,
    ),
    third_party=st.builds(ThirdParty, voicemail=st.sampled_from(["limited_content", "hang_up"])),
    caller_id=st.builds(
        CallerId,
        number_class=st.none() | st.frozensets(st.sampled_from(["geographic", "mobile", "voip"])),
        numbers_per_callee_30d=maybe,
    ),
    abandon=st.builds(Abandon, min_ring_s=small, silent_after_ms=maybe),
    retention=st.builds(
        Retention,
        audit_min_days=small,
        audit_max_days=maybe,
        recording_min_days=small,
        recording_max_days=maybe,
    ),
    citation=st.just(
        (Citation(rule="", force="product", source="", checked=date.min, confidence="product"),)
    ),
)
policies = packs.map(policy_of)
laws = settings(max_examples=60, deadline=None)


@laws
@given(a=policies, b=policies, c=policies)
def test_the_meet_is_commutative_associative_and_idempotent(a: Policy, b: Policy, c: Policy) -> None:
    assert meet(a, b) == meet(b, a)
    assert meet(a, meet(b, c)) == meet(meet(a, b), c)
    assert meet(a, a) == a
    assert meet(Policy(), a) == a
    assert meet(a, b).digest() == meet(b, a).digest()


@laws
@given(some=st.lists(packs, max_size=4), data=st.data())
def test_the_order_and_repetition_of_packs_change_nothing(some: list[Pack], data: st.DataObject) -> None:
    again = data.draw(st.permutations([*some, *some[:2]]))
    assert merged(again) == merged(some)


def merged(some: list[Pack]) -> Policy | tuple[str, ...]:
    try:
        return merge(some)
    except PolicyConflictError as conflict:
        return conflict.problems


@laws
@given(a=policies, b=policies)
def test_merging_only_takes_away(a: Policy, b: Policy) -> None:
    both = meet(a, b)
    for mine in (a, b):
        for day in range(7):
            minutes = [minute for start, end in both.week[day] for minute in range(start, end, 15)]
            assert all(any(start <= minute < end for start, end in mine.week[day]) for minute in minutes)
        assert both.limits >= mine.limits
        assert both.cooldowns >= mine.cooldowns
        assert both.status_blocks >= mine.status_blocks
        assert both.notices_required >= mine.notices_required
        assert both.licences_required >= mine.licences_required
        assert both.consents >= mine.consents
        assert both.end_guard_s >= mine.end_guard_s
        assert both.review_by <= mine.review_by
        assert AUTOMATION.index(both.automation) >= AUTOMATION.index(mine.automation)
        assert mine.suppression_lease_s is None or (both.suppression_lease_s or 0) <= mine.suppression_lease_s


@laws
@given(base=policies, overlay=packs)
def test_an_overlay_is_obeyed_to_the_letter_or_refused_whole(base: Policy, overlay: Pack) -> None:
    try:
        effective = tighten(base, overlay)
    except (WideningError, PolicyConflictError):
        return
    assert effective == meet(base, policy_of(overlay))
    if overlay.time.windows is not None or overlay.time.quiet_hours:
        assert effective.week == policy_of(overlay).week


class TestOverlays:
    """What a console may and may not ask for (edge case 36)."""

    @pytest.fixture
    def base(self, library: PackLibrary) -> Policy:
        return merge(pack for pack in library.packs if pack.pack.id in ("floor", "cn"))

    @pytest.mark.parametrize(
        ("rules", "field"),
        [
            ('[time]\nwindows = [{ days = ["mon"], start = "07:00", end = "23:00" }]', "week"),
            ('[time]\nwindows = [{ days = ["sun"], start = "10:00", end = "11:00" }]', "week"),
            ('[time]\nquiet_hours = [{ start = "23:00", end = "07:00" }]', "week"),
            ("[time]\nend_guard_s = 10", "end_guard_s"),
            ("[optout]\nlease_s = 999999", "suppression_lease_s"),
            ("[caller_id]\nnumbers_per_callee_30d = 3", "numbers_per_callee_30d"),
            ("[retention]\naudit_min_days = 1", "audit_min_days"),
            (
                '[[limit]]\nid = "ALL-FRQ-1-person-day"\ncount = "attempt"\nper = "person"\n'
                'window = "calendar_days:1"\nmax = 9',
                "limit ALL-FRQ-1-person-day",
            ),
            (
                '[[cooldown]]\nid = "ALL-ABD-1"\nafter = "abandoned"\nper = "number"\ndays = 1',
                "cooldown ALL-ABD-1",
            ),
        ],
    )
    def test_widening_is_refused_by_field(self, base: Policy, make_pack: Any, rules: str, field: str) -> None:
        with pytest.raises(WideningError) as refused:
            tighten(base, make_pack("overlay", rules))
        assert refused.value.fields == (field,)

    def test_tightening_is_taken(self, base: Policy, make_pack: Any) -> None:
        rules = (
            '[gate]\nautomation = "live_only"\n[time]\nend_guard_s = 900\nextra_closed_dates = [2026-12-24]\n'
            'windows = [{ days = ["tue"], start = "10:00", end = "11:00" }]\n'
            '[[limit]]\nid = "x"\ncount = "attempt"\nper = "person"\nwindow = "calendar_days:1"\nmax = 0'
        )
        effective = tighten(base, make_pack("overlay", rules))
        assert effective.automation == "live_only"
        assert effective.week[1] == ((600, 660),)
        assert effective.week[0] == ()
        assert date(2026, 12, 24) in effective.closed_dates
        assert effective.limits > base.limits

    def test_an_empty_week_is_a_valid_wish(self, base: Policy, make_pack: Any) -> None:
        assert tighten(base, make_pack("overlay", "[time]\nwindows = []")).week == ((),) * 7

    def test_an_overlay_that_contradicts_the_packs_is_refused(self, base: Policy, make_pack: Any) -> None:
        with pytest.raises(PolicyConflictError, match="recording"):
            tighten(base, make_pack("overlay", '[recording]\nmode = "forbidden"'))


def test_every_contradiction_is_named(make_pack: Any) -> None:
    one = make_pack(
        "one",
        '[caller_id]\nnumber_class = ["mobile"]\n[recording]\nmode = "required"\n'
        '[[disclosure]]\nid = "d"\nbefore = "any_content"\nmust_say = ["debt_collector"]',
    )
    two = make_pack(
        "two",
        '[caller_id]\nnumber_class = ["geographic"]\n[recording]\nmode = "forbidden"\n'
        '[[disclosure]]\nid = "d"\nbefore = "debt_mention"\nafter_verification = true\nmust_say = ["debt_collector"]',
    )
    with pytest.raises(PolicyConflictError) as conflict:
        merge([one, two])
    assert len(conflict.value.problems) == 3
    assert conflicts(policy_of(one)) == ()
