"""What a flow must not do that answers who calls in: whatever tells anything about a person is refused by name."""

from datetime import date
from pathlib import Path

import pytest

from firmware.dialogue.actions import HandOver
from firmware.dialogue.inbound import inbound_problems
from firmware.dialogue.loader import load_flow
from firmware.dialogue.machine import Dialogue
from tests.firmware.dialogue.conftest import Call

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
INBOUND = (EXAMPLES / "inbound.yaml").read_text(encoding="utf-8")


def test_the_example_may_answer() -> None:
    assert inbound_problems(load_flow(INBOUND)) == []


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        pytest.param(
            "last_called:    {type: date, optional: true}",
            "last_called:    {type: text, optional: true}",
            "the box gives 'last_called'",
            id="what the box gives, as something else",
        ),
        pytest.param(
            "  complaint_line: {type: digits} ",
            "  callee:         {type: name, optional: true}\n  complaint_line: {type: digits} ",
            "'callee' is about one person",
            id="a name",
        ),
        pytest.param(
            "  complaint_line: {type: digits} ",
            "  amount:         {type: money, debt: true, optional: true}\n  complaint_line: {type: digits} ",
            "'amount' is about one person",
            id="an amount",
        ),
        pytest.param(
            'role: [identity, automated]\n    zh-CN: "您好，这里是{creditor}，我是智能语音助手。"\n'
            '    en: "Hello, this is {creditor}. I am an automated assistant."',
            'role: [identity, automated, recording]\n    zh-CN: "您好，这里是{creditor}，我是智能语音助手，通话会录音。"\n'
            '    en: "Hello, this is {creditor}. I am an automated assistant. This call is recorded."',
            "'opening' announces a recording",
            id="a recording",
        ),
    ],
)
def test_what_is_refused(before: str, after: str, reason: str) -> None:
    assert before in INBOUND
    problems = inbound_problems(load_flow(INBOUND.replace(before, after)))
    assert any(reason in problem.message for problem in problems), problems


@pytest.mark.parametrize(
    "name", ["overdue-reminder", "before-due-reminder", "details-check", "service-survey"]
)
def test_no_flow_of_ours_for_dialling_may_answer(name: str) -> None:
    flow = load_flow((EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8"))
    assert inbound_problems(flow)


def test_who_waits_for_a_person_is_told_so_now_and_then() -> None:
    """Every 20 s from the search on, in words of the flow's, until it has lasted its time; then the flow goes on."""
    flow = load_flow(INBOUND)
    values = {"creditor": "Riverside Bank", "complaint_line": "8005550100"}
    dialogue = Dialogue(
        flow, flow.check_vars(values, "en"), language="en", today=date(2026, 12, 7), promise_max_days=0, can_hand_over=True
    )  # fmt: skip
    call = Call(dialogue).hear_out().press("1").hear_out()
    assert any(isinstance(action, HandOver) for action in call.actions)
    began_s = call.now_s
    at_s = []
    while call.prompts[-1] in {"connecting", "still_connecting"}:
        call.wait()
        at_s.append(call.now_s - began_s)
        call.hear_out()
    assert call.prompts.count("still_connecting") == len(at_s) - 1 == 7
    assert at_s[0] == pytest.approx(20, abs=1)
    assert at_s[-1] == pytest.approx(150, abs=1)
    assert call.prompts[-1] == "ask_callback"
