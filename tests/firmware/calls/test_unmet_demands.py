"""What the callee's own rules demand of a conversation: a flow that does not do it calls nobody there."""

from pathlib import Path

import pytest

from firmware.compliance.gate import Gate
from firmware.compliance.library import PackLibrary, load_packs
from firmware.dialogue.flow import Flow
from firmware.dialogue.loader import load_flow
from firmware.rules.flow_rules import policy_at, unmet_by
from firmware.rules.in_force import everything_approved

REMINDER = Path(__file__).resolve().parents[3] / "examples" / "overdue-reminder.yaml"

AMERICAN = REMINDER.parent / "us" / REMINDER.name


@pytest.fixture(scope="module")
def library() -> PackLibrary:
    return load_packs()


@pytest.fixture(scope="module")
def gate(library: PackLibrary) -> Gate:
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


@pytest.mark.parametrize(
    ("place", "language", "wording", "rule"),
    [
        ("US", "en", "If you do not pay, a felony complaint follows.", "US-MIS-1"),
        ("US", "zh-CN", "您可能涉嫌诈骗。", "US-MIS-1"),
        ("US-NY-NYC", "en", "This is the legal department.", "US-MIS-3"),
        ("US", "en", "We may put a lien on the house.", "US-MIS-4"),
        ("GB", "en", "We call about an urgent private thing, a personal matter.", "GB-MIS-3"),
        ("GB", "en", "A CCJ may follow.", "GB-MIS-2"),
        ("GB", "zh-CN", "您可以向亲友借。", "GB-MIS-4"),
        ("CN", "zh-CN", "我们将通知您的家人。", "CN-MIS-3"),
        ("CN", "zh-CN", "请在24小 时内处理。", "CN-MIS-4"),
        ("CN", "zh-CN", "您已涉嫌合同诈骗。", "CN-MIS-2"),
        ("HK", "zh-CN", "我们会在楼下张贴您的告示。", "HK-MIS-1"),
        ("IN", "en", "An FIR will be filed.", "IN-MIS-1"),
        ("IN", "en", "We will call your friends.", "IN-MIS-2"),
        ("PH", "en", "The Barangay will hear of it.", "PH-MIS-1"),
        ("KE", "en", "We have your phone book.", "KE-MIS-1"),
        ("NG", "en", "Your BVN will be marked.", "NG-MIS-1"),
        ("BR", "en", "Serasa will know.", "BR-COND-2"),
        ("MX", "en", "This is a judicial notice.", "MX-MIS-1"),
        ("MX", "en", "We will speak with your references.", "MX-TP-2"),
    ],
)
def test_what_the_rules_of_a_place_forbid_to_claim_is_refused_there(
    library: PackLibrary, place: str, language: str, wording: str, rule: str
) -> None:
    """And only there: elsewhere the same words are for the people who review the prompts."""
    old = {
        "en": "A friendly reminder: {amount_due} was due on {due_date}.",
        "zh-CN": "温馨提醒：您有一笔款项，{amount_due}，已于{due_date}到期。",
    }[language]
    text = REMINDER.read_text(encoding="utf-8")
    assert old in text
    flow = load_flow(text.replace(old, old + wording), source="reminder")
    assert [line for line in unmet_by(policy_at(library, [place]), flow) if f"rule {rule})" in line]
    assert not [line for line in unmet_by(policy_at(library, ["TW"]), flow) if "check 6" in line]


def test_a_word_inside_another_claims_nothing(library: PackLibrary) -> None:
    text = REMINDER.read_text(encoding="utf-8").replace(
        "A friendly reminder:", "We are not firm; the firmware speaks; a crimson card; A friendly reminder:"
    )
    flow = load_flow(text, source="reminder")
    policy = policy_at(library, ["IN", "US", "PH"])
    assert not [line for line in unmet_by(policy, flow) if "check 6" in line]
