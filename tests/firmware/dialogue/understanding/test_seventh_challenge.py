"""Phrases of one who saw neither the corpus nor its authors: floors below what was measured, so that a worse model fails."""

import tomllib

import pytest

from benchmarks.understanding_corpus import CORPUS
from benchmarks.understanding_evaluation import (
    CRITICAL,
    FOLDER,
    SEVENTH,
    SEVENTH_SEALED,
    evaluate,
    heeded,
    lost,
    mixtures,
    read,
)
from benchmarks.understanding_nearness import Near
from firmware.dialogue.intents import INTENTS
from firmware.dialogue.understanding.understander import Understander

AUTHORS = 13


@pytest.mark.parametrize("name", [SEVENTH, SEVENTH_SEALED])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_half_is_long_enough(name: str, language: str) -> None:
    phrases = read(FOLDER / name, language)
    for intent in INTENTS:
        assert sum(intent in phrase.right for phrase in phrases) >= (24 if intent in CRITICAL else 9), intent
    assert sum(not phrase.right for phrase in phrases) >= 58


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_stranger_is_understood(understander: Understander, language: str) -> None:
    phrases = read(FOLDER / SEVENTH, language)
    scores, found = evaluate(understander, phrases, language), heeded(understander, phrases, language)
    assert scores.macro_f1 >= 0.93, scores.wrong
    assert min(scores.recall.values()) >= 0.8, scores.recall
    assert max(scores.false_alarms.values()) <= 0.03, scores.false_alarms
    assert found.acted_or_asked >= 0.97, found
    assert found.harmless_acted <= 0.08, found
    assert found.harmless_asked <= 0.15, found


def test_a_mixture_of_the_seventh_keeps_its_meanings(understander: Understander) -> None:
    meant = sum(len(intents) for _, _, intents in mixtures("mixed", SEVENTH))
    assert len(lost(understander, SEVENTH)) <= 0.2 * meant, lost(understander, SEVENTH)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_author_says_what_a_set_asks(language: str) -> None:
    asked = [
        phrase.text for path in sorted(FOLDER.glob("challenge*.toml")) for phrase in read(path, language)
    ]
    written = [
        text
        for path in sorted((CORPUS / language).glob("author_*.toml"))
        for table in tomllib.loads(path.read_text(encoding="utf-8")).values()
        for text in table["phrases"]
    ]
    assert len(written) >= AUTHORS * 1300
    near = Near(asked, language)
    assert near.holds(asked[0]) is not None
    assert [text for text in written if near.holds(text) is not None] == []
