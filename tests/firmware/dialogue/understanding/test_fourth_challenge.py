"""Whole utterances that nothing was trained for: what a stranger may count on at the least."""

import pytest

from benchmarks.understanding_evaluation import ALARM, CRITICAL, FOLDER, FOURTH, evaluate, meanings, read
from firmware.dialogue.understanding.understander import Understander


@pytest.mark.parametrize("language", ["zh", "en"])
def test_whole_utterances_are_mostly_understood(understander: Understander, language: str) -> None:
    phrases = read(FOLDER / FOURTH, language)
    assert len(phrases) >= 150
    scores = evaluate(understander, phrases, language)
    assert scores.macro_f1 >= 0.85, scores.wrong
    assert min(scores.recall[name] for name in CRITICAL) >= 0.7, scores.recall
    assert max(scores.false_alarms[name] for name in CRITICAL) <= 0.03, scores.false_alarms


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("不要再给我大电话了", "opt_out"),
        ("给我赚人宫客服", "want_human"),
        ("你打措人了", "wrong_number"),
        ("我没贷过宽", "dispute"),
        ("他老早委拖绿师了", "vulnerable"),
    ],
)
def test_what_protects_is_heard_by_its_sound(understander: Understander, text: str, meant: str) -> None:
    assert meanings(understander, "zh", text).get(meant, 0.0) >= ALARM[meant]


@pytest.mark.parametrize("text", ["午再打开灯", "大了一号的衣服", "他没带过孩子", "去试一下这双鞋"])
def test_what_sounds_like_it_by_chance_is_not_taken_for_it(understander: Understander, text: str) -> None:
    found = meanings(understander, "zh", text)
    assert not [name for name in CRITICAL if found.get(name, 0.0) >= ALARM[name]]
