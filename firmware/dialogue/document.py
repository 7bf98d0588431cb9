"""YAML as a tree that knows where everything stands: bounded, no aliases, no tags, no duplicate keys."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from firmware.dialogue.errors import FlowProblem
from firmware.dialogue.variables import Position

MAX_CHARS = 200_000
MAX_EVENTS = 20_000
MAX_DEPTH = 12
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml where PyYAML was built with it: ten times as fast, the same events and positions."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """One plain or quoted value."""

    text: str
    at: Position


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: tuple["Tree", ...]
    at: Position


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys in the order written, each with its position and value."""

    entries: dict[str, tuple[Position, "Tree"]]
    at: Position


_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    "\U000e0000-\U000e007f]"
)
"""What nobody sees, and what shows words in another order than they are said: a lawyer must read what a callee hears."""

Tree = Scalar | Sequence | Mapping


class DocumentError(ValueError):
    """The text is not such a document."""

    def __init__(self, at: Position, message: str, check: str = "syntax") -> None:
        super().__init__(message)
        self.problem = FlowProblem(at.line, at.column, check, message)


def read_document(text: str) -> Tree:
    """Return the document. Raises DocumentError at the first thing that is wrong."""
    if len(text) > MAX_CHARS:
        raise DocumentError(Position(1, 1), f"longer than {MAX_CHARS} characters")
    text = text.removeprefix("\ufeff")
    if unseen := _UNSEEN.search(text):
        what = f"the character U+{ord(unseen[0]):04X} cannot be seen: take it out"
        at = _place(text, unseen.start())
        raise DocumentError(at, what if unseen[0] > "\xa0" else f"not YAML: {what}")
    events = _bounded(text)
    try:
        tree = _build(events, next(events))
        if (extra := next(events, None)) is not None:
            raise DocumentError(_position(extra), "a second document: a flow is one")
    except StopIteration:
        raise DocumentError(Position(1, 1), "empty") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = Position(mark.line + 1, mark.column + 1) if mark else Position(1, 1)
        if mark and re.match(r" *\t", "".join(text.splitlines()[mark.line : mark.line + 1])):
            raise DocumentError(at, "a tab: a flow is indented with spaces") from None
        raise DocumentError(at, " ".join(filter(None, (error.context, error.problem)))) from None
    except yaml.YAMLError as error:
        raise DocumentError(Position(1, 1), f"not YAML: {str(error).splitlines()[0]}") from None
    return tree


def _bounded(text: str) -> Iterator[yaml.Event]:
    """Yield the events that carry content; refuse what makes a small text big or a value another type."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=_LOADER)):
        if count > MAX_EVENTS:
            raise DocumentError(_position(event), f"more than {MAX_EVENTS} values")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise DocumentError(
                _position(event), "anchors and aliases (& and *) are not part of a flow: write it out"
            )
        if getattr(event, "tag", None) is not None:
            raise DocumentError(_position(event), "tags (!) are not part of a flow")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise DocumentError(_position(event), f"nested deeper than {MAX_DEPTH}")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if isinstance(event, (yaml.ScalarEvent, yaml.CollectionStartEvent, yaml.CollectionEndEvent)):
            yield event


def _build(events: Iterator[yaml.Event], event: yaml.Event) -> Tree:
    """Build what `event` begins; recursion is bounded by MAX_DEPTH."""
    at = _position(event)
    if isinstance(event, yaml.ScalarEvent):
        return Scalar(str(event.value), at)
    if isinstance(event, yaml.SequenceStartEvent):
        items: list[Tree] = []
        while not isinstance(item := next(events), yaml.SequenceEndEvent):
            items.append(_build(events, item))
        return Sequence(tuple(items), at)
    entries: dict[str, tuple[Position, Tree]] = {}
    while not isinstance(key := next(events), yaml.MappingEndEvent):
        if not isinstance(key, yaml.ScalarEvent):
            raise DocumentError(_position(key), "a key is a plain word")
        name = str(key.value)
        if name in entries:
            first = entries[name][0]
            raise DocumentError(
                _position(key), f"the key {name!r} stands here twice (first on line {first.line})"
            )
        entries[name] = (_position(key), _build(events, next(events)))
    return Mapping(entries, at)


def _place(text: str, index: int) -> Position:
    before = text[:index]
    line = before.count("\n") + 1
    return Position(line, index - (before.rfind("\n") + 1) + 1)


def _position(event: yaml.Event) -> Position:
    mark = event.start_mark
    return Position(mark.line + 1, mark.column + 1) if mark else Position(1, 1)
