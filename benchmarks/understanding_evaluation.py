"""How well phrases are understood, counted: macro-F1, what matters most, false alarms, recognition errors."""

import random
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Protocol

from benchmarks.understanding_corpus import NOTHING, ROOT, misheard
from firmware.dialogue.doubts import doubtful
from firmware.dialogue.events import Intent
from firmware.dialogue.intents import ACCEPT, ACCEPT_PROTECTIVE, PROTECTIVE
from firmware.dialogue.slots import Asked
from firmware.dialogue.understanding.text import bare, normalise
from firmware.dialogue.understanding.understander import Understander, Understood

FOLDER = ROOT / "tests/firmware/dialogue/understanding"
FIRST, SECOND = "challenge.toml", "challenge_second.toml"
THIRD, SEALED = "challenge_third.toml", "challenge_sealed.toml"
"""Two halves of one set; no error of the sealed one was ever looked at."""
FOURTH = "challenge_fourth.toml"
"""Whole utterances of people in a situation, most of them about what protects a callee."""
FIFTH, SIXTH = "challenge_fifth.toml", "challenge_sixth.toml"
"""Long and indirect ones, with harmless ones that use the same words; the second was measured once, at the end."""
SEVENTH, SEVENTH_SEALED = "challenge_seventh.toml", "challenge_seventh_sealed.toml"
"""By one who saw neither corpus nor its authors; the second is only ever counted."""
EIGHTH, EIGHTH_SEALED = "challenge_eighth.toml", "challenge_eighth_sealed.toml"
"""By another such one, 40 phrases for each of the five; the second was counted once, with the finished models."""
NINTH = "challenge_ninth.toml"
"""Plain sentences by a third one, some 125 for each of the five, those left out that an author of the corpus says nearly so."""
TENTH = "challenge_tenth.toml"
"""By a fourth one, of the same kind; some 110 for each of the five."""
ELEVENTH, ELEVENTH_SEALED = "challenge_eleventh.toml", "challenge_eleventh_sealed.toml"
"""By two more who were shown the development sample and went on as its author would: short phrases; the second is only ever counted."""
TWELFTH = "challenge_twelfth.toml"
"""By one more such; all of it is only ever counted."""
MISLEADING = ("misheard", "double_negation", "sarcasm", "hard")
"""Kinds of phrases in the eleventh on which a careless listener errs."""
CRITICAL = ("opt_out", "wrong_number", "want_human", "dispute", "vulnerable")
TODAY = date(2026, 11, 25)
_ANSWER = re.compile(r"\[(\w+)\] (.+?) *=> *(.+)")
LEAST = 0.3
"""A first meaning less sure than this counts as none: it would be asked again."""
ALARM = {name: ACCEPT_PROTECTIVE if name in PROTECTIVE else 0.7 for name in CRITICAL}


class Understands(Protocol):
    """What is evaluated: one understander, or one for each phrase."""

    def understand(self, text: str, *, language: str, today: date) -> Understood:
        """Return meanings and slots."""
        ...


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase and every meaning that is right for it; none for chatter."""

    text: str
    right: frozenset[str]


@dataclass(frozen=True, slots=True)
class Scores:
    """What came out for a set of phrases."""

    n: int
    top1: float
    macro_f1: float
    recall: Mapping[str, float]
    """Of the critical intents, at the confidence on which the machine acts."""
    false_alarms: Mapping[str, float]
    """Share of all other phrases that raise a critical intent."""
    confusions: Mapping[tuple[str, str], int]
    wrong: Sequence[tuple[str, str, str]]


def read(path: Path, language: str) -> list[Phrase]:
    """Return the phrases of a file; one that stands under two intents may mean either."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))[language]
    right: dict[str, set[str]] = {}
    for name, entry in table.items():
        for text in entry["phrases"] if isinstance(entry, dict) else entry:
            right.setdefault(text, set()).update(() if name == NOTHING else (name,))
    return [Phrase(text, frozenset(names)) for text, names in right.items()]


def noisy(phrases: Sequence[Phrase], language: str, rate: float, seed: int) -> list[Phrase]:
    """Return the phrases as a recogniser with that error rate might write them, without punctuation."""
    dice = random.Random(seed)
    return [
        Phrase(misheard(bare(normalise(p.text, language), language), language, rate, dice), p.right)
        for p in phrases
    ]


def first_of(intents: Sequence[Intent]) -> str:
    """Return the surest of ranked meanings; NOTHING if it would be asked again."""
    return intents[0].name if intents and intents[0].confidence >= LEAST else NOTHING


def evaluate(understander: Understands, phrases: Sequence[Phrase], language: str) -> Scores:
    """Return scores; chatter counts for false alarms only."""
    top: list[tuple[Phrase, str]] = []
    found: list[dict[str, float]] = []
    for phrase in phrases:
        intents = understander.understand(phrase.text, language=language, today=TODAY).intents
        found.append({intent.name: intent.confidence for intent in intents})
        top.append((phrase, first_of(intents)))
    meant = [(phrase, name) for phrase, name in top if phrase.right]
    wrong = [
        (phrase.text, "/".join(sorted(phrase.right)), name)
        for phrase, name in meant
        if name not in phrase.right
    ]
    return Scores(
        n=len(meant),
        top1=1 - len(wrong) / max(1, len(meant)),
        macro_f1=_macro_f1(meant),
        recall={name: _recall(name, phrases, found) for name in CRITICAL},
        false_alarms={name: _alarms(name, phrases, found) for name in CRITICAL},
        confusions=Counter((right, got) for _, right, got in wrong),
        wrong=wrong,
    )


@dataclass(frozen=True, slots=True)
class Heeded:
    """What a call would do about a set of phrases, as shares."""

    acted: float
    """Of what must not be missed: done at once."""
    acted_or_asked: float
    """Done, or asked about ("would you like us to stop calling?")."""
    harmless_acted: float
    """Of all other phrases."""
    harmless_asked: float


def heeded(understander: Understander, phrases: Sequence[Phrase], language: str) -> Heeded:
    """Return what would be done and what asked about; a phrase counts once for each meaning that must not be missed."""
    done, seen = [], []
    alarms, asked = [], []
    for phrase in phrases:
        found = meanings(understander, language, phrase.text)
        doubt = doubtful(found, CRITICAL)
        surely = {name for name in CRITICAL if found.get(name, 0.0) >= ALARM[name]}
        for name in phrase.right & set(CRITICAL):
            done.append(name in surely)
            seen.append(name in surely or doubt == name)
        if not phrase.right & set(CRITICAL):
            alarms.append(bool(surely))
            asked.append(not surely and doubt is not None)
    return Heeded(_share(done), _share(seen), _share(alarms), _share(asked))


def _share(flags: Sequence[bool]) -> float:
    return round(sum(flags) / max(1, len(flags)), 4)


ASIDE = ("affirm", "deny", "repeat")


def acted_on(understander: Understands, chatter: Sequence[Phrase], language: str) -> int:
    """Return how many phrases that mean nothing would be acted on: a first meaning, sure enough, that is no yes, no or "what?"."""
    count = 0
    for phrase in chatter:
        intents = understander.understand(phrase.text, language=language, today=TODAY).intents
        if intents and intents[0].name not in ASIDE:
            needed = ACCEPT_PROTECTIVE if intents[0].name in PROTECTIVE else ACCEPT
            count += intents[0].confidence >= needed
    return count


def _macro_f1(meant: Sequence[tuple[Phrase, str]]) -> float:
    names = sorted({name for phrase, _ in meant for name in phrase.right})
    scores = []
    for name in names:
        hit = sum(got == name and name in phrase.right for phrase, got in meant)
        false = sum(got == name and name not in phrase.right for phrase, got in meant)
        # A phrase that may mean either of two is missed only if neither came out.
        missed = sum(name in phrase.right and got not in phrase.right for phrase, got in meant)
        scores.append(2 * hit / max(1, 2 * hit + false + missed))
    return sum(scores) / max(1, len(scores))


def _recall(name: str, phrases: Sequence[Phrase], found: Sequence[Mapping[str, float]]) -> float:
    right = [
        heard.get(name, 0.0) >= ALARM[name]
        for p, heard in zip(phrases, found, strict=True)
        if name in p.right
    ]
    return sum(right) / max(1, len(right))


def _alarms(name: str, phrases: Sequence[Phrase], found: Sequence[Mapping[str, float]]) -> float:
    others = [
        heard.get(name, 0.0) >= ALARM[name]
        for p, heard in zip(phrases, found, strict=True)
        if name not in p.right
    ]
    return sum(others) / max(1, len(others))


def mixtures(kind: str, name: str = FIRST) -> list[tuple[str, str, frozenset[str]]]:
    """Return language, text and intents of the rows of one kind in a challenge: mixed or never."""
    table = tomllib.loads((FOLDER / name).read_text(encoding="utf-8"))[kind]
    return [(row["language"], row["text"], frozenset(row["intents"])) for row in table]


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said after a question, what must come first of it (none: nothing need), and what must not be sure."""

    language: str
    asked: Asked
    text: str
    right: frozenset[str]
    never: frozenset[str]


def answers(name: str = SECOND) -> list[Answer]:
    """Return the answers in context of a challenge."""
    table = tomllib.loads((FOLDER / name).read_text(encoding="utf-8"))["context"]
    return [
        Answer(
            row["language"],
            Asked(row["asked"]),
            row["text"],
            frozenset(row["intents"]),
            frozenset(row.get("never", ())),
        )
        for row in table
    ]


def read_answers(path: Path, language: str) -> list[Answer]:
    """Return a table of answers, a line each: ``[question] answer => intent|intent``, `none` for what means nothing."""
    rows = (_ANSWER.fullmatch(line) for line in path.read_text(encoding="utf-8").splitlines())
    return [
        Answer(language, Asked(row[1]), row[2], frozenset(row[3].replace(" ", "").split("|")), frozenset())
        for row in rows
        if row
    ]


def is_right(understander: Understander, answer: Answer) -> bool:
    """Return whether an answer is understood in the light of its question."""
    intents = understander.understand(
        answer.text, language=answer.language, asked=answer.asked, today=TODAY
    ).intents
    first = first_of(intents)
    sure = {intent.name for intent in intents if intent.confidence >= ACCEPT}
    return not sure & answer.never and (not answer.right or first in answer.right)


def lost(understander: Understander, name: str) -> list[tuple[str, str]]:
    """Return text and intent of every meaning of a mixture that would not be acted on."""
    missing = []
    for language, text, intents in mixtures("mixed", name):
        found = meanings(understander, language, text)
        for intent in sorted(intents):
            if found.get(intent, 0.0) < (ACCEPT_PROTECTIVE if intent in PROTECTIVE else ACCEPT):
                missing.append((text, intent))
    return missing


def misled(understander: Understander, kind: str, language: str, name: str = ELEVENTH) -> tuple[int, int]:
    """Return how many phrases of one of MISLEADING are not understood first of all as they are meant, and how many there are."""
    rows = [(text, right) for spoken, text, right in mixtures(kind, name) if spoken == language]
    wrong = 0
    for text, right in rows:
        intents = understander.understand(text, language=language, today=TODAY).intents
        wrong += first_of(intents) not in (right or {NOTHING})
    return wrong, len(rows)


def meanings(understander: Understander, language: str, text: str) -> dict[str, float]:
    """Return intent names with confidence."""
    intents = understander.understand(text, language=language, today=TODAY).intents
    return {intent.name: intent.confidence for intent in intents}


Say = Callable[[str], None]
