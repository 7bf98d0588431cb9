"""What a flow for people who call in must prove besides: that it tells nobody anything about a person (pure).

Who calls in may be anybody, whatever number is shown: so there is no debt in such a flow, no name and nothing to verify.
"""

from collections.abc import Iterator

from firmware.dialogue.errors import FlowProblem
from firmware.dialogue.flow import Flow
from firmware.dialogue.nodes import (
    CaptureKind,
    CaptureNode,
    MessageNode,
    PlanNode,
    PromiseNode,
    SmsNode,
    VerifyNode,
)
from firmware.dialogue.variables import Position, VarKind

LAST_CALLED = "last_called"
"""The day on which this box last called the number, given by the box; left out where it did not, or the number is withheld."""


def inbound_problems(flow: Flow) -> list[FlowProblem]:
    """Return why this flow must not answer a call; an empty list means that it may."""
    return sorted(set(_problems(flow)))


def _problems(flow: Flow) -> Iterator[FlowProblem]:
    for name, type_ in flow.vars.items():
        if type_.debt or type_.secret or type_.kind in {VarKind.MONEY, VarKind.NAME}:
            yield _problem(type_.at, f"{name!r} is about one person, and who calls in may be anybody")
        if name == LAST_CALLED:
            if type_.kind is not VarKind.DATE or not type_.optional:
                yield _problem(type_.at, f"the box gives {name!r}: declare it {{type: date, optional: true}}")
        elif type_.kind is VarKind.DATE:
            yield _problem(type_.at, f"{name!r}: the only date that the box gives is {LAST_CALLED}")
    for name, reason in flow.debt_prompts.items():
        yield _problem(flow.prompts[name].at, f"who calls in is told of no debt, and {name!r} does: {reason}")
    for prompt in flow.prompts.values():
        if "recording" in prompt.roles:
            yield _problem(
                prompt.at, f"{prompt.id!r} announces a recording: calls that come in are not recorded"
            )
    for node in flow.nodes.values():
        match node:
            case VerifyNode() | PromiseNode() | PlanNode():
                yield _problem(
                    node.at, f"{node.id!r}: nobody is verified, and nothing promised, in a call that came in"
                )
            case CaptureNode(kind=CaptureKind.AMOUNT):
                yield _problem(
                    node.at, f"{node.id!r} asks for an amount, and there is nothing to pay in such a call"
                )
            case SmsNode():
                yield _problem(node.at, f"{node.id!r}: texts belong to a campaign, and such a call has none")
            case MessageNode():
                yield _problem(node.at, f"{node.id!r}: who calls in is no answering machine")
            case _:
                pass


def _problem(at: Position, message: str) -> FlowProblem:
    return FlowProblem(at.line, at.column, "inbound", message)
