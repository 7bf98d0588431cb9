"""What a flow must not do that answers who calls in: whatever tells anything about a person is refused by name."""

from pathlib import Path

import pytest

from firmware.dialogue.inbound import inbound_problems
from firmware.dialogue.loader import load_flow

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
