"""Flows that must never load. Each file in `hostile/` is the good one with a single flaw, named in its first line."""

import re
from pathlib import Path

import pytest

from firmware.dialogue.checks import FlowDemands
from firmware.dialogue.errors import FlowRefusedError
from firmware.dialogue.loader import load_flow

FLOWS = Path(__file__).parent / "hostile"
HOSTILE = sorted(path for path in FLOWS.glob("*.yaml") if path.name != "good.yaml")


def test_the_flow_without_a_flaw_loads() -> None:
    flow = load_flow((FLOWS / "good.yaml").read_text(encoding="utf-8"))
    assert flow.name == "parcel-desk"


def test_there_are_hostile_flows() -> None:
    assert len(HOSTILE) >= 40


@pytest.mark.parametrize("path", HOSTILE, ids=lambda path: path.stem)
def test_refused_for_its_flaw_at_its_place(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    header = re.fullmatch(r"# refused: (.+) \| (\d+) \| (.+)", text.splitlines()[0])
    assert header is not None
    check, line, reason = header.groups()
    with pytest.raises(FlowRefusedError) as refused:
        load_flow(text, source=path.name)
    problems = refused.value.problems
    assert {problem.check for problem in problems} == {check}, "only the flaw itself is wrong with this flow"
    assert any(problem.line == int(line) and reason in problem.message for problem in problems), str(
        refused.value
    )
    assert f"{path.name}:{line}:" in str(refused.value)


@pytest.mark.parametrize(
    "demands",
    [
        FlowDemands(before_debt=frozenset({"identity", "automated", "complaint_route"})),
        FlowDemands(disclosures_before_content=frozenset({"identity", "automated", "purpose"})),
        FlowDemands(before_recording=frozenset({"recording", "opt_out"})),
    ],
    ids=["before the debt", "before all else", "before recording"],
)
def test_a_rule_pack_may_demand_more(demands: FlowDemands) -> None:
    text = (FLOWS / "good.yaml").read_text(encoding="utf-8")
    with pytest.raises(FlowRefusedError) as refused:
        load_flow(text, demands=demands)
    assert {problem.check for problem in refused.value.problems} == {"check 2"}
