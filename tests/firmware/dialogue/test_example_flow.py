"""The flow that ships as an example: lawful, complete, short, and whole in both languages."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

import pytest

from firmware.dialogue.actions import Say
from firmware.dialogue.flow import Flow
from firmware.dialogue.machine import Dialogue
from firmware.dialogue.nodes import AskNode, EndNode
from firmware.dialogue.speaking import LANGUAGES, speak_day
from firmware.dialogue.wording import debt_word
from firmware.values import Disposition

Vars = Mapping[str, Mapping[str, object]]
CHARACTERS_A_SECOND = {"zh-CN": 3.0, "en": 15.0}
"""As measured with espeak-ng at its usual speed."""


def dialogue(flow: Flow, contact_vars: Vars, language: str, days: int = 14) -> Dialogue:
    contact = flow.check_vars(contact_vars[language], language)
    return Dialogue(flow, contact, language=language, today=date(2026, 12, 7), promise_max_days=days)


def test_it_speaks_every_language_the_box_speaks(reminder: Flow) -> None:
    assert reminder.languages == LANGUAGES


def test_it_can_come_to_every_ending_it_is_meant_for(reminder: Flow) -> None:
    endings = {node.disposition for node in reminder.nodes.values() if isinstance(node, EndNode)}
    assert endings >= {
        Disposition.THIRD_PARTY,
        Disposition.WRONG_NUMBER,
        Disposition.UNVERIFIED,
        Disposition.PROMISE_FULL,
        Disposition.ALREADY_PAID,
        Disposition.DISPUTE,
        Disposition.HARDSHIP,
        Disposition.REFUSES,
        Disposition.NO_DECISION,
        Disposition.OPT_OUT,
        Disposition.HUMAN_UNAVAILABLE,
        Disposition.VULNERABLE,
        Disposition.COMPLAINT,
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_stranger_can_hear_names_no_debt(make_call: Callable[..., Any], language: str) -> None:
    for keys in ((), ("2",), ("3",), ("9",), ("0",), ("7", "7", "7"), ("1", "1111", "2222")):
        call = make_call(language=language)
        for digits in keys:
            call.press(digits)
        call.wait().wait().hear_out()
        assert debt_word(call.said) is None
        assert "1" not in str(call.promises)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_opening_is_heard_in_eight_seconds(reminder: Flow, contact_vars: Vars, language: str) -> None:
    (say, *_) = dialogue(reminder, contact_vars, language).start(0.0)
    assert isinstance(say, Say)
    assert len("".join(say.phrases)) / CHARACTERS_A_SECOND[language] <= 8.0
    assert say.roles == {"identity", "automated", "recording"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_it_may_say_is_known_before_dialling(
    reminder: Flow, contact_vars: Vars, language: str
) -> None:
    phrases = dialogue(reminder, contact_vars, language, days=14).phrases()
    for days in range(15):
        assert speak_day(date(2026, 12, 7) + timedelta(days=days), language) in phrases
    assert len(phrases) < 120
    assert all(phrase == phrase.strip() and any(map(str.isalnum, phrase)) for phrase in phrases)
    assert not any("{" in phrase or "0917" in phrase for phrase in phrases)


def test_no_two_people_need_new_recordings_of_what_is_alike(reminder: Flow, contact_vars: Vars) -> None:
    one = dialogue(reminder, contact_vars, "en").phrases()
    contact = reminder.check_vars({**contact_vars["en"], "callee_name": "Ms Li"}, "en")
    other = Dialogue(reminder, contact, language="en", today=date(2026, 12, 7), promise_max_days=14).phrases()
    assert 0 < len(one - other) <= 4


def test_every_question_is_asked_again_by_keys(reminder: Flow) -> None:
    for node in reminder.nodes.values():
        if isinstance(node, AskNode):
            assert node.no_match.say is not None
            assert node.no_match.reprompt >= 1
