"""Calls that go by what is said: real sound, a real recogniser, and a stand-in that understands a few phrases."""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from audio.errors import RecogniserLateError
from audio.frame import frame_from_bytes, freeze
from audio.listening.grammar import GrammarRecogniser
from audio.listening.recogniser import Recognised, primary
from audio.speech.espeak import EspeakSynthesizer
from firmware.calls.listening import Hearing
from firmware.dialogue.events import Intent
from firmware.dialogue.slots import Asked, Slots
from modem_drivers.simulator.people import Person, Press, Say, Step, WaitForSilence
from tests.scenarios.town import Town, contact
from tests.scenarios.virtual_time import run_virtually

MEANINGS = {
    "yes I am": "confirm_identity",
    "wrong number": "wrong_number",
    "stop calling me": "opt_out",
    "I already paid": "already_paid",
    "who is this": "who_are_you",
}


ENGLISH = {
    "callee_name": "Emma Clarke",
    "creditor": "Town Bank",
    "amount_due": {"minor": 123450, "currency": "CNY"},
    "due_date": "2026-11-10",
    "last4": "4101",
}


@dataclass(frozen=True)
class Meaning:
    intents: tuple[Intent, ...]
    slots: Slots = field(default_factory=Slots)


class Keywords:
    """Understands the phrases above and no others."""

    def understand(
        self, text: str, *, language: str, asked: Asked, today: date, after_node: str = ""
    ) -> Meaning:
        name = MEANINGS.get(text)
        return Meaning((Intent(name=name, confidence=0.95),) if name else ())


class Ears:
    """PocketSphinx in this process, for virtual time; the first answers may come too late."""

    def __init__(self, n_late: int = 0) -> None:
        self.texts: list[str] = []
        self._n_late = n_late
        self._engine = sphinx()

    is_idle = True

    def hears(self, language: str) -> bool:
        return primary(language) == "en"

    async def transcribe(self, pcm: bytes, language: str, expected: tuple[str, ...] = ()) -> Recognised:
        if self._n_late:
            self._n_late -= 1
            await asyncio.sleep(2.5)
            raise RecogniserLateError("no answer within 2.5 s")
        phrases = tuple(dict.fromkeys((*MEANINGS, *expected)))
        found = self._engine.transcribe(freeze(frame_from_bytes(pcm)), language, phrases)
        self.texts.append(found.text)
        return found


@cache
def sphinx() -> GrammarRecogniser:
    return GrammarRecogniser()


@cache
def speak(text: str, language: str) -> bytes:
    return EspeakSynthesizer(words_per_minute=150).render(text, language).astype("<i2").tobytes()


def person(place: int, *answers: Step) -> Person:
    """Return somebody who answers each question once the caller is silent."""
    steps: list[Step] = []
    for answer in answers:
        steps += [WaitForSilence(silence_s=1.2), answer]
    return Person(
        number=f"+86131234567{place:02d}", ring_s=1, language="en", steps=tuple(steps), noise_dbfs=-60.0
    )


def outcome_of(tmp_path: Path, one: Person, ears: Ears) -> tuple[str, list[dict[str, object]]]:
    """Return what came of a call to this person, and the utterances in the call's record."""

    async def story() -> tuple[str, list[dict[str, object]]]:
        town = Town(
            tmp_path, [one], n_modems=1, voice=speak, hearing=Hearing(ears=ears, understands=Keywords())
        )
        called = contact(1, language="en", vars=ENGLISH)
        async with town.open():
            await town.push([called])
            await town.until_settled([called], hours=0.2)
            assert town.box is not None
            rows = await town.box.database.read(
                lambda con: con.rows("SELECT detail FROM call_event WHERE kind = 'utterance'")
            )
            return town.outcomes()["c01"], [json.loads(row["detail"]) for row in rows]

    return run_virtually(story())


@pytest.mark.parametrize(
    ("said", "disposition"), [("wrong number", "wrong_number"), ("stop calling me", "opt_out")]
)
def test_a_call_goes_by_speech_alone(tmp_path: Path, said: str, disposition: str) -> None:
    outcome, utterances = outcome_of(tmp_path, person(1, Say(text=said)), Ears())
    assert outcome == disposition
    (utterance,) = utterances
    assert (utterance["text"], utterance["engine"]) == (said, "pocketsphinx")
    assert float(str(utterance["confidence"])) >= 0.5


def test_speech_and_keys_go_together(tmp_path: Path) -> None:
    one = person(
        1, Say(text="who is this"), Say(text="yes I am"), Press(keys="4101"), Say(text="I already paid")
    )
    outcome, utterances = outcome_of(tmp_path, one, Ears())
    assert outcome == "already_paid"
    assert "I already paid" in [utterance["text"] for utterance in utterances]


def test_what_is_not_understood_is_asked_again(tmp_path: Path) -> None:
    ears = Ears()
    one = person(1, Say(text="the weather is lovely today"), Say(text="wrong number"))
    assert outcome_of(tmp_path, one, ears)[0] == "wrong_number"
    assert ears.texts == ["", "wrong number"]


def test_an_answer_that_no_recogniser_takes_in_time_is_asked_for_again(tmp_path: Path) -> None:
    one = person(1, Say(text="wrong number"), Say(text="wrong number"))
    outcome, utterances = outcome_of(tmp_path, one, Ears(n_late=1))
    assert outcome == "wrong_number"
    assert [utterance["engine"] for utterance in utterances] == ["none", "pocketsphinx"]
