"""Reading typed fields out of a document's mapping; problems are noted with their place, and reading goes on."""

import re
from collections.abc import Callable, Collection, Iterator
from typing import TypeVar

from firmware.dialogue.document import Mapping, Scalar, Sequence, Tree
from firmware.dialogue.errors import FlowProblem
from firmware.dialogue.variables import Position

T = TypeVar("T")
NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")


class Problems:
    """What was found wrong so far."""

    def __init__(self) -> None:
        self.found: list[FlowProblem] = []

    def add(self, at: Position, check: str, message: str) -> None:
        """Note one problem."""
        self.found.append(FlowProblem(at.line, at.column, check, message))


class Fields:
    """One mapping's keys, each to be taken once; `close` reports those nobody took."""

    def __init__(self, tree: Tree, what: str, problems: Problems) -> None:
        self.what = what
        self.at = tree.at
        self.problems = problems
        self._entries: dict[str, tuple[Position, Tree]] = {}
        self._taken: set[str] = set()
        if isinstance(tree, Mapping):
            self._entries = tree.entries
        else:
            self.problem(tree.at, f"{what} must be a mapping (key: value)")

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def problem(self, at: Position, message: str) -> None:
        """Note that something has not the shape it must have."""
        self.problems.add(at, "shape", message)

    def tree(self, key: str, *, needed: bool = True) -> Tree | None:
        """Take a value whatever it is."""
        self._taken.add(key)
        if key in self._entries:
            return self._entries[key][1]
        if needed:
            self.problem(self.at, f"{self.what} needs `{key}:`")
        return None

    def items(self) -> Iterator[tuple[str, Position, Tree]]:
        """Take everything."""
        for key, (at, tree) in self._entries.items():
            self._taken.add(key)
            yield key, at, tree

    def text(self, key: str, *, needed: bool = True) -> str | None:
        """Take a plain value."""
        tree = self.tree(key, needed=needed)
        if tree is None or isinstance(tree, Scalar):
            return tree.text if tree else None
        self.problem(tree.at, f"`{key}:` must be a plain value")
        return None

    def name(self, key: str, *, needed: bool = True) -> str | None:
        """Take the name of a node, prompt, var or slot."""
        text = self.text(key, needed=needed)
        if text is None or NAME.fullmatch(text):
            return text
        self.problem(
            self.where(key), f"{text!r} is no name: lower-case letters, digits and _, starting with a letter"
        )
        return None

    def choice(self, key: str, choices: Collection[str], default: str | None = None) -> str | None:
        """Take one of a few words."""
        text = self.text(key, needed=default is None)
        if text is None:
            return default
        if text in choices:
            return text
        self.problem(self.where(key), f"`{key}:` must be one of {', '.join(choices)}, not {text!r}")
        return default

    def flag(self, key: str) -> bool:
        """Take true or false (false when absent)."""
        return self.choice(key, ("true", "false"), "false") == "true"

    def number(self, key: str, convert: Callable[[str], T], low: T, high: T, default: T | None = None) -> T:
        """Take a number within bounds; a wrong one is noted and read as `low`."""
        text = self.text(key, needed=default is None)
        if text is None:
            return low if default is None else default
        try:
            value = convert(text) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,3})?", text) else None
        except ValueError:
            value = None
        if value is not None and low <= value <= high:  # type: ignore[operator]
            return value
        self.problem(self.where(key), f"`{key}:` must be a number from {low} to {high}, not {text!r}")
        return low

    def words(self, key: str, choices: Collection[str] | None) -> tuple[str, ...]:
        """Take a list of words (empty when absent)."""
        tree = self.tree(key, needed=choices is None)
        if tree is None:
            return ()
        if not isinstance(tree, Sequence) or not all(isinstance(item, Scalar) for item in tree.items):
            self.problem(tree.at, f"`{key}:` must be a list of words, as in [one, two]")
            return ()
        words = [(item.text, item.at) for item in tree.items if isinstance(item, Scalar)]
        for word, at in words:
            if choices is not None and word not in choices:
                self.problem(at, f"{word!r} is not one of {', '.join(sorted(choices))}")
        return tuple(word for word, _ in words)

    def where(self, key: str) -> Position:
        """Return where a key stands, or where the mapping begins."""
        return self._entries[key][0] if key in self._entries else self.at

    def close(self) -> None:
        """Report keys that nothing asked for: a misspelt key must not pass as a default."""
        for key, (at, _) in self._entries.items():
            if key not in self._taken:
                self.problem(at, f"{self.what} has no `{key}:`")
