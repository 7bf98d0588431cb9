"""Every name a flow uses must exist, and be of the right kind, before its ways can be looked at."""

from collections.abc import Iterator

from firmware.dialogue.errors import FlowProblem
from firmware.dialogue.flow import (
    CaptureKind,
    CaptureNode,
    ChooseNode,
    Flow,
    PromiseNode,
    Resume,
    Target,
    VerifyNode,
)
from firmware.dialogue.graph import exits, prompts_of
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


def _values_named(flow: Flow, node: object) -> Iterator[FlowProblem]:
    match node:
        case VerifyNode() if node.var not in flow.vars:
            yield _problem(
                node.at, 4, f"{node.id!r} verifies by {node.var!r}, which is not declared in `vars:`"
            )
        case ChooseNode():
            kind = flow.vars[node.on].kind if node.on in flow.vars else None
            if kind in (VarKind.MONEY, VarKind.DATE) or (
                kind is None and flow.captures.get(node.on) != CaptureKind.DIGITS
            ):
                yield _problem(
                    node.at, 4, f"{node.id!r} chooses by {node.on!r}, which must be a text, name or digits"
                )
        case CaptureNode() if node.kind is CaptureKind.AMOUNT:
            limit = flow.vars.get(node.at_most or "")
            if limit is None or limit.kind is not VarKind.MONEY:
                yield _problem(node.at, 4, f"`at_most:` of {node.id!r} must name a money var")
        case PromiseNode():
            if (
                node.due not in {"today", "tomorrow", *COMING_DAYS}
                and flow.captures.get(node.due) != CaptureKind.DATE
            ):
                days = "today, tomorrow, coming_friday and the like"
                yield _problem(node.at, 4, f"`due:` of {node.id!r} must be a captured date or one of {days}")
            var = flow.vars.get(node.amount or "")
            is_money = var is not None and var.kind is VarKind.MONEY
            if node.amount and not is_money and flow.captures.get(node.amount) != CaptureKind.AMOUNT:
                yield _problem(
                    node.at, 4, f"`amount:` of {node.id!r} must be a money var or a captured amount"
                )


def _problem(at: Position, check: int, message: str) -> FlowProblem:
    return FlowProblem(at.line, at.column, f"check {check}", message)
