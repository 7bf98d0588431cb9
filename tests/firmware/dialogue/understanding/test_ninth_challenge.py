"""Some 1 300 plain sentences of one more stranger: floors below what was counted, so that a worse model fails."""

import pytest

from benchmarks.understanding_evaluation import (
    CRITICAL,
    FOLDER,
    NINTH,
    evaluate,
    heeded,
    lost,
    mixtures,
    read,
)
from firmware.dialogue.intents import INTENTS
from firmware.dialogue.understanding.understander import Understander


@pytest.mark.parametrize("language", ["zh", "en"])
def test_what_a_stranger_says_plainly_is_understood(understander: Understander, language: str) -> None:
    phrases = read(FOLDER / NINTH, language)
    for intent in INTENTS:
        assert sum(intent in phrase.right for phrase in phrases) >= (114 if intent in CRITICAL else 20), (
            intent
        )
    third = phrases[::3]  # the whole is counted by benchmarks/understanding_report.py
    scores, found = evaluate(understander, third, language), heeded(understander, third, language)
    assert scores.macro_f1 >= 0.935, scores.wrong
    assert min(scores.recall.values()) >= 0.82, scores.recall
    assert max(scores.false_alarms.values()) <= 0.022, scores.false_alarms
    assert found.acted_or_asked >= 0.965, found
    assert found.harmless_acted <= 0.06, found
    assert found.harmless_asked <= 0.12, found


def test_a_mixture_of_the_ninth_keeps_its_meanings(understander: Understander) -> None:
    meant = sum(len(intents) for _, _, intents in mixtures("mixed", NINTH))
    assert meant >= 150
    assert len(lost(understander, NINTH)) <= 0.05 * meant, lost(understander, NINTH)
