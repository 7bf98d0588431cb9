"""Phrases of people who saw neither the corpus nor its authors: floors below what was counted, so that a worse model fails."""

import tomllib
from dataclasses import dataclass, replace

import pytest

from benchmarks.understanding_corpus import CORPUS
from benchmarks.understanding_evaluation import (
    CRITICAL,
    EIGHTH,
    EIGHTH_SEALED,
    ELEVENTH,
    ELEVENTH_SEALED,
    FOLDER,
    MISLEADING,
    NINTH,
    SEVENTH,
    SEVENTH_SEALED,
    TENTH,
    TWELFTH,
    evaluate,
    heeded,
    lost,
    misled,
    mixtures,
    noisy,
    read,
)
from benchmarks.understanding_nearness import Near
from firmware.dialogue.intents import INTENTS, PROTECTIVE
from firmware.dialogue.understanding.understander import Understander

LITERAL_PHRASES = 45_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Floors:
    """What a set holds, and what must be understood of it."""

    critical: int
    """Phrases for each of what must not be missed, at least; and of the others."""
    others: int
    harmless: int
    mixed: int
    """Meanings of its mixtures."""
    macro_f1: float
    recall: float
    false_alarms: float
    heeded: float
    """Acted on or asked about."""
    harmless_acted: float
    harmless_asked: float
    mixtures_lost: float
    every: int = 1
    """Of a long set one phrase of so many: the whole is counted by benchmarks/understanding_report.py."""


SETS = {
    SEVENTH: Floors(
        critical=24, others=9, harmless=58, mixed=48, macro_f1=0.93, recall=0.8, false_alarms=0.03, heeded=0.97,
        harmless_acted=0.08, harmless_asked=0.15, mixtures_lost=0.2,
    ),
    EIGHTH: Floors(
        critical=39, others=11, harmless=88, mixed=56, macro_f1=0.95, recall=0.92, false_alarms=0.02, heeded=0.985,
        harmless_acted=0.07, harmless_asked=0.13, mixtures_lost=0.2,
    ),
    NINTH: Floors(
        critical=114, others=20, harmless=240, mixed=150, macro_f1=0.935, recall=0.82, false_alarms=0.022, heeded=0.965,
        harmless_acted=0.06, harmless_asked=0.12, mixtures_lost=0.05, every=3,
    ),
    TENTH: Floors(
        critical=100, others=19, harmless=230, mixed=150, macro_f1=0.94, recall=0.85, false_alarms=0.022, heeded=0.975,
        harmless_acted=0.06, harmless_asked=0.12, mixtures_lost=0.07, every=3,
    ),
    ELEVENTH: Floors(
        critical=23, others=18, harmless=75, mixed=140, macro_f1=0.895, recall=0.7, false_alarms=0.015, heeded=0.945,
        harmless_acted=0.04, harmless_asked=0.08, mixtures_lost=0.1,
    ),
}  # fmt: skip
HALVES = {
    SEVENTH_SEALED: SETS[SEVENTH],
    EIGHTH_SEALED: SETS[EIGHTH],
    ELEVENTH_SEALED: replace(SETS[ELEVENTH], critical=18, others=11, harmless=55),
    TWELFTH: replace(SETS[ELEVENTH], critical=15, others=13, harmless=50),
}
"""Only ever counted, by the report; nobody looks at their errors."""
MISLED = {
    ("zh", "misheard"): 0.1, ("zh", "double_negation"): 0.13, ("zh", "sarcasm"): 0.5, ("zh", "hard"): 0.25,
    ("en", "misheard"): 0.35, ("en", "double_negation"): 0.33, ("en", "sarcasm"): 0.4, ("en", "hard"): 0.4,
}  # fmt: skip
"""Shares of the eleventh's misleading phrases that may be understood otherwise than they are meant."""
FOR_EACH = pytest.mark.parametrize("language", ["zh", "en"])


@pytest.mark.parametrize("name", [*SETS, *HALVES])
@FOR_EACH
def test_a_set_is_long_enough(name: str, language: str) -> None:
    phrases, floors = read(FOLDER / name, language), (SETS | HALVES)[name]
    for intent in INTENTS:
        least = floors.critical if intent in CRITICAL else floors.others
        assert sum(intent in phrase.right for phrase in phrases) >= least, intent
    assert sum(not phrase.right for phrase in phrases) >= floors.harmless


@pytest.mark.parametrize("name", SETS)
@FOR_EACH
def test_a_stranger_is_understood(understander: Understander, name: str, language: str) -> None:
    floors = SETS[name]
    phrases = read(FOLDER / name, language)[:: floors.every]
    scores, found = evaluate(understander, phrases, language), heeded(understander, phrases, language)
    assert scores.macro_f1 >= floors.macro_f1, scores.wrong
    assert min(scores.recall.values()) >= floors.recall, scores.recall
    assert max(scores.false_alarms.values()) <= floors.false_alarms, scores.false_alarms
    assert found.acted_or_asked >= floors.heeded, found
    assert found.harmless_acted <= floors.harmless_acted, found
    assert found.harmless_asked <= floors.harmless_asked, found


@FOR_EACH
def test_a_stranger_misheard_is_mostly_understood(understander: Understander, language: str) -> None:
    phrases = noisy(read(FOLDER / EIGHTH, language), language, 0.2, seed=2)
    scores, found = evaluate(understander, phrases, language), heeded(understander, phrases, language)
    assert scores.macro_f1 >= 0.88
    assert found.acted_or_asked >= 0.93, found


@pytest.mark.parametrize("name", SETS)
def test_a_mixture_keeps_its_meanings(understander: Understander, name: str) -> None:
    meant = sum(len(intents) for _, _, intents in mixtures("mixed", name))
    missing = lost(understander, name)
    assert meant >= SETS[name].mixed
    assert len(missing) <= SETS[name].mixtures_lost * meant, missing
    if name == EIGHTH:
        assert not [(text, intent) for text, intent in missing if intent in PROTECTIVE]


@pytest.mark.parametrize("kind", MISLEADING)
@FOR_EACH
def test_words_that_mislead_are_mostly_understood(
    understander: Understander, language: str, kind: str
) -> None:
    wrong, n = misled(understander, kind, language)
    assert n >= 20
    assert wrong <= MISLED[language, kind] * n


@FOR_EACH
def test_no_author_says_what_a_set_asks(language: str) -> None:
    asked = [
        phrase.text for path in sorted(FOLDER.glob("challenge*.toml")) for phrase in read(path, language)
    ]
    for name in (ELEVENTH, ELEVENTH_SEALED, TWELFTH):
        asked += [
            text for kind in MISLEADING for spoken, text, _ in mixtures(kind, name) if spoken == language
        ]
    written = [
        text
        for path in sorted((CORPUS / language).glob("author_*.toml"))
        for table in tomllib.loads(path.read_text(encoding="utf-8")).values()
        for text in table["phrases"]
    ]
    assert len(written) >= LITERAL_PHRASES
    near = Near(asked, language)
    assert near.holds(asked[0]) is not None
    assert [text for text in written if near.holds(text) is not None] == []
