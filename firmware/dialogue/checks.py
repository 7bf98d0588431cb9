"""The six checks of the flow language: what a flow must prove before a single number is dialled."""

from collections.abc import Iterator
from dataclasses import dataclass

from firmware.dialogue.doubts import QUESTIONS
from firmware.dialogue.endings import PROMISES, RIGHT_PARTY
from firmware.dialogue.errors import FlowProblem
from firmware.dialogue.flow import Flow
from firmware.dialogue.graph import (
    ASKED_AGAIN,
    CALLBACK,
    PRESSING,
    PROMISED,
    VERIFIED,
    Situation,
    TooIntertwinedError,
    find_loop,
    prompts_of,
    role,
    situations,
    slot,
    way_to,
)
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
    Prompt,
    Resume,
    SayNode,
    SmsNode,
    Switch,
    Target,
    VerifyNode,
)
from firmware.dialogue.references import missing_references
from firmware.dialogue.variables import (
    COMING_DAYS,
    PLAN_AMOUNT,
    PLAN_COUNT,
    PLAN_FIRST,
    PROMISE_AMOUNT,
    PROMISE_DATE,
    Position,
    VarKind,
)
from firmware.dialogue.wording import Claim, forbidden_claim, says
from firmware.values import Disposition

MIN_SECRET_DIGITS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowDemands:
    """Which disclosures the rule packs in force want made, and before what."""

    disclosures_before_content: frozenset[str] = frozenset({"identity", "automated"})
    before_debt: frozenset[str] = frozenset({"identity", "automated"})
    before_recording: frozenset[str] = frozenset({"recording"})
    """Roles that the wording which starts the recording must have, itself or before it."""
    forbidden_claims: frozenset[Claim] = frozenset()
    """What no prompt may claim besides what the box never says."""


FLOOR_DEMANDS = FlowDemands()


def check_flow(flow: Flow, demands: FlowDemands = FLOOR_DEMANDS) -> list[FlowProblem]:
    """Return everything that is wrong with a flow; an empty list means that it may be spoken."""
    missing = list(missing_references(flow))
    if missing:
        return missing
    found = [
        *_loops(flow),
        *_ways_out(flow),
        *_secrets(flow),
        *_wording(flow, demands),
        *_always_harmless(flow),
        *_message(flow, demands),
    ]
    if not find_loop(flow):
        found += _walk(flow, demands)
    return sorted(set(found))


def _problem(at: Position, check: int, message: str) -> FlowProblem:
    return FlowProblem(at.line, at.column, f"check {check}", message)


def _walk(flow: Flow, demands: FlowDemands) -> Iterator[FlowProblem]:
    """Checks 1, 2, 3 (reachability) and 5, on every way through the flow; one problem per node and reason."""
    try:
        ways = situations(flow, flow.start)
    except TooIntertwinedError:
        yield _problem(flow.at, 3, "too many ways through the flow to prove it: use fewer slots and branches")
        return
    seen: set[tuple[str, str]] = set()
    for here in ways:
        before = ways[here]
        follows = before is not None and _lacks_disclosures(flow, before, demands)
        for reason, check, message in _wrong_here(flow, here, demands):
            # What follows an undisclosed node is undisclosed too: one problem, not one for every node after it.
            if (here.node, reason) not in seen and not (follows and check == 2):
                seen.add((here.node, reason))
                yield _problem(
                    flow.nodes[here.node].at, check, f"{message} (on the way {way_to(here, ways)})"
                )
    reached = {here.node for here in ways} | {flow.on_machine}
    reached |= {handler.node for handler in flow.anytime.values() if isinstance(handler, Target)}
    reached |= {
        handler.not_possible or "" for handler in flow.anytime.values() if isinstance(handler, Switch)
    }
    for name, node in flow.nodes.items():
        if name not in reached:
            yield _problem(node.at, 3, f"the node {name!r} is never reached")


def _states_the_purpose(flow: Flow, node: Node, prompt: Prompt) -> bool:
    """Return whether this is the first word about the debt that rules demand: it names the matter, no figure of it."""
    tells = any(name not in flow.vars or flow.vars[name].debt for name in prompt.names)
    return isinstance(node, SayNode) and "purpose" in prompt.roles and not tells


def _wrong_here(flow: Flow, here: Situation, demands: FlowDemands) -> Iterator[tuple[str, int, str]]:
    node, name = flow.nodes[here.node], here.node
    verified = VERIFIED in here.facts
    said = {fact for fact in here.facts if fact.startswith("role:")}
    for prompt_id, own_facts in prompts_of(node):
        prompt = flow.prompts[prompt_id]
        reason = flow.debt_prompts.get(prompt_id)
        if reason and not verified:
            yield prompt_id, 1, f"{name!r} says {prompt_id!r} before the person is verified, and {reason}"
        makes = set(map(role, prompt.discloses)) if _states_the_purpose(flow, node, prompt) else set()
        if reason and not said | makes >= set(map(role, demands.before_debt)):
            yield (
                prompt_id,
                2,
                f"{name!r} speaks of the debt before saying {_list(demands.before_debt, said)}",
            )
        for spoken in sorted(prompt.names & (flow.late | flow.optional)):
            if slot(spoken) not in here.facts | own_facts:
                yield spoken, 4, f"{name!r} says {prompt_id!r}, but {{{spoken}}} may not be known there"
    if _lacks_disclosures(flow, here, demands):
        yield "content", 2, f"{name!r} comes before saying {_list(demands.disclosures_before_content, said)}"
    if isinstance(node, SayNode):
        prompt = flow.prompts[node.prompt]
        after = said | set(map(role, prompt.discloses))
        if "recording" in prompt.roles and not after >= set(map(role, demands.before_recording)):
            yield (
                "recording",
                2,
                f"{name!r} starts the recording before saying {_list(demands.before_recording, after)}",
            )
    yield from _wrong_without_words(flow, here)


def _lacks_disclosures(flow: Flow, here: Situation, demands: FlowDemands) -> bool:
    """Return whether something of substance is said or asked before who calls, and that it is a machine."""
    node = flow.nodes[here.node]
    if isinstance(node, SayNode) and flow.prompts[node.prompt].discloses:
        return False
    if isinstance(node, ChooseNode | LanguageNode | SmsNode) or (
        isinstance(node, EndNode) and node.prompt is None
    ):
        return False
    return not here.facts >= set(map(role, demands.disclosures_before_content))


def _wrong_without_words(flow: Flow, here: Situation) -> Iterator[tuple[str, int, str]]:
    node, name = flow.nodes[here.node], here.node
    verified = VERIFIED in here.facts
    match node:
        case EndNode() if node.disposition in RIGHT_PARTY and not verified:
            yield "party", 1, f"{name!r} ends with {node.disposition}, but nobody was verified"
        case EndNode() if node.disposition in PROMISES and PROMISED not in here.facts:
            yield (
                "promise",
                5,
                f"{name!r} ends with {node.disposition}, but no promise was read back and confirmed",
            )
        case EndNode() if node.disposition is Disposition.CALLBACK_SET and CALLBACK not in here.facts:
            yield (
                "callback",
                5,
                f"{name!r} ends with {node.disposition}, but no time was agreed (`capture: callback`)",
            )
        case AskNode() if node.asked in PRESSING and ASKED_AGAIN in here.facts:
            yield (
                "pressing",
                6,
                f"{name!r} asks for payment once more after a refusal and another question: once is enough",
            )
        case PromiseNode() | PlanNode():
            if not verified:
                yield "party", 1, f"{name!r} takes a promise, but nobody was verified"
            if isinstance(node, PlanNode) and ASKED_AGAIN in here.facts:
                yield (
                    "pressing",
                    6,
                    f"{name!r} offers a plan after a refusal and another question: once is enough",
                )
            due = node.due if isinstance(node, PromiseNode) else node.first
            for needed in (due, node.amount):
                if needed is not None and needed in flow.captures and slot(needed) not in here.facts:
                    yield needed, 5, f"{name!r} promises by {needed!r}, which may not be known there"
        case CaptureNode() if node.kind is CaptureKind.AMOUNT and not verified:
            yield "party", 1, f"{name!r} asks for an amount, but nobody was verified"
        case ChooseNode():
            var = flow.vars.get(node.on)
            if var is not None and var.debt and not verified:
                yield (
                    "choose",
                    1,
                    f"{name!r} branches on {node.on!r}, which is of the debt, before the person is verified",
                )
            if node.on in flow.late and slot(node.on) not in here.facts:
                yield "choose", 4, f"{name!r} chooses by {node.on!r}, which may not be known there"


def _list(demanded: frozenset[str], said: set[str]) -> str:
    return " and ".join(sorted(name for name in demanded if role(name) not in said))


def _loops(flow: Flow) -> Iterator[FlowProblem]:
    loop = find_loop(flow)
    if loop:
        at = flow.nodes[loop[0]].at
        ways = " → ".join((*loop, loop[0]))
        yield _problem(at, 3, f"{ways} can go on for ever: give one of them `limit: {{visits: 2, then: …}}`")


def _ways_out(flow: Flow) -> Iterator[FlowProblem]:
    """Check 4: a stop and a person can be reached from everywhere."""
    if (opt_out := flow.anytime.get("opt_out")) is None:
        yield _problem(
            flow.at, 4, "`anytime:` must have opt_out: who wants no more calls must be able to say so"
        )
    else:
        node = flow.nodes[opt_out.node] if isinstance(opt_out, Target) else None
        if not isinstance(node, EndNode) or node.disposition is not Disposition.OPT_OUT:
            yield _problem(
                opt_out.at,
                4,
                "anytime opt_out must be an end with opt_out, at once and without another question",
            )
    if not isinstance(flow.anytime.get("want_human"), Target):
        yield _problem(
            flow.at, 4, "`anytime:` must have want_human leading to a node: a person must be reachable"
        )


def _secrets(flow: Flow) -> Iterator[FlowProblem]:
    """Check 5: secrets are compared and never spoken; a promise is read back in every language."""
    for prompt in flow.prompts.values():
        for name in sorted(prompt.names):
            if name in flow.vars and flow.vars[name].secret:
                yield _problem(prompt.at, 5, f"the prompt {prompt.id!r} speaks {{{name}}}, which is secret")
    for node in flow.nodes.values():
        if isinstance(node, VerifyNode):
            var = flow.vars[node.var]
            if not var.secret or var.kind is not VarKind.DIGITS or (var.length or 0) < MIN_SECRET_DIGITS:
                wanted = f"{{type: digits, length: {MIN_SECRET_DIGITS}, secret: true}} or longer"
                yield _problem(node.at, 5, f"{node.id!r} verifies by {node.var!r}, which must be {wanted}")
        if isinstance(node, ChooseNode) and node.on in flow.vars and flow.vars[node.on].secret:
            yield _problem(node.at, 5, f"{node.id!r} branches on {node.on!r}, which is secret")
        if isinstance(node, PromiseNode | PlanNode):
            read: tuple[str, ...] = (
                (PLAN_COUNT, PLAN_AMOUNT, PLAN_FIRST)
                if isinstance(node, PlanNode)
                else (PROMISE_DATE, PROMISE_AMOUNT)
                if node.amount
                else (PROMISE_DATE,)
            )
            for language, template in flow.prompts[node.read_back].texts.items():
                for needed in read:
                    if needed not in template.names:
                        where = f"the {language} wording of {node.read_back!r}"
                        yield _problem(node.at, 5, f"{where} must read the promise back: speak {{{needed}}}")
        if isinstance(node, CaptureNode) and node.read_back is not None:
            for language, template in flow.prompts[node.read_back].texts.items():
                if node.into not in template.names:
                    where = f"the {language} wording of {node.read_back!r}"
                    yield _problem(node.at, 5, f"{where} must read the value back: speak {{{node.into}}}")


def _wording(flow: Flow, demands: FlowDemands) -> Iterator[FlowProblem]:
    """Check 6, and that a wording makes the disclosures it claims to make."""
    forbidden = sorted(demands.forbidden_claims, key=lambda claim: claim.rule)
    for prompt in flow.prompts.values():
        for language, template in prompt.texts.items():
            for claim in forbidden:
                if words := claim.found_in(template.literal):
                    yield _problem(
                        prompt.at,
                        6,
                        f"the {language} wording of {prompt.id!r} {claim.what}: {words!r} (rule {claim.rule})",
                    )
            if worst := forbidden_claim(template.literal):
                wrong, word = worst
                yield _problem(prompt.at, 6, f"the {language} wording of {prompt.id!r} {wrong}: {word!r}")
            for claimed in sorted(prompt.discloses):
                if not says(claimed, template.literal):
                    yield _problem(
                        prompt.at, 2, f"the {language} wording of {prompt.id!r} never says {claimed!r}"
                    )
    for node in flow.nodes.values():
        if isinstance(node, SayNode) and node.barge_in == "speech" and flow.prompts[node.prompt].discloses:
            yield _problem(
                node.at,
                2,
                f"{node.id!r} makes a disclosure: speech must not interrupt it, use `barge_in: dtmf`",
            )


def _always_harmless(flow: Flow) -> Iterator[FlowProblem]:
    """Check 1 for what may be said at any time, to anybody: it must never be of the debt, nor need a slot."""
    always: dict[str, str] = {}
    for name, handler in flow.anytime.items():
        if isinstance(handler, Resume):
            always[handler.prompt] = f"anytime {name}"
        elif isinstance(handler, Target):
            always |= {prompt: f"anytime {name}" for prompt, _ in prompts_of(flow.nodes[handler.node])}
        elif isinstance(handler, Switch) and handler.not_possible is not None:
            said = prompts_of(flow.nodes[handler.not_possible])
            always |= {prompt: f"anytime {name}" for prompt, _ in said}
    always |= {prompt: "it asks back at any time" for prompt in flow.prompts.keys() & QUESTIONS}
    always[flow.neutral] = "the machine may end any call with it"
    for prompt_id, why in always.items():
        prompt = flow.prompts[prompt_id]
        if reason := flow.debt_prompts.get(prompt_id):
            yield _problem(prompt.at, 1, f"{prompt_id!r} can be said to anybody ({why}), and {reason}")
        for name in sorted(prompt.names & (flow.late | flow.optional)):
            yield _problem(prompt.at, 4, f"{prompt_id!r} can be said before {{{name}}} is known ({why})")


def _message(flow: Flow, demands: FlowDemands) -> Iterator[FlowProblem]:
    """What an answering machine is told may be heard by the whole family."""
    for node in flow.nodes.values():
        if not isinstance(node, MessageNode):
            continue
        prompt = flow.prompts[node.prompt]
        if reason := flow.debt_prompts.get(node.prompt):
            yield _problem(node.at, 1, f"the message {node.prompt!r} can be heard by anybody, and {reason}")
        if missing := demands.disclosures_before_content - prompt.roles:
            yield _problem(
                node.at, 2, f"the message {node.prompt!r} must itself say {' and '.join(sorted(missing))}"
            )
        for name in sorted(
            (prompt.names - flow.vars.keys() - COMING_DAYS.keys()) | (prompt.names & flow.optional)
        ):
            yield _problem(node.at, 4, f"the message {node.prompt!r} speaks {{{name}}}, which is not known")
    if flow.on_machine is not None and not isinstance(flow.nodes[flow.on_machine], MessageNode):
        yield _problem(
            flow.nodes[flow.on_machine].at,
            3,
            f"`on_machine:` must name a message node, not {flow.on_machine!r}",
        )
    for name, node in flow.nodes.items():
        if isinstance(node, MessageNode) and name != flow.on_machine:
            yield _problem(
                node.at, 3, f"the message {name!r} is for answering machines: name it in `on_machine:`"
            )
