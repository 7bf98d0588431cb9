"""Phrases of another stranger, 40 for each of what must not be missed: floors below what was measured, so that a worse model fails."""

import pytest

from benchmarks.understanding_evaluation import (
    CRITICAL,
    EIGHTH,
    EIGHTH_SEALED,
    FOLDER,
    evaluate,
    heeded,
    lost,
    mixtures,
    noisy,
    read,
)
from firmware.dialogue.intents import INTENTS, PROTECTIVE
from firmware.dialogue.understanding.understander import Understander


@pytest.mark.parametrize("name", [EIGHTH, EIGHTH_SEALED])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_half_of_the_eighth_is_long_enough(name: str, language: str) -> None:
    phrases = read(FOLDER / name, language)
    for intent in INTENTS:
        assert sum(intent in phrase.right for phrase in phrases) >= (39 if intent in CRITICAL else 11), intent
    assert sum(not phrase.right for phrase in phrases) >= 88


@pytest.mark.parametrize("language", ["zh", "en"])
def test_what_a_stranger_says_every_day_is_understood(understander: Understander, language: str) -> None:
    phrases = read(FOLDER / EIGHTH, language)
    scores, found = evaluate(understander, phrases, language), heeded(understander, phrases, language)
    assert scores.macro_f1 >= 0.95, scores.wrong
    assert min(scores.recall.values()) >= 0.92, scores.recall
    assert max(scores.false_alarms.values()) <= 0.02, scores.false_alarms
    assert found.acted_or_asked >= 0.985, found
    assert found.harmless_acted <= 0.07, found
    assert found.harmless_asked <= 0.13, found


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_stranger_misheard_is_mostly_understood(understander: Understander, language: str) -> None:
    phrases = noisy(read(FOLDER / EIGHTH, language), language, 0.2, seed=2)
    scores, found = evaluate(understander, phrases, language), heeded(understander, phrases, language)
    assert scores.macro_f1 >= 0.88
    assert found.acted_or_asked >= 0.93, found


def test_a_mixture_of_the_eighth_keeps_its_meanings(understander: Understander) -> None:
    missing = lost(understander, EIGHTH)
    meant = sum(len(intents) for _, _, intents in mixtures("mixed", EIGHTH))
    assert not [(text, name) for text, name in missing if name in PROTECTIVE]
    assert len(missing) <= 0.2 * meant, missing
