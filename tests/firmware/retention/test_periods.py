"""How long something stays: never less than the packs' least, never more than their most, and what is said of why."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.compliance.library import load_packs
from firmware.compliance.merge import meet, merge
from firmware.compliance.policy import Policy
from firmware.retention.periods import (
    Defaults,
    recording_minimum,
    recording_period,
    records_period,
    uncalled_period,
)

DEFAULTS = Defaults(records_days=1000, recordings_days=200, uncalled_days=90)


@pytest.mark.parametrize(
    ("least", "most", "days", "rule"),
    [
        pytest.param(0, None, 200, "default", id="the packs leave it open"),
        pytest.param(731, None, 731, "minimum", id="longer than we would"),
        pytest.param(0, 30, 30, "maximum", id="shorter than we would"),
        pytest.param(100, 300, 200, "default", id="between"),
        pytest.param(300, 300, 300, "minimum", id="to the day"),
        pytest.param(300, 299, None, "contradiction", id="two laws: keep the evidence"),
    ],
)
def test_a_recording_stays_as_the_packs_say(
    least: int, most: int | None, days: int | None, rule: str
) -> None:
    policy = Policy(recording_min_days=least, recording_max_days=most)
    found = recording_period([policy], DEFAULTS)
    assert (found.days, found.rule) == (days, rule)


def test_counters_outlast_what_a_pack_would_have_forgotten() -> None:
    found = records_period([Policy(audit_max_days=10)], DEFAULTS, counters_days=40)
    assert (found.days, found.rule) == (40, "counters")


def test_where_nothing_governs_nothing_of_a_call_is_deleted() -> None:
    assert recording_period([], DEFAULTS).days is None
    assert recording_minimum([]).days is None
    assert records_period([], DEFAULTS, counters_days=0).rule == "no-rules"
    assert uncalled_period([], DEFAULTS).days == 90, "nobody was called: there is no evidence to keep"


def test_a_contact_never_called_goes_sooner_where_a_pack_wants_it() -> None:
    assert uncalled_period([Policy(audit_max_days=30)], DEFAULTS).days == 30


DAYS = st.integers(0, 4000)
POLICIES = st.builds(
    Policy,
    recording_min_days=DAYS,
    recording_max_days=st.none() | DAYS,
    audit_min_days=DAYS,
    audit_max_days=st.none() | DAYS,
)


@given(st.lists(POLICIES, min_size=1, max_size=4))
def test_several_places_are_as_strict_as_their_merge(policies: list[Policy]) -> None:
    together = policies[0]
    for policy in policies[1:]:
        together = meet(together, policy)
    assert recording_period(policies, DEFAULTS) == recording_period([together], DEFAULTS)
    found = recording_period(policies, DEFAULTS).days
    if found is not None:
        assert found >= max(policy.recording_min_days for policy in policies)
        assert all(
            policy.recording_max_days is None or found <= policy.recording_max_days for policy in policies
        )


def test_three_years_from_a_leap_day_are_not_a_day_short() -> None:
    packs, _ = load_packs().governing(["US"], "+13035550123")
    length = recording_period([merge(packs)], Defaults()).length
    assert length is not None
    assert date(2028, 2, 29) + length == date(2031, 3, 1)
