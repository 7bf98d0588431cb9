"""A flow as a graph: which node can follow which, and what is certain by then on every way there."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import assert_never

from firmware.dialogue.flow import Flow
from firmware.dialogue.nodes import (
    AskNode,
    CaptureKind,
    CaptureNode,
    ChooseNode,
    EndNode,
    LanguageNode,
    MessageNode,
    Node,
    PlanNode,
    PromiseNode,
    SayNode,
    SmsNode,
    Switch,
    Target,
    TransferNode,
    VerifyNode,
)
from firmware.dialogue.slots import Asked
from firmware.dialogue.variables import (
    PLAN_AMOUNT,
    PLAN_COUNT,
    PLAN_FIRST,
    PLAN_LAST,
    PROMISE_AMOUNT,
    PROMISE_DATE,
)

Facts = frozenset[str]
"""What has happened for certain: `verified`, `promised`, `role:…` (said to the end), `slot:…` (filled or known).

`refused` and `asked again` are the other way round: they have happened on some way, and forbid what follows.
"""
NOTHING: Facts = frozenset()
VERIFIED, PROMISED, REFUSED, ASKED_AGAIN, CALLBACK = (
    "verified",
    "promised",
    "refused",
    "asked again",
    "callback",
)
PRESSING = frozenset({Asked.ABILITY, Asked.OFFER, Asked.DATE, Asked.AMOUNT})
"""Questions that ask somebody to pay."""
MAX_SITUATIONS = 50_000


class TooIntertwinedError(ValueError):
    """The flow has more situations than are worth proving."""


@dataclass(frozen=True, slots=True)
class Exit:
    """One way out of a node, and what is certain for having taken it."""

    target: str
    gains: Facts = NOTHING


@dataclass(frozen=True, slots=True)
class Situation:
    """At a node, with what is certain on the way that led here."""

    node: str
    facts: Facts


def role(name: str) -> str:
    """Return the fact that a disclosure was made."""
    return f"role:{name}"


def slot(name: str) -> str:
    """Return the fact that a slot is filled."""
    return f"slot:{name}"


def exits(node: Node, flow: Flow) -> tuple[Exit, ...]:
    """Return the ways out, without the visit limit's and without anytime."""
    match node:
        case SayNode():
            said = flow.prompts[node.prompt].discloses
            return (Exit(node.next, frozenset(map(role, said))),)
        case AskNode():
            again = frozenset({ASKED_AGAIN}) if node.asked in PRESSING else NOTHING
            refusals = {node.intents[name] for name in ("refuse_to_pay",) if name in node.intents}
            answers = dict.fromkeys([*node.keys.values(), *node.intents.values()])
            rest = [node.silence.then, node.no_match.then]
            refused = frozenset({REFUSED})
            return (
                *(Exit(target, again | (refused if target in refusals else NOTHING)) for target in answers),
                *(Exit(target, again) for target in rest),
            )
        case VerifyNode():
            return Exit(node.passed, frozenset({VERIFIED})), Exit(node.failed)
        case CaptureNode():
            gained = {slot(node.into), *([CALLBACK] if node.kind is CaptureKind.CALLBACK else [])}
            filled = Exit(node.next, frozenset(gained))
            return (filled, Exit(node.failed), *([Exit(node.rejected)] if node.rejected is not None else []))
        case PromiseNode():
            gains = {PROMISED, *promise_slots(node)}
            others = (node.rejected, node.failed, node.not_possible)
            return Exit(node.confirmed, frozenset(gains)), *map(Exit, others)
        case PlanNode():
            others = (node.declined, node.failed, node.not_possible)
            again = frozenset({ASKED_AGAIN})
            return (
                Exit(node.confirmed, PLAN_SLOTS | again | {PROMISED}),
                *(Exit(other, again) for other in others),
            )
        case ChooseNode():
            return (
                *(
                    Exit(way, _known(node.on) if condition.implies_known else NOTHING)
                    for condition, way in node.when
                ),
                Exit(node.otherwise),
            )
        case TransferNode():
            return (Exit(node.unavailable),)
        case LanguageNode() | SmsNode():
            return Exit(node.next), Exit(node.not_possible)
        case MessageNode() | EndNode():
            return ()
        case _:
            assert_never(node)


def _known(name: str) -> Facts:
    return frozenset({slot(name)})


PLAN_SLOTS: Facts = frozenset(map(slot, (PLAN_COUNT, PLAN_AMOUNT, PLAN_FIRST, PLAN_LAST)))
"""What every prompt of a plan can speak."""


def promise_slots(node: PromiseNode) -> Facts:
    """Return the slots a promise fills for its read-back."""
    return frozenset({slot(PROMISE_DATE)} | ({slot(PROMISE_AMOUNT)} if node.amount else set()))


def prompts_of(node: Node) -> tuple[tuple[str, Facts], ...]:
    """Return every prompt a node may say, each with the facts it can count on besides those at the node."""
    match node:
        case SayNode() | MessageNode():
            return ((node.prompt, NOTHING),)
        case AskNode():
            retries = (node.silence.say, node.no_match.say, node.silence.menu, node.no_match.menu)
            return ((node.prompt, NOTHING), *((say, NOTHING) for say in retries if say))
        case VerifyNode():
            return ((node.prompt, NOTHING), *([(node.again, NOTHING)] if node.again else []))
        case CaptureNode():
            read_back = [(node.read_back, frozenset({slot(node.into)}))] if node.read_back else []
            return ((node.prompt, NOTHING), *([(node.invalid, NOTHING)] if node.invalid else []), *read_back)
        case PromiseNode():
            return ((node.read_back, promise_slots(node)),)
        case PlanNode():
            return (node.prompt, PLAN_SLOTS), (node.read_back, PLAN_SLOTS)
        case TransferNode():
            return ((node.prompt, NOTHING), *([(node.waiting, NOTHING)] if node.waiting else []))
        case EndNode():
            return ((node.prompt, NOTHING),) if node.prompt else ()
        case ChooseNode() | LanguageNode() | SmsNode():
            return ()
        case _:
            assert_never(node)


def situations(flow: Flow, start: str) -> Mapping[Situation, Situation | None]:
    """Return every situation that can arise from `start`, each with one that leads to it.

    Raises TooIntertwinedError.
    """
    first = Situation(start, NOTHING)
    came_from: dict[Situation, Situation | None] = {first: None}
    waiting = deque([first])
    while waiting:
        here = waiting.popleft()
        for there in _successors(flow, here):
            if there not in came_from:
                came_from[there] = here
                waiting.append(there)
        if len(came_from) > MAX_SITUATIONS:
            raise TooIntertwinedError
    return came_from


def way_to(situation: Situation, came_from: Mapping[Situation, Situation | None]) -> str:
    """Return a way from the start to a situation, as a person would point it out."""
    nodes = []
    here: Situation | None = situation
    while here is not None:
        nodes.append(here.node)
        here = came_from[here]
    nodes.reverse()
    return " → ".join(nodes if len(nodes) <= 8 else [*nodes[:3], "…", *nodes[-4:]])


def find_loop(flow: Flow) -> tuple[str, ...]:
    """Return nodes that can follow each other for ever, () if there are none.

    In an endless run every node with a visit limit is used up sooner or later and only passes on to its
    `then`; so a run can be endless exactly if there is a cycle with those nodes reduced to that one way out.
    Anytime handlers are bounded by the machine, not by the flow.
    """
    done: set[str] = set()
    for start in flow.nodes:
        path: list[str] = []
        on_path: set[str] = set()
        stack: list[Iterator[str]] = []
        if start in done:
            continue
        path.append(start)
        on_path.add(start)
        stack.append(iter(_tail_targets(flow, start)))
        while stack:
            target = next(stack[-1], None)
            if target is None:
                stack.pop()
                on_path.discard(path[-1])
                done.add(path.pop())
            elif target in on_path:
                return tuple(path[path.index(target) :])
            elif target not in done:
                path.append(target)
                on_path.add(target)
                stack.append(iter(_tail_targets(flow, target)))
    return ()


def _tail_targets(flow: Flow, name: str) -> list[str]:
    node = flow.nodes[name]
    if node.limit is not None:
        return [node.limit.then]
    return [way.target for way in exits(node, flow)]


def _successors(flow: Flow, here: Situation) -> Iterator[Situation]:
    node = flow.nodes[here.node]
    for way in exits(node, flow):
        gains = way.gains if REFUSED in here.facts else way.gains - {ASKED_AGAIN}
        yield Situation(way.target, here.facts | gains)
    if node.limit is not None:
        yield Situation(node.limit.then, here.facts)
    if isinstance(node, MessageNode | ChooseNode | LanguageNode | SmsNode):
        return
    # A disclosure is heard to its end before an anytime key is obeyed; opting out needs no disclosure.
    heard = exits(node, flow)[0].gains if isinstance(node, SayNode) else NOTHING
    for intent, handler in flow.anytime.items():
        if isinstance(handler, Target) and intent != "opt_out":
            refused = frozenset({REFUSED}) if intent == "refuse_to_pay" else NOTHING
            yield Situation(handler.node, here.facts | heard | refused)
        elif isinstance(handler, Switch) and handler.not_possible is not None:
            yield Situation(handler.not_possible, here.facts | heard)
