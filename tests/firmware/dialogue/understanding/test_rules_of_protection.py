"""What must be heard whatever the models make of it: somebody tired of life, somebody else's telephone, no more calls."""

import pytest

from benchmarks.understanding_evaluation import ALARM, meanings
from firmware.dialogue.understanding.rules import Rules
from firmware.dialogue.understanding.text import bare, normalise
from firmware.dialogue.understanding.understander import Understander

HEARD = [
    ("vulnerable", "I wrote the goodbye letter last night"),
    ("vulnerable", "there's nothing left to live for"),
    ("vulnerable", "I see no point in going on, no reason to live, no point living"),
    ("vulnerable", "you'll have my death on your conscience"),
    ("vulnerable", "they'd be better off without me"),
    ("vulnerable", "I'm going to throw myself under a train"),
    ("wrong_number", "this used to be someone else's phone"),
    ("wrong_number", "the number was somebody else's before"),
    ("opt_out", "see to it that I'm not disturbed again"),
    ("opt_out", "quit blowing up my phone"),
]
LEFT_ALONE = [
    "I can't jump off the phone right now",
    "I was better off with the old bank",
    "it was jumped on by the dog",
    "I'd cut myself a slice",
    "what's the point of the fee",
]


def by_rule(text: str) -> dict[str, float]:
    said, found = bare(normalise(text, "en"), "en"), dict[str, float]()
    Rules.load("en").apply(found, said, [said])
    return found


@pytest.mark.parametrize(("intent", "text"), HEARD)
def test_is_heard_by_rule(understander: Understander, intent: str, text: str) -> None:
    assert by_rule(text).get(intent, 0.0) >= ALARM[intent]
    assert meanings(understander, "en", text)[intent] >= ALARM[intent]


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_words_alike_are_left_alone(text: str) -> None:
    assert max(by_rule(text).values(), default=0.0) < min(ALARM.values())
