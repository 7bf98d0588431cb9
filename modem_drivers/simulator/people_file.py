"""People from a YAML file, with every complaint at its line.

A file is `people:` and a list; a person is `number`, `reaction`, `ring_s`, `steps`… Steps are `say`,
`wait_for_silence`, `press`, `pause`, `beep`, `echo` and `hang_up`. In what is said, pressed or written, `{today:%m%d}`,
`{tomorrow:…}` and `{next_friday:…}` become dates.
"""

import string
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any, TypeVar

import yaml

from modem_drivers.simulator.errors import PeopleFileError
from modem_drivers.simulator.people import (
    Beep,
    Echo,
    HangUp,
    OwnText,
    Pause,
    Person,
    Press,
    Reaction,
    Say,
    Step,
    WaitForSilence,
)

T = TypeVar("T")
FRIDAY = 4
_PERSON_KEYS = frozenset(
    {
        "number",
        "reaction",
        "later_reactions",
        "ring_s",
        "language",
        "steps",
        "patience_s",
        "noise_dbfs",
        "cause",
        "announcement",
        "tone",
        "tone_s",
        "calls_after_s",
        "texts",
        "answers_texts",
        "name",
        "note",
    }
)


def load_people(source: Path | str, *, today: date) -> list[Person]:
    """Read people from a file's path or from YAML text. Raises PeopleFileError naming source and line."""
    name, text = "people", source
    if isinstance(source, Path):
        name = source.name
        try:
            text = source.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as problem:
            raise PeopleFileError(f"{name}: cannot be read: {problem}") from problem
    return _Reader(name, today).people(str(text))


def dates_around(today: date) -> Mapping[str, date]:
    """Return the dates a script may name; `next_friday` is the first Friday after today, never today."""
    days = (FRIDAY - today.weekday() - 1) % 7 + 1
    return {
        "today": today,
        "tomorrow": today + timedelta(days=1),
        "next_friday": today + timedelta(days=days),
    }


class _Reader:
    """Walks the nodes of one document, so that every complaint knows its line."""

    def __init__(self, name: str, today: date) -> None:
        self._name = name
        self._dates = dates_around(today)

    def people(self, text: str) -> list[Person]:
        try:
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as problem:
            line = 1 if problem.problem_mark is None else problem.problem_mark.line + 1
            raise PeopleFileError(f"{self._name}:{line}: not YAML: {problem.problem}") from problem
        if root is None:
            raise PeopleFileError(f"{self._name}:1: empty: write `people:` and a list")
        top = self._mapping(root, frozenset({"people"}))
        if "people" not in top:
            raise self._problem(root, "write `people:` and a list")
        people: dict[str, Person] = {}
        for node in self._sequence(top["people"]):
            person = self._person(node)
            if person.number in people:
                raise self._problem(node, "this number is another person's already")
            people[person.number] = person
        return list(people.values())

    def _person(self, node: yaml.Node) -> Person:
        fields = self._mapping(node, _PERSON_KEYS)
        if "number" not in fields:
            raise self._problem(node, "a person needs a number")
        given: dict[str, Any] = {"number": self._number(fields["number"])}
        for key, read in (
            ("reaction", self._reaction),
            ("later_reactions", lambda value: tuple(self._reaction(item) for item in self._sequence(value))),
            ("ring_s", self._seconds),
            ("language", self._text),
            ("steps", lambda value: tuple(self._step(item) for item in self._sequence(value))),
            ("patience_s", self._seconds),
            ("noise_dbfs", self._real),
            ("cause", lambda value: round(self._real(value))),
            ("announcement", self._spoken),
            ("tone", self._text),
            ("tone_s", self._seconds),
            ("calls_after_s", lambda value: tuple(self._seconds(item) for item in self._sequence(value))),
            ("texts", lambda value: tuple(self._own_text(item) for item in self._sequence(value))),
            ("answers_texts", lambda value: tuple(self._spoken(item) for item in self._sequence(value))),
        ):
            if key in fields:
                given[key] = read(fields[key])
        return self._made(node, lambda: Person(**given))

    def _own_text(self, node: yaml.Node) -> OwnText:
        fields = self._mapping(node, frozenset({"after_s", "text"}))
        if len(fields) < 2:
            raise self._problem(node, "a text needs after_s and text")
        return OwnText(after_s=self._seconds(fields["after_s"]), text=self._spoken(fields["text"]))

    def _step(self, node: yaml.Node) -> Step:
        if isinstance(node, yaml.ScalarNode) and node.value == "hang_up":
            return HangUp()
        fields = self._mapping(
            node,
            frozenset(
                {
                    "say",
                    "wait_for_silence",
                    "timeout_s",
                    "press",
                    "tone_ms",
                    "gap_ms",
                    "pause",
                    "beep",
                    "echo",
                    "delay_ms",
                    "hang_up",
                }
            ),
        )
        kind, *options = fields
        allowed = {
            "wait_for_silence": {"timeout_s"},
            "press": {"tone_ms", "gap_ms"},
            "echo": {"delay_ms"},
        }.get(kind, set())
        for option in options:
            if option not in allowed:
                raise self._problem(
                    node, f"`{option}` does not belong to `{kind}`: one step a list item, its own word first"
                )
        match kind:
            case "say":
                return Say(text=self._spoken(fields["say"]))
            case "wait_for_silence":
                timeout_s = self._seconds(fields["timeout_s"]) if "timeout_s" in fields else 30.0
                return WaitForSilence(
                    silence_s=self._seconds(fields["wait_for_silence"]), timeout_s=timeout_s
                )
            case "press":
                return self._press(fields)
            case "pause":
                return Pause(duration_s=self._seconds(fields["pause"]))
            case "beep":
                return self._beep(fields["beep"])
            case "echo":
                delay_s = self._real(fields["delay_ms"]) / 1000 if "delay_ms" in fields else 0.4
                return Echo(duration_s=self._seconds(fields["echo"]), delay_s=delay_s)
            case "hang_up":
                return HangUp()
            case _:
                raise self._problem(
                    node,
                    f"`{kind}` is no step: start with say, press, pause, beep, echo, hang_up or wait_for_silence",
                )

    def _press(self, fields: Mapping[str, yaml.Node]) -> Press:
        node = fields["press"]
        times = {
            f"{key}_s": self._real(fields[f"{key}_ms"]) / 1000
            for key in ("tone", "gap")
            if f"{key}_ms" in fields
        }
        return self._made(node, lambda: Press(keys=self._spoken(node), **times))

    def _beep(self, node: yaml.Node) -> Beep:
        fields = self._mapping(node, frozenset({"frequency_hz", "ms"}))
        if len(fields) < 2:
            raise self._problem(node, "a beep needs frequency_hz and ms")
        return Beep(
            frequency_hz=self._real(fields["frequency_hz"]), duration_s=self._real(fields["ms"]) / 1000
        )

    def _spoken(self, node: yaml.Node) -> str:
        """Return a text with its dates filled in; nothing but the known dates can be named."""
        text = self._text(node)
        out = ""
        try:
            for literal, field, spec, conversion in string.Formatter().parse(text):
                out += literal
                if field is None:
                    continue
                if field not in self._dates or conversion:
                    raise self._problem(node, f"{{{field}}} is unknown: use {', '.join(sorted(self._dates))}")
                out += format(self._dates[field], spec or "%Y-%m-%d")
        except ValueError as problem:
            raise self._problem(node, str(problem)) from problem
        return out

    def _number(self, node: yaml.Node) -> str:
        text = self._text(node).replace(" ", "")
        if not text.removeprefix("+").isdecimal():
            raise self._problem(node, "a number is digits, with + before a country code; put it in quotes")
        if (
            isinstance(node, yaml.ScalarNode)
            and node.style is None
            and not text.startswith("+")
            and text.startswith("0")
        ):
            raise self._problem(node, "a number that starts with 0 must stand in quotes")
        return text

    def _reaction(self, node: yaml.Node) -> Reaction:
        text = self._text(node)
        if text not in list(Reaction):
            raise self._problem(node, f"`{text}` is no reaction: use {', '.join(Reaction)}")
        return Reaction(text)

    def _seconds(self, node: yaml.Node) -> float:
        value = self._real(node)
        if not 0 <= value <= 3600:
            raise self._problem(node, "give seconds from 0 to 3600")
        return value

    def _real(self, node: yaml.Node) -> float:
        return self._made(node, lambda: float(self._text(node)))

    def _text(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self._problem(node, "a single value belongs here")
        return str(node.value)

    def _sequence(self, node: yaml.Node) -> list[yaml.Node]:
        if not isinstance(node, yaml.SequenceNode):
            raise self._problem(node, "a list belongs here")
        return list(node.value)

    def _mapping(self, node: yaml.Node, known: frozenset[str]) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode) or not node.value:
            raise self._problem(node, f"`key: value` belongs here, with {', '.join(sorted(known))}")
        fields: dict[str, yaml.Node] = {}
        for key_node, value in node.value:
            key = self._text(key_node)
            if key not in known:
                raise self._problem(key_node, f"`{key}` is unknown: use {', '.join(sorted(known))}")
            if key in fields:
                raise self._problem(key_node, f"`{key}` stands here twice")
            fields[key] = value
        return fields

    def _made(self, node: yaml.Node, make: Callable[[], T]) -> T:
        try:
            return make()
        except ValueError as problem:
            raise self._problem(node, str(problem)) from problem

    def _problem(self, node: yaml.Node, message: str) -> PeopleFileError:
        return PeopleFileError(f"{self._name}:{node.start_mark.line + 1}: {message}")
