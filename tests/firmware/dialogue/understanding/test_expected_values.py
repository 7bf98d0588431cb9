"""What a recogniser is told to expect and what is understood are one language: every expected value is read as one."""

from datetime import date

import pytest

from firmware.dialogue import expected
from firmware.dialogue.plain_words import rating_of
from firmware.dialogue.slots import Asked
from firmware.dialogue.understanding.understander import Understander

TODAY = date(2026, 11, 25)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize(
    ("table", "asked", "kind"),
    [
        (expected._DIGITS, Asked.DIGITS, "digits"),
        (expected._DAYS, Asked.DATE, "days"),
        (expected._TIMES, Asked.CALLBACK_TIME, "times"),
        (expected._AMOUNTS, Asked.AMOUNT, "amounts"),
    ],
)
def test_an_expected_value_is_read_as_one(
    understander: Understander, language: str, table: dict[str, tuple[str, ...]], asked: Asked, kind: str
) -> None:
    lost = [
        phrase
        for phrase in table[language]
        if not getattr(
            understander.understand(phrase, language=language, asked=asked, today=TODAY).slots, kind
        )
    ]
    assert lost == []


@pytest.mark.parametrize("language", ["zh", "en"])
def test_an_expected_mark_is_read_as_one(language: str) -> None:
    assert [rating_of(phrase, language, 5) for phrase in expected._MARKS[language]] == [5, 4, 3, 2, 1]
    assert [rating_of(expected._NUMBERS[language][n], language, 5) for n in range(1, 6)] == [1, 2, 3, 4, 5]
