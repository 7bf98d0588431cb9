"""The ladder: which rung when, what is waited for, when it ends."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modem_drivers.dialects.catalogue import DIALECTS
from modem_drivers.healing import COURSES, LADDER, Ailment, HealingLadder, HealingPlan, Rung, diagnose
from modem_drivers.registration import RegistrationState
from modem_drivers.sim import SimState

SOFT = frozenset({Rung.PROBE, Rung.REOPEN, Rung.RADIO_CYCLE, Rung.VENDOR_RESET})


def climb(ladder: HealingLadder, *, until_s: float, from_s: float = 0.0) -> list[tuple[Rung, float]]:
    climbed = []
    for now in range(int(from_s), int(until_s)):
        if step := ladder.next_step(float(now), is_idle=True):
            climbed.append((step.rung, float(now)))
    return climbed


def test_a_deaf_modem_is_taken_up_the_whole_ladder_and_then_given_up() -> None:
    ladder = HealingLadder(HealingPlan())
    ladder.report({Ailment.DEAF}, 0.0)
    climbed = climb(ladder, until_s=3000)
    assert [rung for rung, _ in climbed] == list(LADDER)
    assert [at for _, at in climbed] == sorted(at for _, at in climbed)
    assert ladder.is_dead
    assert climb(ladder, from_s=3000, until_s=9000) == [], "a dead modem is left alone"
    ladder.report((), 9000.0)
    assert not ladder.is_dead


def test_rungs_this_box_cannot_climb_are_passed_over() -> None:
    ladder = HealingLadder(HealingPlan(), rungs=SOFT)
    ladder.report({Ailment.DEAF}, 0.0)
    assert [rung for rung, _ in climb(ladder, until_s=3000)] == [*LADDER[:4], Rung.DEAD]


def test_each_rung_is_given_time_to_work() -> None:
    plan = HealingPlan()
    ladder = HealingLadder(plan)
    ladder.report({Ailment.DEAF}, 0.0)
    climbed = climb(ladder, until_s=3000)
    for (rung, at_s), (_, next_at_s) in pairwise(climbed):
        assert next_at_s - at_s >= plan.settle_s[rung]


def test_nothing_is_done_while_there_is_a_call() -> None:
    ladder = HealingLadder(HealingPlan())
    ladder.report({Ailment.STUCK_CALL}, 0.0)
    assert ladder.next_step(500.0, is_idle=False) is None
    step = ladder.next_step(501.0, is_idle=True)
    assert step is not None
    assert (step.rung, step.commands) == (Rung.RADIO_CYCLE, ("AT+CFUN=4", "AT+CFUN=1"))


def test_a_rotten_audio_path_goes_straight_to_the_vendors_reset() -> None:
    sim7600 = next(dialect for dialect in DIALECTS if dialect.name == "sim7600")
    ladder = HealingLadder(sim7600.healing)
    ladder.report({Ailment.AUDIO_SILENT}, 0.0)
    step = ladder.next_step(0.0, is_idle=True)
    assert step is not None
    assert step.commands == ("AT+CRESET",)


def test_a_missing_network_is_waited_for_and_never_ends_in_death() -> None:
    ladder = HealingLadder(HealingPlan())
    ladder.report({Ailment.NOT_REGISTERED}, 0.0)
    climbed = climb(ladder, until_s=8000)
    assert climbed[0] == (Rung.RADIO_CYCLE, 300.0)
    assert {rung for rung, _ in climbed} == {Rung.RADIO_CYCLE, Rung.VENDOR_RESET}
    assert 3 <= len(climbed) <= 6, "rests for an hour between two courses"
    assert not ladder.is_dead


def test_the_rung_that_helped_is_counted_and_a_relapse_goes_on_above_it() -> None:
    ladder = HealingLadder(HealingPlan())
    ladder.report({Ailment.DEAF}, 0.0)
    climb(ladder, until_s=3)  # AT, then the port
    healed = ladder.report((), 4.0)
    assert healed is not None
    assert (healed.rung, healed.ailment, healed.lasted_s) == (Rung.REOPEN, Ailment.DEAF, 4.0)
    assert ladder.helped == {Rung.REOPEN: 1}
    ladder.report({Ailment.DEAF}, 60.0)
    assert climb(ladder, from_s=60, until_s=61)[0][0] is Rung.RADIO_CYCLE
    ladder.report((), 100.0)
    ladder.report({Ailment.DEAF}, 5000.0)
    assert climb(ladder, from_s=5000, until_s=5001)[0][0] is Rung.PROBE, "long ago: from the beginning"


def test_an_illness_that_passes_by_itself_counts_for_no_rung() -> None:
    ladder = HealingLadder(HealingPlan())
    ladder.report({Ailment.SIM_BUSY}, 0.0)
    assert ladder.next_step(30.0, is_idle=True) is None
    assert ladder.report((), 40.0) is None
    assert not ladder.helped


def test_the_worst_comes_first_and_another_name_for_the_same_illness_does_not_start_anew() -> None:
    ladder = HealingLadder(HealingPlan())
    ladder.report({Ailment.NOT_REGISTERED, Ailment.DEAF}, 0.0)
    assert ladder.ailment is Ailment.DEAF
    climb(ladder, until_s=60)
    ladder.report({Ailment.NOT_REGISTERED}, 60.0)
    later = [rung for rung, _ in climb(ladder, from_s=60, until_s=500)]
    assert Rung.PROBE not in later
    assert Rung.REOPEN not in later


@given(
    st.lists(
        st.tuples(st.sets(st.sampled_from(list(Ailment)), max_size=2), st.booleans(), st.integers(1, 400)),
        max_size=60,
    )
)
@settings(max_examples=80, deadline=None)
def test_whatever_happens(history: list[tuple[set[Ailment], bool, int]]) -> None:
    """No rung in a call, none outside the course of the ailment, never two within the time the first needs."""
    plan = HealingPlan()
    ladder = HealingLadder(plan)
    now_s = 0.0
    for ailments, is_idle, seconds in history:
        now_s += seconds
        ladder.report(ailments, now_s)
        step = ladder.next_step(now_s, is_idle=is_idle)
        if step is None:
            continue
        course = COURSES[step.ailment]
        assert is_idle
        assert step.ailment in ailments
        assert LADDER.index(course.first) <= LADDER.index(step.rung) <= LADDER.index(course.last)
        assert ladder.next_step(now_s + step.settle_s / 2, is_idle=True) is None or step.settle_s == 0


@pytest.mark.parametrize(
    ("facts", "ailments"),
    [
        ({"answers": False}, {Ailment.DEAF}),
        ({}, set()),
        ({"registration": RegistrationState.SEARCHING}, {Ailment.NOT_REGISTERED}),
        ({"sim": SimState.BUSY, "registration": RegistrationState.SEARCHING}, {Ailment.SIM_BUSY}),
        ({"sim": SimState.PUK_REQUIRED, "registration": RegistrationState.DENIED}, set()),
        ({"sim": SimState.ABSENT, "registration": RegistrationState.NOT_REGISTERED}, set()),
        ({"audio_was_silent": True, "has_stuck_call": True}, {Ailment.AUDIO_SILENT, Ailment.STUCK_CALL}),
    ],
)
def test_diagnosis(facts: dict[str, object], ailments: set[Ailment]) -> None:
    well: dict[str, object] = {
        "answers": True,
        "sim": SimState.READY,
        "registration": RegistrationState.HOME,
    }
    assert diagnose(**(well | facts)) == ailments  # type: ignore[arg-type]
