"""Finds what a text names, each stretch of it once: what was read as a date is no amount as well."""

import re
from collections.abc import Callable, Iterable
from typing import Generic, Protocol, TypeVar


class Mention(Protocol):
    """What a text names."""

    @property
    def text(self) -> str:
        """Return the words that named it."""


T = TypeVar("T", bound=Mention)
TAKEN = "\x00"


def blanked(pattern: re.Pattern[str], text: str) -> str:
    """Return the text with what `pattern` finds blanked out: it names nothing."""
    return pattern.sub(lambda match: TAKEN * len(match[0]), text)


class Grammar(Generic[T]):
    """Rules in order of precedence: a pattern, and what a match of it means (None: nothing after all)."""

    def __init__(self, rules: Iterable[tuple[str, Callable[..., T | None]]]) -> None:
        self._rules = tuple((re.compile(pattern), meaning) for pattern, meaning in rules)

    def find(self, text: str, *context: object) -> tuple[str, list[T]]:
        """Return the text with what was understood blanked out, and the findings in the order spoken."""
        found: list[tuple[int, T]] = []
        for pattern, meaning in self._rules:
            pieces, end = [], 0
            for match in pattern.finditer(text):
                value = meaning(match, *context)
                if value is None:
                    continue
                # A rule that looks back at what stands before keeps only what is its own.
                start = match.end() - len(value.text) if match[0].endswith(value.text) else match.start()
                found.append((start, value))
                pieces += [text[end:start], TAKEN * (match.end() - start)]
                end = match.end()
            text = "".join([*pieces, text[end:]])
        return text, [value for _, value in sorted(found, key=lambda pair: pair[0])]
