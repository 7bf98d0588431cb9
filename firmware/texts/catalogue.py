"""A campaign's texts: who writes, what may be sent in which language, and what must be proved of each beforehand.

The flow names a text, the campaign brings its wording. What is checked here is checked by the office before it sends the
campaign and by the box before it takes it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache

from firmware.dialogue.errors import FlowProblem
from firmware.dialogue.flow import Flow
from firmware.dialogue.graph import VERIFIED, TooIntertwinedError, situations, slot, way_to
from firmware.dialogue.nodes import Prompt, SmsNode
from firmware.dialogue.template import Template, TemplateError, parse_template
from firmware.dialogue.variables import Position
from firmware.dialogue.wording import forbidden_claim
from firmware.texts.rendering import Length, length_of
from firmware.texts.replies import tells_how_to_stop

SENDER = "sender"
"""The slot for the name of who writes."""
MAX_TEXTS = 20
MAX_PARTS = 6
ASSUMED_VALUE = {"zh": "二零二六年十一月", "en": "x" * 20}
"""A value of usual length, for counting parts before anybody's own is known."""
MAX_SENDER_CHARS = 40


class CatalogueError(ValueError):
    """The texts will not do; `problems` says why, one line each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Named texts in the languages of the campaign."""

    sender: Mapping[str, str]
    """Who writes, by language."""
    texts: Mapping[str, Mapping[str, Template]] = field(default_factory=dict)
    """By name, then language."""
    per_person: int = 1
    """How many messages one person gets in the whole campaign."""
    valid_for: timedelta = timedelta(hours=24)
    """What could not be sent by then is not sent."""

    def wording(self, text: str, language: str) -> Template | None:
        """Return a text in a language of the flow, None where there is none."""
        return self.texts.get(text, {}).get(language)

    def debt_texts(self, flow: Flow) -> frozenset[str]:
        """Return the texts that tell of the debt: by what they fill in, or by their words."""
        return frozenset(name for name in self.texts if self.debt_reason(flow, name) is not None)

    def debt_reason(self, flow: Flow, text: str) -> str | None:
        """Return why a text counts as one about the debt, None when anybody may read it."""
        return flow.debt_reason(Prompt(id=text, roles=frozenset(), texts=self.texts[text]))

    def lengths(self) -> dict[tuple[str, str], Length]:
        """Return what each text costs, by name and language, with values of usual length filled in."""
        return {
            (name, language): length_of(_filled(template, language, self.sender[language]))
            for name, wordings in self.texts.items()
            for language, template in wordings.items()
        }


def read_catalogue(
    *,
    sender: Mapping[str, str],
    texts: Mapping[str, Mapping[str, str]],
    per_person: int = 1,
    valid_hours: int = 24,
) -> Catalogue:
    """Return the catalogue. Raises CatalogueError with every problem of its own wording."""
    problems: list[str] = []
    for language in sorted({language for wordings in texts.values() for language in wordings}):
        name = sender.get(language, "").strip()
        if not name or len(name) > MAX_SENDER_CHARS:
            problems.append(f"sender ({language}): name who writes, in at most {MAX_SENDER_CHARS} characters")
    if not 1 <= len(texts) <= MAX_TEXTS:
        problems.append(f"texts: from 1 to {MAX_TEXTS} of them")
    read: dict[str, dict[str, Template]] = {}
    for name, wordings in texts.items():
        read[name] = {}
        for language, wording in wordings.items():
            try:
                read[name][language] = parse_template(wording)
            except TemplateError as error:
                problems.append(f"text {name} ({language}): {error}")
    catalogue = Catalogue(
        sender={language: name.strip() for language, name in sender.items()},
        texts=read,
        per_person=per_person,
        valid_for=timedelta(hours=valid_hours),
    )
    if not problems:
        problems += _wording_problems(catalogue)
    if problems:
        raise CatalogueError(problems)
    return catalogue


@lru_cache(maxsize=16)
def catalogue_of(stored: str) -> Catalogue | None:
    """Return the catalogue of a manifest, as the box keeps it; None where there is none that this program would take."""
    if not stored:
        return None
    try:
        given = json.loads(stored)
        return read_catalogue(
            sender=given["sender"],
            texts=given["texts"],
            per_person=given.get("per_person", 1),
            valid_hours=given.get("valid_hours", 24),
        )
    except (CatalogueError, ValueError, KeyError, TypeError):
        return None


def check_texts(flow: Flow, catalogue: Catalogue | None) -> list[FlowProblem]:
    """Return why this flow must not order these texts; an empty list means that it may.

    A flow that goes elsewhere where a text is not possible may do without any.
    """
    ordered = {node.id: node for node in flow.nodes.values() if isinstance(node, SmsNode)}
    if catalogue is None:
        return [
            _problem(node.at, f"{node.id!r} sends {node.text!r}, and the campaign brings no texts")
            for node in ordered.values()
            if node.not_possible == node.next
        ]
    found = list(_fits_flow(flow, catalogue))
    missing = [node for node in ordered.values() if node.text not in catalogue.texts]
    found += [
        _problem(
            node.at,
            f"{node.id!r} sends {node.text!r}; the campaign's texts are {', '.join(sorted(catalogue.texts))}",
        )
        for node in missing
    ]
    if not found and ordered:
        found += _on_every_way(flow, catalogue)
    return sorted(set(found))


def _wording_problems(catalogue: Catalogue) -> Iterator[str]:
    for name, wordings in catalogue.texts.items():
        for language, template in wordings.items():
            where = f"text {name} ({language})"
            if SENDER not in template.names and catalogue.sender[language] not in template.literal:
                yield f"{where}: say who writes: put {{{SENDER}}} into it"
            if not tells_how_to_stop(template.literal, language):
                wanted = "回复TD退订" if language.startswith("zh") else "Reply STOP to end messages"
                yield f"{where}: say how to stop: {wanted}"
            if worst := forbidden_claim(template.literal):
                yield f"{where} {worst[0]}: {worst[1]!r}"
            n_parts = length_of(_filled(template, language, catalogue.sender[language])).n_parts
            if n_parts > MAX_PARTS:
                yield f"{where}: {n_parts} messages long, at most {MAX_PARTS}: shorten it"


def _fits_flow(flow: Flow, catalogue: Catalogue) -> Iterator[FlowProblem]:
    known = flow.vars.keys() | flow.late | {SENDER}
    for name, wordings in catalogue.texts.items():
        for language in flow.languages:
            if language not in wordings:
                yield _problem(flow.at, f"the text {name!r} has no {language} wording")
        for language in sorted(wordings.keys() - set(flow.languages)):
            yield _problem(
                flow.at, f"the text {name!r} has a {language} wording, and the flow has no {language}"
            )
        for used in sorted(frozenset().union(*(template.names for template in wordings.values()))):
            if used not in known:
                yield _problem(
                    flow.at, f"the text {name!r} fills in {{{used}}}, which the flow does not know"
                )
            elif used in flow.vars and flow.vars[used].secret:
                yield _problem(flow.at, f"the text {name!r} fills in {{{used}}}, which is secret")


def _on_every_way(flow: Flow, catalogue: Catalogue) -> Iterator[FlowProblem]:
    """A text about the debt is ordered after verification alone, and what it fills in is known by then."""
    try:
        ways = situations(flow, flow.start)
    except TooIntertwinedError:
        return  # the flow itself is refused for it
    for here in ways:
        node = flow.nodes[here.node]
        if not isinstance(node, SmsNode):
            continue
        reason = catalogue.debt_reason(flow, node.text)
        if reason is not None and VERIFIED not in here.facts:
            yield _problem(
                node.at,
                f"{node.id!r} sends {node.text!r} before the person is verified, and {reason}"
                f" (on the way {way_to(here, ways)})",
            )
        names = frozenset().union(*(each.names for each in catalogue.texts[node.text].values()))
        for used in sorted(names & flow.late):
            if slot(used) not in here.facts:
                yield _problem(
                    node.at, f"{node.id!r} sends {node.text!r}, but {{{used}}} may not be known there"
                )


def _filled(template: Template, language: str, sender: str) -> str:
    usual = ASSUMED_VALUE["zh" if language.startswith("zh") else "en"]
    text = template.source
    for name in template.names:
        text = text.replace(f"{{{name}}}", sender if name == SENDER else usual)
    return text


def _problem(at: Position, message: str) -> FlowProblem:
    return FlowProblem(at.line, at.column, "texts", message)
