"""What strangers answer to the box's questions, understood in their light: floors below what was counted."""

from pathlib import Path

import pytest

from benchmarks.understanding_evaluation import (
    CRITICAL,
    EIGHTH,
    ELEVENTH,
    FIRST,
    SECOND,
    THIRD,
    TODAY,
    Answer,
    Phrase,
    is_right,
    read,
    read_answers,
)
from firmware.dialogue.intents import ACCEPT, ACCEPT_PROTECTIVE, INTENTS, PROTECTIVE
from firmware.dialogue.slots import Asked
from firmware.dialogue.understanding.understander import Understander

FOLDER = Path(__file__).parent
FLOORS = {"zh": 0.9, "en": 0.86}
"""Shares of the answers whose first meaning is right."""
PER_QUESTION = {
    Asked.IDENTITY: 0.85,
    Asked.ABILITY: 0.85,
    Asked.CONFIRM: 0.8,
    Asked.OFFER: 0.8,
    Asked.CALLBACK_TIME: 0.8,
    Asked.SATISFACTION: 0.85,
}
QUESTIONS = [asked for asked in Asked if asked is not Asked.NOTHING]
SEALED = {"zh": 0.84, "en": 0.79}


def share(understander: Understander, rows: list[Answer]) -> float:
    return sum(is_right(understander, row) for row in rows) / len(rows)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", ["answers", "answers_sealed"])
def test_a_table_of_answers_is_long_enough(name: str, language: str) -> None:
    rows = read_answers(FOLDER / f"{name}_{language}.txt", language)
    assert len(rows) >= (150 if name.endswith("sealed") else 600)
    assert {row.asked for row in rows} == set(PER_QUESTION)
    for row in rows:
        assert row.right <= INTENTS | {"none"}, row.text


@pytest.mark.parametrize("language", ["zh", "en"])
def test_an_answer_is_understood_in_the_light_of_its_question(
    understander: Understander, language: str
) -> None:
    rows = read_answers(FOLDER / f"answers_{language}.txt", language)
    assert share(understander, rows) >= FLOORS[language]
    for asked, least in PER_QUESTION.items():
        assert share(understander, [row for row in rows if row.asked is asked]) >= least, asked


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_strangers_answer_is_mostly_understood(understander: Understander, language: str) -> None:
    rows = read_answers(FOLDER / f"answers_sealed_{language}.txt", language)
    assert share(understander, rows) >= SEALED[language]


def sure_of(understander: Understander, phrase: Phrase, language: str, asked: Asked) -> set[str]:
    """Return what protects a callee and would be acted on."""
    intents = understander.understand(phrase.text, language=language, asked=asked, today=TODAY).intents
    return {
        intent.name
        for intent in intents
        if intent.name in phrase.right & set(CRITICAL)
        and intent.confidence >= (ACCEPT_PROTECTIVE if intent.name in PROTECTIVE else ACCEPT)
    }


@pytest.mark.parametrize("name", ["phrases.toml", FIRST, SECOND, THIRD, EIGHTH, ELEVENTH])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_question_takes_away_what_protects(understander: Understander, language: str, name: str) -> None:
    protecting = [phrase for phrase in read(FOLDER / name, language) if phrase.right & set(CRITICAL)]
    lost, n = [], 0
    for phrase in protecting:
        sure = sure_of(understander, phrase, language, Asked.NOTHING)
        for asked in QUESTIONS if sure else ():
            n += len(sure)
            lost += [
                (phrase.text, intent, asked)
                for intent in sure - sure_of(understander, phrase, language, asked)
            ]
    assert n > 30 * len(QUESTIONS)
    assert lost == []
