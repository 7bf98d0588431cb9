"""What the callee's own rules demand of a conversation: a flow that does not do it calls nobody there."""

from pathlib import Path

import pytest

from firmware.calls.judging import unmet_by
from firmware.compliance.gate import Gate
from firmware.compliance.library import load_packs
from firmware.dialogue.flow import Flow
from firmware.dialogue.loader import load_flow
from firmware.rules_in_force import everything_approved

REMINDER = Path(__file__).resolve().parents[3] / "examples" / "overdue-reminder.yaml"

AMERICAN = REMINDER.parent / "us" / REMINDER.name


@pytest.fixture(scope="module")
def gate() -> Gate:
    library = load_packs()
    return Gate(library, everything_approved(library))


@pytest.fixture(scope="module")
def reminder() -> Flow:
    return load_flow(REMINDER.read_text(encoding="utf-8"), source="reminder")


@pytest.mark.parametrize(
    ("number", "told"),
    [
        ("+8613800138000", None),
        ("+442079460000", None),
        ("+493012345678", "explicit yes"),
        ("+16175550123", "explicit yes"),
        ("+639171234567", "explicit yes"),
    ],
)
def test_where_recording_needs_a_yes_a_flow_that_records_may_not_speak(
    gate: Gate, reminder: Flow, number: str, told: str | None
) -> None:
    unmet = unmet_by(gate.policy_for(number, None), reminder)
    assert [line for line in unmet if "recording there" in line] == [
        line for line in unmet if told is not None and told in line
    ]
    assert bool([line for line in unmet if "explicit yes" in line]) is (told is not None), unmet


def test_the_american_packs_want_their_disclosures(gate: Gate, reminder: Flow) -> None:
    policy = gate.policy_for("+13035550123", None)
    assert policy.roles_before("debt_mention") >= {"opt_out", "purpose"}
    assert unmet_by(policy, reminder), "the example is written for China"


STATES = {
    "Colorado": "+13035550123",
    "New York City": "+12125550123",
    "California": "+14155550123",
    "Massachusetts": "+16175550123",
    "Washington": "+12065550123",
    "Florida": "+13055550123",
    "District of Columbia": "+12025550123",
    "Texas": "+15125550123",
    "West Virginia": "+13045550123",
}


@pytest.mark.parametrize("state", STATES)
def test_the_american_reminder_may_be_said_there(gate: Gate, state: str) -> None:
    """What the call is for, what becomes of answers and how to stop it, before any figure; and no recording."""
    text = AMERICAN.read_text(encoding="utf-8")
    policy = gate.policy_for(STATES[state], None)
    assert unmet_by(policy, load_flow(text, source="us")) == []
    for told in ("role: [debt, purpose, opt_out]", "passed: about_this_call"):
        assert told in text
    silent = text.replace("role: [debt, purpose, opt_out]", "role: [debt, purpose]")
    assert "opt_out" in str(unmet_by(policy, load_flow(silent, source="us")))


def test_a_figure_of_the_debt_waits_for_its_disclosures(gate: Gate) -> None:
    """Only the sentence that says what the call is for may stand for itself: an amount in it makes it too late."""
    text = AMERICAN.read_text(encoding="utf-8").replace(
        "This is an attempt to collect a debt,", "This is an attempt to collect {amount_due},"
    )
    policy = gate.policy_for(STATES["Colorado"], None)
    assert "before saying opt_out and purpose" in str(unmet_by(policy, load_flow(text, source="us")))
