"""What a lawyer would not leave to statistics: patterns that raise or lower a meaning. Data in rules.toml."""

import re
import tomllib
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Self

from firmware.dialogue.intents import INTENTS


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern, and what it says of an intent."""

    pattern: re.Pattern[str]
    intents: tuple[str, ...]
    at_least: float | None
    at_most: float | None
    unless: re.Pattern[str] | None


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
        for rule in self.rules:
            if not rule.pattern.search(whole) or (rule.unless is not None and rule.unless.search(whole)):
                continue
            for name in rule.intents:
                if rule.at_least is not None:
                    found[name] = max(found.get(name, 0.0), rule.at_least)
                if rule.at_most is not None:
                    found[name] = min(found.get(name, 0.0), rule.at_most)


def _rule(row: dict[str, object], words: dict[str, str]) -> Rule:
    names = row["intent"]
    intents = tuple(names) if isinstance(names, list) else (str(names),)
    if unknown := set(intents) - INTENTS:
        raise ValueError(f"rules.toml: {', '.join(map(str, unknown))} is no intent")
    return Rule(
        pattern=re.compile(_filled(str(row["says"]), words)),
        intents=intents,
        at_least=_number(row.get("at_least")),
        at_most=_number(row.get("at_most")),
        unless=re.compile(_filled(str(row["unless"]), words)) if "unless" in row else None,
    )


def _filled(pattern: str, words: dict[str, str]) -> str:
    for name, alternatives in words.items():
        pattern = pattern.replace(f"<{name}>", f"(?:{alternatives})")
    return pattern


def _number(value: object) -> float | None:
    return None if value is None else float(str(value))
