"""Simulated people: the same for the same seed, quick, and no conversation in which anything forbidden happens."""

import json
from datetime import date
from pathlib import Path
from time import perf_counter

import pytest
from typer.testing import CliRunner

from firmware.dialogue import loader
from firmware.rehearsal.command import flow_app
from firmware.rehearsal.crowd import Report, Scene, rehearse
from firmware.rehearsal.loading import read_flow
from firmware.rehearsal.personas import PERSONAS
from firmware.rehearsal.sample import SECRET, sample_vars

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
SEEDS = sorted(
    path.stem
    for path in EXAMPLES.glob("*.yaml")
    if path.stem not in {"people", "inbound"} and not path.name.endswith(".test.yaml")
)
TODAY = date(2026, 12, 7)
ROUND = 10 * len(PERSONAS)


def scene_of(path: Path) -> Scene:
    flow = read_flow(path)
    contacts = [flow.check_vars(sample_vars(flow, tag, TODAY), tag) for tag in flow.languages]
    return Scene(flow=flow, contacts=contacts, secrets=frozenset({SECRET}), today=TODAY)


def rehearsed(name: str, conversations: int = ROUND, seed: int = 7) -> Report:
    return rehearse(scene_of(EXAMPLES / f"{name}.yaml"), conversations, seed=seed)


def test_all_flows_that_ship_are_here() -> None:
    assert len(SEEDS) == 6


@pytest.mark.parametrize("name", SEEDS)
def test_nothing_forbidden_happens_and_people_get_somewhere(name: str) -> None:
    began_s = perf_counter()
    report = rehearsed(name)
    assert report.violations == []
    assert report.conversations == ROUND
    assert len(report.dispositions) >= 8
    assert report.containment >= 0.8
    assert ROUND / (perf_counter() - began_s) * 60 >= 1000, "a thousand conversations a minute"


def test_who_calls_in_and_says_anything_hears_nothing_forbidden() -> None:
    """The people here were made to be called: what they come to by ringing back says little, what they hear much."""
    report = rehearsed("inbound")
    assert report.violations == []
    assert report.conversations == ROUND
    assert len(report.dispositions) >= 4


def test_personas_come_to_what_they_want() -> None:
    report = rehearsed("repayment-negotiation", 30 * len(PERSONAS))
    most = {name: words.most_common(1)[0][0] for name, words in report.by_persona.items()}
    assert most["willing"] == "promise_full"
    assert most["pays now"] == "paying_now"
    assert most["paid already"] == "already_paid"
    assert most["a relative"] == "third_party"
    assert most["a stranger"] == "wrong_number"
    assert most["pretends"] == "unverified"
    assert most["says nothing"] == "silence"
    assert most["stop calling"] == "opt_out"
    assert most["in distress"] == "vulnerable"
    assert most["a machine"] == "machine_no_message"


def test_the_same_seed_is_the_same_crowd() -> None:
    assert rehearsed("service-survey").as_dict() == rehearsed("service-survey").as_dict()
    assert rehearsed("service-survey").as_dict() != rehearsed("service-survey", seed=8).as_dict()


def test_the_auditor_sees_a_flow_that_escaped_the_checks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader, "check_flow", lambda flow, demands: [])
    text = (EXAMPLES / "overdue-reminder.yaml").read_text(encoding="utf-8")
    early, rude = tmp_path / "early.yaml", tmp_path / "rude.yaml"
    early.write_text(text.replace("next: ask_person}", "next: remind}"), encoding="utf-8")
    assert any("DebtLockedError" in wrong for wrong in rehearse(scene_of(early), 24, seed=1).violations)
    rude.write_text(text.replace("start: opening", "start: ask_person"), encoding="utf-8")
    assert any(
        "before it was said who calls" in wrong for wrong in rehearse(scene_of(rude), 24, seed=1).violations
    )


def test_the_command_reports_and_fails_on_violations(tmp_path: Path) -> None:
    flow = str(EXAMPLES / "before-due-reminder.yaml")
    done = CliRunner().invoke(flow_app, ["simulate", flow, "--conversations", "48", "--json"])
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)
    assert facts["conversations"] == 48
    assert facts["violations"] == []
    assert sum(facts["dispositions"].values()) == 48
    shown = CliRunner().invoke(flow_app, ["simulate", flow, "--conversations", "48"])
    assert "0 violations" in shown.stdout
