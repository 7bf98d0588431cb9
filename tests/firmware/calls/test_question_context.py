"""What was asked decides what an answer means: the shipped understanding and conversation behind a call's own listener."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from audio import AudioEvent, CallAudio, Play, PlayFinished, SpeechEnded, SpeechStarted, UtteranceHeard
from audio.frame import NARROWBAND, silence
from audio.listening.recogniser import Recognised
from audio.ports.port import PortStatistics
from firmware.calls.listening import CallListener, Hearing
from firmware.calls.session import CallSession
from firmware.dialogue.loader import load_flow
from firmware.dialogue.machine import Dialogue
from firmware.dialogue.slots import Asked
from firmware.dialogue.understanding.understander import Understander, Understood
from firmware.lines.line import Active, CallEvent, Ended, EndKind
from firmware.values import E164
from tests.scenarios.virtual_time import run_virtually

FLOW = Path(__file__).parents[3] / "examples" / "overdue-reminder.yaml"
TODAY = date(2026, 12, 7)
VARS: dict[str, dict[str, object]] = {
    "zh-CN": {"callee_name": "王先生", "creditor": "江南银行", "last4": "0917", "due_date": "2026-12-01"},
    "en": {"callee_name": "Mr Wang", "creditor": "Town Bank", "last4": "0917", "due_date": "2026-12-01"},
}


class Ears:
    """Recognises the bytes it is given as text, after a while."""

    is_idle = True

    def hears(self, language: str) -> bool:
        return True

    async def transcribe(self, pcm: bytes, language: str, expected: tuple[str, ...] = ()) -> Recognised:
        await asyncio.sleep(0.2)
        return Recognised(text=pcm.decode(), confidence=0.9, engine="ears")


class Callee:
    """The far end, port and line in one: hears every prompt to its end, then says the next thing."""

    line_id = "line-1"
    format = NARROWBAND

    def __init__(self, says: list[str]) -> None:
        self.audio = self
        self.over = asyncio.Event()
        self._left = says
        self._play_id = 0

    async def dial(self, number: E164, *, ring_timeout_s: float) -> "Callee":
        return self

    async def events(self) -> AsyncIterator[CallEvent]:
        yield Active(at_s=0.0)
        await self.over.wait()
        yield Ended(at_s=0.0, kind=EndKind.RELEASED_BY_CALLEE)

    async def hang_up(self) -> None:
        self.over.set()

    def start(self, call_audio: CallAudio, on_events: Callable[[list[AudioEvent]], None]) -> None:
        self.tell = on_events

    async def stop(self) -> PortStatistics:
        return PortStatistics(frames=1, late_frames=0, max_late_ms=0.0, dropped_in=0, overruns=0)

    def order(self, order: object) -> None:
        if isinstance(order, Play):
            self._play_id = order.play_id
            finished = PlayFinished(at_ms=0, play_id=order.play_id, played_ms=1000, interrupted=False)
            asyncio.get_running_loop().call_later(1.0, self._hears_out, finished)

    def _hears_out(self, finished: PlayFinished) -> None:
        self.tell([finished])
        asyncio.get_running_loop().call_later(1.0, self._speaks, finished.play_id)

    def _speaks(self, play_id: int) -> None:
        if play_id != self._play_id:
            return  # that was no question: the box went on
        if not self._left or self.over.is_set():
            self.over.set()
            return
        pcm = self._left.pop(0).encode()
        self.tell([SpeechStarted(at_ms=0), SpeechEnded(at_ms=400, duration_ms=400)])
        self.tell([UtteranceHeard(at_ms=400, duration_ms=400, pcm=pcm)])


class NoRecorder:
    """Keeps nothing of the recording."""

    def start(self) -> None:
        """Begin."""

    def append(self, chunk: object) -> None:
        """Forget it."""


@cache
def understander() -> Understander:
    return Understander.load()


class Spy:
    """The shipped understanding, and which node it was told had asked."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def understand(
        self, text: str, *, language: str, asked: Asked, today: date, after_node: str = ""
    ) -> Understood:
        self.told.append(after_node)
        return understander().understand(
            text, language=language, asked=asked, today=today, after_node=after_node
        )


def prompts_of(text: str, language: str, says: list[str]) -> tuple[list[str], list[str]]:
    """Return the prompts a call says to somebody who gives these answers, and which nodes were answered."""
    spy = Spy()
    flow = load_flow(text, source="flow.yaml")
    amount = {"minor": 123450, "currency": "CNY" if language == "zh-CN" else "USD"}
    variables = flow.check_vars({**VARS[language], "amount_due": amount}, language)

    async def run() -> list[str]:
        there: Any = Callee(says)

        async def suppress(scope: str, reason: str) -> None:
            """Nobody asks."""

        async def allowed() -> tuple[bool, str]:
            return True, ""

        session = CallSession(
            line=there,
            number=E164("+8613800138000"),
            dialogue=Dialogue(
                flow, variables, language=language, today=TODAY, promise_max_days=30, understands=True
            ),
            clip=lambda phrase: silence(8000),
            recorder=NoRecorder(),
            may_mention_debt=allowed,
            suppress=suppress,
            on_stage=lambda _stage, _doing: None,
            ring_timeout_s=10.0,
            max_call_s=300.0,
            now_s=asyncio.get_running_loop().time,
            listener=CallListener(
                Hearing(ears=Ears(), understands=spy),
                language=language,
                today=TODAY,
                now_s=asyncio.get_running_loop().time,
                name="line-1",
            ),
        )
        await session.run()
        return [event.detail["prompt"] for event in session.events if event.kind == "say"]

    return run_virtually(run()), spy.told


def bare_question() -> str:
    """Return the shipped reminder with a first question that nothing but its node's name, ask_person, explains."""
    text = FLOW.read_text(encoding="utf-8")
    assert "      confirm_identity: verify\n" in text
    return text.replace("      confirm_identity: verify\n", "")


@pytest.mark.parametrize(
    ("language", "yes"), [("zh-CN", "嗯"), ("zh-CN", "对"), ("en", "mm-hmm"), ("en", "yep")]
)
@pytest.mark.parametrize("text", [FLOW.read_text(encoding="utf-8"), bare_question()], ids=["told", "bare"])
def test_a_mere_yes_to_is_that_you_is_yes(language: str, yes: str, text: str) -> None:
    prompts, told = prompts_of(text, language, [yes])
    assert prompts[:3] == ["opening", "ask_person", "ask_last4"]
    assert told[0] == "ask_person"


def test_a_no_that_only_the_nodes_name_explains_is_a_wrong_number() -> None:
    """不是 to "is that you?" is somebody else's telephone; to a question nobody knows it is a mere no."""
    bare = bare_question().replace("      deny: not_the_person\n", "")
    assert prompts_of(bare, "zh-CN", ["不是"])[0][2] == "wrong_number_sorry"
    renamed = bare.replace("ask_person:\n    ask: ask_person", "greet:\n    ask: ask_person")
    renamed = renamed.replace("barge_in: dtmf, next: ask_person", "barge_in: dtmf, next: greet")
    assert prompts_of(renamed, "zh-CN", ["不是"])[0][2] == "ask_person_by_keys"


def test_every_question_says_which_it_is() -> None:
    said = ["是我", "零九一七", "我明天还"]
    _prompts, told = prompts_of(FLOW.read_text(encoding="utf-8"), "zh-CN", said)
    assert told[:3] == ["ask_person", "verify", "ask_ability"]
