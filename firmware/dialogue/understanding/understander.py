"""Text in, meanings and slots out: rules for what must never be missed, a trained model for the many ways to say things."""

import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Self

from firmware.dialogue.events import Intent
from firmware.dialogue.intents import ACCEPT, DOUBT_FROM
from firmware.dialogue.slots import Asked, Slots
from firmware.dialogue.understanding.context import asked_of, in_context
from firmware.dialogue.understanding.manner import Manner
from firmware.dialogue.understanding.model import IntentModel
from firmware.dialogue.understanding.naming import name_slots
from firmware.dialogue.understanding.rules import Rules
from firmware.dialogue.understanding.text import clauses, joined, normalise
from firmware.dialogue.understanding.yes_no import is_open, is_yes

LANGUAGES = ("zh", "en")
MAX_CLAUSES = 12
CLAUSE_TRUST = 0.97
"""What protects a callee and is heard in one clause only counts a little less than if the whole said it."""
SURE_CLAUSE, BESIDE = 0.85, 0.75
"""Any other meaning of one clause alone counts if it is so sure, and then only as something said beside the matter:
in a story every clause alone may mean something."""
WISH = "opt_out"
GUARDED = frozenset({WISH, "wrong_number", "want_human", "dispute", "vulnerable"})
"""What must not be missed."""
ASIDES = ("affirm", "deny", "repeat")
"""Beside a matter these are a manner of speaking: 不对，金额错了 disputes, it does not only deny."""
ASIDE_FROM = 0.6
_PUZZLED = re.compile(
    r"^\s*(?:(?:嗯|啊|哈|诶|呃|哦|噢)+|huh|eh|what|sorry|yes|hm+|pardon(?: me)?|excuse me|come again)\s*[?]+\s*$"
)
"""A noise that asks: "嗯？" is no yes. Only punctuation tells."""
_NATURE = {
    "zh-cn": "zh",
    "zh-hans": "zh",
    "zh-hant": "zh",
    "zh-tw": "zh",
    "zh-hk": "zh",
    "en-us": "en",
    "en-gb": "en",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """What an utterance may mean, surest first, and what it names."""

    intents: tuple[Intent, ...]
    slots: Slots


@dataclass(frozen=True, slots=True, kw_only=True)
class Understander:
    """Understands utterances in Chinese and English; loaded once, then without any I/O."""

    models: dict[str, IntentModel]
    rules: dict[str, Rules]

    @classmethod
    def load(cls) -> Self:
        """Read the trained models and the rules that the package ships."""
        return cls(
            models={language: IntentModel.load(language) for language in LANGUAGES},
            rules={language: Rules.load(language) for language in LANGUAGES},
        )

    def understand(
        self, text: str, *, language: str, asked: Asked = Asked.NOTHING, today: date, after_node: str = ""
    ) -> Understood:
        """Return what `text` means after what was `asked`; `after_node` tells it by a node's name if it is known.

        Raises:
            ValueError: nobody taught it that language.

        """
        tongue = language_of(language)
        if asked is Asked.NOTHING and after_node:
            asked = asked_of(after_node) or asked
        normal = normalise(text, tongue)
        parts = clauses(normal, tongue)[:MAX_CLAUSES]
        slots, rest = name_slots(normal, tongue, asked, today)
        found = self._meanings(parts, tongue)
        is_puzzled = _PUZZLED.match(normal) is not None
        if is_puzzled:
            found = {"repeat": 0.85}
        manner = Manner.of(normal, parts, rest, slots, asked=asked, language=tongue)
        if not (is_puzzled or manner.takes_back or manner.only_listens):
            slots = replace(slots, is_yes=is_yes(parts, slots, asked, tongue))
        in_context(found, slots, asked, manner)
        return Understood(
            intents=_ranked(found),
            slots=slots
            if is_puzzled or manner.only_listens or is_open(parts, tongue)
            else _with_answer(slots, found),
        )

    def _meanings(self, parts: list[str], language: str) -> dict[str, float]:
        """Return intents with their confidence, before what was asked is considered."""
        if not parts:
            return {}
        whole = joined(parts, language)
        pieces = [whole, *parts] if len(parts) > 1 else [whole]
        model = self.models[language]
        whole_sure, *parts_sure = model.probabilities(pieces).tolist()
        found = dict(zip(model.names, whole_sure, strict=True))
        for sure in parts_sure:
            for name, p in zip(model.names, sure, strict=True):
                if name in GUARDED:
                    found[name] = max(found[name], CLAUSE_TRUST * p)
                elif p >= SURE_CLAUSE:
                    found[name] = max(found[name], BESIDE)
        self.rules[language].apply(found, whole, parts)
        _set_aside(found)
        return found


def _set_aside(found: MutableMapping[str, float]) -> None:
    """Put yes, no and "what?" behind the matter they were said with."""
    matter = max((p for name, p in found.items() if name not in ASIDES), default=0.0)
    if matter < ASIDE_FROM:
        return
    for name in ASIDES:
        if name in found:
            found[name] = min(found[name], matter - 0.12)
    if found.get("confirm_identity", 0.0) >= ASIDE_FROM and "who_are_you" in found:
        # 是我，你哪位 answers first.
        found["who_are_you"] = min(found["who_are_you"], found["confirm_identity"] - 0.05)


def language_of(language: str) -> str:
    """Return "zh" or "en" for a language tag.

    Raises:
        ValueError: nobody taught it that language.

    """
    plain = language.lower().replace("_", "-")
    known = _NATURE.get(plain, plain)
    if known not in LANGUAGES:
        raise ValueError(f"{language!r} is not understood: write one of {', '.join(LANGUAGES)}")
    return known


def _ranked(found: Mapping[str, float]) -> tuple[Intent, ...]:
    """Return what is likely enough, surest first; a sure wish to be left alone comes before everything else."""
    likely = {name: p for name, p in found.items() if p >= DOUBT_FROM}
    if likely.get(WISH, 0.0) >= ACCEPT:
        likely[WISH] = max(likely.values())
    ranked = sorted(likely.items(), key=lambda item: (-round(item[1], 4), item[0] != WISH, item[0]))
    return tuple(Intent(name=name, confidence=round(p, 4)) for name, p in ranked)


def _with_answer(slots: Slots, found: dict[str, float]) -> Slots:
    """Let the meaning decide yes or no where the first word did not."""
    yes = max(found.get("affirm", 0.0), found.get("confirm_identity", 0.0)) >= ACCEPT
    no = found.get("deny", 0.0) >= ACCEPT
    if slots.is_yes is not None or yes == no:
        return slots
    return Slots(days=slots.days, times=slots.times, amounts=slots.amounts, digits=slots.digits, is_yes=yes)
