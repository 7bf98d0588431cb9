"""Understanding, measured on phrases of a second author, who had not seen the corpus; floors that a worse model fails."""

import tomllib

import pytest

from benchmarks.understanding_corpus import CORPUS
from benchmarks.understanding_evaluation import (
    FOLDER,
    SECOND,
    Answer,
    answers,
    evaluate,
    is_right,
    lost,
    meanings,
    mixtures,
    read,
)
from benchmarks.understanding_nearness import copies
from firmware.dialogue.intents import ACCEPT, INTENTS, PROTECTIVE
from firmware.dialogue.understanding.understander import Understander


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_second_challenge_is_long_enough(language: str) -> None:
    phrases = read(FOLDER / SECOND, language)
    for name in INTENTS:
        assert sum(name in phrase.right for phrase in phrases) >= 15, name
    assert sum(not phrase.right for phrase in phrases) >= 40


@pytest.mark.parametrize("language", ["zh", "en"])
def test_another_author_is_understood(understander: Understander, language: str) -> None:
    scores = evaluate(understander, read(FOLDER / SECOND, language), language)
    assert scores.macro_f1 >= {"zh": 0.98, "en": 0.955}[language], scores.wrong
    for name, recall in scores.recall.items():
        assert recall >= 0.99, (name, recall)
    for name, rate in scores.false_alarms.items():
        assert rate <= 0.01, (name, rate)


def test_a_mixture_of_the_second_keeps_its_meanings(understander: Understander) -> None:
    missing = lost(understander, SECOND)
    assert not [(text, name) for text, name in missing if name in PROTECTIVE]
    # Two matters without a pause between them, so that no clause tells them apart.
    assert len(missing) <= 3, missing


@pytest.mark.parametrize(("language", "text", "intents"), mixtures("never", SECOND))
def test_a_matter_denied_is_not_that_matter(
    understander: Understander, language: str, text: str, intents: frozenset[str]
) -> None:
    found = meanings(understander, language, text)
    assert {name for name in intents if found.get(name, 0.0) >= ACCEPT} == set()


@pytest.mark.parametrize("answer", answers(), ids=lambda answer: f"{answer.asked}: {answer.text}")
def test_an_answer_means_what_its_question_makes_it(understander: Understander, answer: Answer) -> None:
    assert is_right(understander, answer)


def test_what_was_added_after_it_copies_none_of_it() -> None:
    table = tomllib.loads((FOLDER / SECOND).read_text(encoding="utf-8"))
    rows = [row for kind in ("mixed", "never", "context") for row in table[kind]]
    phrases = [phrase.text for phrase in read(FOLDER / SECOND, "zh")]
    phrases += [row["text"] for row in rows if row["language"] == "zh"]
    assert copies(CORPUS / "zh" / "near_words.toml", "zh", phrases) == []


def test_a_copy_would_be_noticed() -> None:
    assert copies(CORPUS / "zh" / "near_words.toml", "zh", ["真人快打那个游戏吧"])
