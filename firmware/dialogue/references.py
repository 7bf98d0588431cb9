"""Every name a flow uses must exist, and be of the right kind, before its ways can be looked at."""

from collections.abc import Iterator

from firmware.dialogue.conditions import ORDER, Operator
from firmware.dialogue.errors import FlowProblem
from firmware.dialogue.flow import Flow
from firmware.dialogue.graph import exits, prompts_of
from firmware.dialogue.nodes import (
    CaptureKind,
    CaptureNode,
    ChooseNode,
    LanguageNode,
    PlanNode,
    PromiseNode,
    Resume,
    Switch,
    Target,
    VerifyNode,
)
from firmware.dialogue.variables import COMING_DAYS, Position, VarKind


def missing_references(flow: Flow) -> Iterator[FlowProblem]:
    """Yield a problem for each node, prompt, var or slot that is named and not there."""
    prompts_known = True
    for at, who, said in _prompts_named(flow):
        if said not in flow.prompts:
            prompts_known = False
            yield _problem(at, 4, f"{who} says {said!r}, and there is no such prompt")
    for at, who, target in _nodes_named(flow, prompts_known=prompts_known):
        if target not in flow.nodes:
            yield _problem(at, 3, f"{who} leads to {target!r}, and there is no such node")
    for prompt in flow.prompts.values():
        for name in sorted(prompt.names - flow.vars.keys() - flow.late - COMING_DAYS.keys()):
            yield _problem(
                prompt.at, 4, f"the prompt {prompt.id!r} speaks {{{name}}}, which is not declared in `vars:`"
            )
        for language in flow.languages:
            if language not in prompt.texts:
                yield _problem(prompt.at, 4, f"the prompt {prompt.id!r} has no {language} wording")
    for node in flow.nodes.values():
        yield from _values_named(flow, node)


def _prompts_named(flow: Flow) -> Iterator[tuple[Position, str, str]]:
    yield flow.at, "`neutral:`", flow.neutral
    for node in flow.nodes.values():
        for prompt, _ in prompts_of(node):
            yield node.at, repr(node.id), prompt
    for name, handler in flow.anytime.items():
        if isinstance(handler, Resume):
            yield handler.at, f"anytime {name}", handler.prompt


def _nodes_named(flow: Flow, *, prompts_known: bool) -> Iterator[tuple[Position, str, str]]:
    yield flow.at, "`start:`", flow.start
    if flow.on_machine is not None:
        yield flow.at, "`on_machine:`", flow.on_machine
    for node in flow.nodes.values():
        if prompts_known:
            for way in exits(node, flow):
                yield node.at, repr(node.id), way.target
        if node.limit is not None:
            yield node.at, f"the limit of {node.id!r}", node.limit.then
    for name, handler in flow.anytime.items():
        if isinstance(handler, Target):
            yield handler.at, f"anytime {name}", handler.node
        elif isinstance(handler, Switch) and handler.not_possible is not None:
            yield handler.at, f"anytime {name}", handler.not_possible


def _values_named(flow: Flow, node: object) -> Iterator[FlowProblem]:
    match node:
        case VerifyNode() if node.var not in flow.vars:
            yield _problem(
                node.at, 4, f"{node.id!r} verifies by {node.var!r}, which is not declared in `vars:`"
            )
        case ChooseNode():
            yield from _conditions(flow, node)
        case CaptureNode() if node.kind is CaptureKind.AMOUNT:
            for key, name in (("at_most", node.at_most or ""), ("at_least", node.at_least)):
                if name is not None and not _is(flow, name, VarKind.MONEY):
                    yield _problem(node.at, 4, f"`{key}:` of {node.id!r} must name a money var")
        case PromiseNode():
            yield from _due(flow, node, "due", node.due)
            if node.amount and not _is_amount(flow, node.amount):
                yield _problem(
                    node.at, 4, f"`amount:` of {node.id!r} must be a money var or a captured amount"
                )
        case PlanNode():
            yield from _due(flow, node, "first", node.first)
            if not _is_amount(flow, node.amount):
                yield _problem(node.at, 4, f"`plan:` of {node.id!r} must be a money var or a captured amount")
            if node.most is not None and not _is(flow, node.most, VarKind.NUMBER):
                yield _problem(node.at, 4, f"`most:` of {node.id!r} must name a number var")
            if node.least is not None and not _is(flow, node.least, VarKind.MONEY):
                yield _problem(node.at, 4, f"`least:` of {node.id!r} must name a money var")
        case LanguageNode() if node.language not in flow.languages:
            known = ", ".join(flow.languages)
            yield _problem(
                node.at, 4, f"{node.id!r} changes to {node.language!r}, and the flow speaks {known}"
            )


def _is(flow: Flow, name: str, kind: VarKind) -> bool:
    return name in flow.vars and flow.vars[name].kind is kind


def _is_amount(flow: Flow, name: str) -> bool:
    return _is(flow, name, VarKind.MONEY) or flow.captures.get(name) is CaptureKind.AMOUNT


def _due(flow: Flow, node: PromiseNode | PlanNode, key: str, when: str) -> Iterator[FlowProblem]:
    if when not in {"today", "tomorrow", *COMING_DAYS} and flow.captures.get(when) != CaptureKind.DATE:
        days = "today, tomorrow, coming_friday and the like"
        yield _problem(node.at, 4, f"`{key}:` of {node.id!r} must be a captured date or one of {days}")


_OF_CAPTURE = {
    CaptureKind.DIGITS: VarKind.DIGITS,
    CaptureKind.RATING: VarKind.NUMBER,
    CaptureKind.DATE: VarKind.DATE,
    CaptureKind.AMOUNT: VarKind.MONEY,
}


def _conditions(flow: Flow, node: ChooseNode) -> Iterator[FlowProblem]:
    """Each condition must be one that the value can have."""
    captured = flow.captures.get(node.on)
    kind = (
        flow.vars[node.on].kind if node.on in flow.vars else _OF_CAPTURE.get(captured) if captured else None
    )
    if kind is None:
        yield _problem(
            node.at,
            4,
            f"{node.id!r} chooses by {node.on!r}, which must be a var, or a captured date, amount, rating or digits",
        )
        return
    for condition, _ in node.when:
        if condition.operator in (Operator.KNOWN, Operator.UNKNOWN):
            if node.on not in flow.optional:
                yield _problem(
                    node.at,
                    4,
                    f"{node.on!r} is always known: only a var with `optional: true` may be unknown",
                )
        elif kind in (VarKind.MONEY, VarKind.NUMBER) and condition.number is None:
            yield _problem(
                node.at, 4, f"{node.id!r} compares {node.on!r} with {condition.text!r}, which is no number"
            )
        elif kind is VarKind.DATE and condition.day is None:
            wanted = "today, today+3, today-7 or 2026-12-31"
            yield _problem(
                node.at, 4, f"{node.id!r} compares {node.on!r} with {condition.text!r}: a day is {wanted}"
            )
        elif kind in (VarKind.NAME, VarKind.TEXT, VarKind.DIGITS) and condition.operator in ORDER:
            yield _problem(
                node.at, 4, f"{node.id!r} chooses by {node.on!r}, which has no more and less: use a value"
            )


def _problem(at: Position, check: int, message: str) -> FlowProblem:
    return FlowProblem(at.line, at.column, f"check {check}", message)
