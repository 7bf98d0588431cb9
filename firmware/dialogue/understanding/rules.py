"""What a lawyer would not leave to statistics: patterns that raise or lower a meaning. Data in rules.toml.

A rule may have a second pattern, `sounds`, that is looked for by its sound: a recogniser also writes 憋打电话 and 转人宫.
"""

import re
import tomllib
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Self

from firmware.dialogue.intents import INTENTS
from firmware.dialogue.understanding.features import sound_of_character
from firmware.dialogue.understanding.text import readings

BY_SOUND = 0.72
"""How sure a rule is that only sounds right: just enough to be acted on."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern, and what it says of an intent."""

    pattern: re.Pattern[str]
    intents: tuple[str, ...]
    at_least: float | None
    at_most: float | None
    unless: re.Pattern[str] | None
    sounds: re.Pattern[str] | None
    """A pattern over `heard` text; None if only the letter counts."""

    def holds(self, whole: str) -> bool:
        """Return whether bare text says it."""
        return self.pattern.search(whole) is not None and (
            self.unless is None or self.unless.search(whole) is None
        )

    def sounds_so(self, whole: str, heard: str) -> bool:
        """Return whether bare text only sounds like it; `heard` is what `by_sound` makes of `whole`."""
        return (
            self.sounds is not None
            and self.sounds.search(heard) is not None
            and (self.unless is None or self.unless.search(whole) is None)
        )


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one language, in order."""

    rules: tuple[Rule, ...]

    @classmethod
    def load(cls, language: str) -> Self:
        """Read the shipped rules of `language`.

        Raises:
            ValueError: a rule names an intent that does not exist.

        """
        text = resources.files(__package__).joinpath("rules.toml").read_text(encoding="utf-8")
        table = tomllib.loads(text)
        words = {name: "|".join(entries) for name, entries in table["words"].get(language, {}).items()}
        return cls(tuple(_rule(row, words) for row in table[language]))

    def apply(self, found: MutableMapping[str, float], whole: str, parts: Sequence[str]) -> None:
        """Raise and lower meanings in place; `whole` is the bare utterance, `parts` its clauses."""
        heard = whole.translate(by_sound())
        for rule in self.rules:
            sure = 1.0 if rule.holds(whole) else BY_SOUND if rule.sounds_so(whole, heard) else 0.0
            if not sure:
                continue
            for name in rule.intents:
                if rule.at_least is not None:
                    found[name] = max(found.get(name, 0.0), min(sure, rule.at_least))
                if rule.at_most is not None:
                    found[name] = min(found.get(name, 0.0), rule.at_most)


@cache
def by_sound() -> Mapping[int, str]:
    """Return the table that puts one character for all that sound alike, whatever the tone or the accent."""
    first: dict[str, str] = {}
    return {ord(char): first.setdefault(sound_of_character(char), char) for char in readings()}


def _rule(row: dict[str, object], words: dict[str, str]) -> Rule:
    names = row["intent"]
    intents = tuple(names) if isinstance(names, list) else (str(names),)
    if unknown := set(intents) - INTENTS:
        raise ValueError(f"rules.toml: {', '.join(map(str, unknown))} is no intent")
    says = _filled(str(row["says"]), words)
    unless = _filled(str(row["unless"]), words) if "unless" in row else None
    return Rule(
        pattern=re.compile(says),
        intents=intents,
        at_least=_number(row.get("at_least")),
        at_most=_number(row.get("at_most")),
        unless=re.compile(unless) if unless else None,
        sounds=re.compile(str(row["sounds"]).translate(by_sound())) if "sounds" in row else None,
    )


def _filled(pattern: str, words: dict[str, str]) -> str:
    for name, alternatives in words.items():
        pattern = pattern.replace(f"<{name}>", f"(?:{alternatives})")
    return pattern


def _number(value: object) -> float | None:
    return None if value is None else float(str(value))
