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
