"""A flow document, read and proved: whoever gets a `Flow` from here may let the box speak it."""

import hashlib
from collections.abc import Mapping

from firmware.dialogue.checks import FLOOR_DEMANDS, FlowDemands, check_flow
from firmware.dialogue.document import DocumentError, read_document
from firmware.dialogue.doubts import standing_prompts
from firmware.dialogue.errors import FlowRefusedError
from firmware.dialogue.fields import NAME, Fields, Problems
from firmware.dialogue.flow import Flow
from firmware.dialogue.node_reader import NodeReader
from firmware.dialogue.nodes import DEBT_ROLE, DISCLOSURES, Prompt
from firmware.dialogue.speaking import LANGUAGES
from firmware.dialogue.template import Template, TemplateError, parse_template
from firmware.dialogue.variables import COMING_DAYS, DEBT_SLOTS, VarKind, VarType

MAX_PROMPTS = MAX_NODES = 200
MAX_VARS = 40
_RESERVED = {*DEBT_SLOTS, *COMING_DAYS}


def load_flow(text: str, *, source: str = "flow", demands: FlowDemands = FLOOR_DEMANDS) -> Flow:
    """Return the flow that passed every check. Raises FlowRefusedError with every problem found.

    `source` names the document in the error's text; `demands` is what the rule packs want said.
    """
    problems = Problems()
    try:
        tree = read_document(text)
    except DocumentError as error:
        raise FlowRefusedError((error.problem,), source=source) from None
    flow = _read_flow(Fields(tree, "a flow", problems), problems, text)
    # A document of the wrong shape would only give follow-up errors in the checks.
    found = problems.found or check_flow(flow, demands)
    if found:
        raise FlowRefusedError(tuple(sorted(found)), source=source)
    return flow


def _read_flow(fields: Fields, problems: Problems, text: str) -> Flow:
    name = fields.text("flow") or ""
    version = fields.number("version", int, 1, 999_999)
    languages = fields.words("languages", None)
    for language in languages:
        if language not in LANGUAGES:
            fields.problem(
                fields.where("languages"), f"no voice for {language!r}: there are {', '.join(LANGUAGES)}"
            )
    if not languages or len(set(languages)) < len(languages):
        fields.problem(fields.where("languages"), "`languages:` names each language once, and at least one")
    vars_ = _read_vars(fields, problems)
    prompts = _read_prompts(fields, problems, languages)
    start = fields.name("start") or ""
    neutral = fields.name("neutral") or ""
    on_machine = fields.name("on_machine", needed=False)
    nodes = NodeReader(problems)
    nodes.read_nodes(fields)
    nodes.read_anytime(fields)
    fields.close()
    if len(nodes.nodes) > MAX_NODES:
        fields.problem(fields.where("nodes"), f"more than {MAX_NODES} nodes")
    for slot, at in nodes.slots.items():
        if slot in vars_ or slot in _RESERVED:
            fields.problem(at, f"the slot {slot!r} has the name of something else")
    return Flow(
        name=name,
        version=version,
        languages=languages,
        vars=vars_,
        prompts={**standing_prompts(languages), **prompts},
        nodes=nodes.nodes,
        anytime=nodes.anytime,
        start=start,
        neutral=neutral,
        on_machine=on_machine,
        captures=nodes.captures,
        digest=hashlib.sha256(text.encode()).hexdigest(),
        at=fields.at,
    )


def _read_vars(fields: Fields, problems: Problems) -> Mapping[str, VarType]:
    vars_: dict[str, VarType] = {}
    tree = fields.tree("vars", needed=False)
    if tree is None:
        return vars_
    listed = Fields(tree, "vars", problems)
    for name, at, value in listed.items():
        if not NAME.fullmatch(name) or name in _RESERVED:
            listed.problem(at, f"{name!r} cannot name a var")
        of = Fields(value, f"the var {name!r}", problems)
        kind = VarKind(of.choice("type", [str(kind) for kind in VarKind]) or VarKind.TEXT)
        length = of.number("length", int, 1, 32, 1) if "length" in of else None
        vars_[name] = VarType(
            kind=kind,
            debt=of.flag("debt"),
            secret=of.flag("secret"),
            optional=of.flag("optional"),
            length=length,
            at=at,
        )
        of.close()
        if vars_[name].secret and vars_[name].optional:
            of.problem(at, f"the secret {name!r} cannot be optional: nobody could be verified without it")
        if length is not None and kind is not VarKind.DIGITS:
            of.problem(at, f"only digits have a length, and {name!r} is {kind}")
    if len(vars_) > MAX_VARS:
        listed.problem(listed.at, f"more than {MAX_VARS} vars")
    return vars_


def _read_prompts(fields: Fields, problems: Problems, languages: tuple[str, ...]) -> Mapping[str, Prompt]:
    prompts: dict[str, Prompt] = {}
    tree = fields.tree("prompts")
    if tree is None:
        return prompts
    listed = Fields(tree, "prompts", problems)
    for name, at, value in listed.items():
        if not NAME.fullmatch(name):
            listed.problem(at, f"{name!r} cannot name a prompt")
        of = Fields(value, f"the prompt {name!r}", problems)
        roles = of.words("role", DISCLOSURES | {DEBT_ROLE})
        texts: dict[str, Template] = {}
        for language in languages:
            wording = of.text(language, needed=False)
            if wording is None:
                problems.add(at, "check 4", f"the prompt {name!r} has no {language} wording")
                continue
            try:
                texts[language] = parse_template(wording)
            except TemplateError as error:
                of.problem(of.where(language), f"the prompt {name!r}: {error}")
        of.close()
        prompts[name] = Prompt(id=name, roles=frozenset(roles), texts=texts, at=at)
    if len(prompts) > MAX_PROMPTS:
        listed.problem(listed.at, f"more than {MAX_PROMPTS} prompts")
    return prompts
