"""`flow try --microphone`: the box speaks and listens as in a call; a person's part is sound, in virtual time."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audio import PortDied
from audio.dsp.dtmf_generator import digits_clip
from audio.errors import PortOpenError
from audio.frame import Clip, frame_from_bytes, freeze
from audio.listening.grammar import GrammarRecogniser
from audio.ports.loopback import LoopbackPort
from audio.speech.espeak import EspeakSynthesizer
from firmware.dialogue.loader import load_flow
from firmware.rehearsal.aloud import PATIENCE_S, Voice, converse_aloud
from firmware.rehearsal.loading import find_understander
from firmware.rehearsal.sample import sample_vars
from firmware.rehearsal.stage import Stage
from firmware.rehearsal.terminal import Rehearsal
from tests.scenarios.virtual_time import run_virtually

FLOW = Path(__file__).resolve().parents[3] / "examples/overdue-reminder.yaml"
TODAY = date(2026, 12, 7)
QUIET_FRAMES = 40


class Person:
    """Answers each time the box has been quiet for 0.8 s, until the answers are used up."""

    def __init__(self, *answers: Clip) -> None:
        self._answers = list(answers)
        self._saying = np.zeros(0, dtype=np.int16)
        self._quiet = 0
        self._has_heard = False

    def exchange(self, said: bytes) -> bytes:
        is_loud = bool(said) and int(np.abs(np.frombuffer(said, dtype="<i2")).max()) > 300
        self._has_heard |= is_loud
        self._quiet = 0 if is_loud else self._quiet + 1
        if self._has_heard and self._quiet >= QUIET_FRAMES and not len(self._saying) and self._answers:
            self._saying, self._has_heard = np.array(self._answers.pop(0)), False
        frame, self._saying = self._saying[:160], self._saying[160:]
        return np.pad(frame, (0, 160 - len(frame))).astype("<i2").tobytes()


def spoken(text: str) -> Clip:
    return EspeakSynthesizer(words_per_minute=150).render(text, "en")


def beep(_words: str, _language: str) -> Clip:
    """Return what stands for the box's voice."""
    return freeze(np.where(np.arange(4000) % 16 < 8, 6000, -6000).astype(np.int16))


def sphinx() -> Callable[[bytes, str, tuple[str, ...]], str]:
    engine = GrammarRecogniser()
    return lambda pcm, tag, expected: engine.transcribe(freeze(frame_from_bytes(pcm)), tag, expected).text


def rehearse(port: Any, recognise: Callable[[bytes, str, tuple[str, ...]], str]) -> list[str]:
    flow = load_flow(FLOW.read_text(encoding="utf-8"), source=FLOW.name)
    contact = flow.check_vars(sample_vars(flow, "en", TODAY) | {"last4": "4101"}, "en")
    stage = Stage(flow, contact, today=TODAY, promise_max_days=14)
    rehearsal = Rehearsal(stage, today=TODAY, understand=find_understander())
    shown: list[str] = []

    async def hold() -> None:
        async with Voice(port, recognise=recognise, speak=beep) as voice:
            await converse_aloud(rehearsal, voice, shown.append)

    run_virtually(hold())
    return shown


def test_words_and_keys_are_the_answers() -> None:
    person = Person(spoken("yes"), digits_clip("4101"), digits_clip("1"), digits_clip("1"))
    shown = rehearse(LoopbackPort(person.exchange), sphinx())
    assert shown[2].startswith("you: "), shown
    assert "confirm_identity" in shown[3], shown
    assert "you: 4101" in shown
    assert "= promise_full" in shown


def test_who_says_nothing_is_asked_again_and_let_go() -> None:
    shown = rehearse(LoopbackPort(Person().exchange), lambda *_: "")
    assert shown.count("you: ...") >= 2
    assert shown[-1].startswith("=") or shown[-2].startswith("=")
    assert PATIENCE_S > 3


def test_a_card_that_goes_away_is_told() -> None:
    class Dying(LoopbackPort):
        def _tick(self) -> None:
            self._tell([PortDied(at_ms=0, reason="unplugged")])

    with pytest.raises(PortOpenError, match="unplugged"):
        rehearse(Dying(Person().exchange), lambda *_: "")
