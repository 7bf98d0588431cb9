"""What a callee says becomes what the dialogue hears; whatever fails on the way costs one answer."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest

from audio import AudioEvent, CallAudio, Listen, SpeechEnded, SpeechStarted, UtteranceHeard, UtterancePaused
from audio.dsp.endpointer import Patience
from audio.errors import RecogniserBusyError, RecogniserDiedError, RecogniserError, RecogniserLateError
from audio.frame import NARROWBAND
from audio.listening.recogniser import Recognised
from audio.ports.port import PortStatistics
from firmware.calls.listening import MOST_WAITING, CallListener, Hearing, patience_for
from firmware.calls.session import CallSession
from firmware.dialogue import actions as acts
from firmware.dialogue import events as heard
from firmware.dialogue.slots import Asked, Slots
from firmware.lines.line import Active, CallEvent, Ended, EndKind
from firmware.values import E164
from tests.scenarios.virtual_time import run_virtually


@dataclass(frozen=True)
class Meaning:
    intents: tuple[heard.Intent, ...]
    slots: Slots = field(default_factory=Slots)


class Keywords:
    """Understands three words, and remembers what it was told about them."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, Asked, date]] = []

    def understand(
        self, text: str, *, language: str, asked: Asked, today: date, after_node: str = ""
    ) -> Meaning:
        self.told.append((text, language, asked, today))
        names = {"是": "affirm", "不": "deny", "别": "opt_out"}
        return Meaning(
            tuple(heard.Intent(name=name, confidence=0.9) for word, name in names.items() if word in text)
        )


class Ears:
    """Recognises the bytes it is given as text, after `slow_s`, or fails as they say."""

    def __init__(self, slow_s: float = 0.4) -> None:
        self.slow_s = slow_s
        self.expected: list[tuple[str, ...]] = []
        self.is_idle = True
        self.fails_on: str | None = None
        """What holds this comes out as nothing."""

    def hears(self, language: str) -> bool:
        return language == "zh-CN"

    async def transcribe(self, pcm: bytes, language: str, expected: tuple[str, ...] = ()) -> Recognised:
        self.expected.append(expected)
        text = pcm.decode()
        await asyncio.sleep(self.slow_s)
        errors: dict[str, RecogniserError] = {
            "late": RecogniserLateError("late"),
            "died": RecogniserDiedError("died"),
            "busy": RecogniserBusyError("busy"),
        }
        if text in errors:
            raise errors[text]
        if self.fails_on is not None and self.fails_on in text:
            text = ""
        return Recognised(text=text, confidence=0.8 if text else 0.0, engine="ears")


class Talk:
    """A dialogue that records what it hears."""

    next_deadline_s = None
    language = "zh-CN"

    def __init__(self) -> None:
        self.asked = Asked.IDENTITY
        self.asking = "ask_person"
        self.heard: list[heard.DialogueEvent] = []
        self.on_heard: Callable[[heard.DialogueEvent], None] = lambda event: None

    def expected_phrases(self) -> tuple[str, ...]:
        return ("是的", "不是")

    def start(self, now_s: float) -> list[acts.Action]:
        return []

    def on(self, event: heard.DialogueEvent, now_s: float) -> list[acts.Action]:
        self.heard.append(event)
        self.on_heard(event)
        return []


class Port:
    format = NARROWBAND

    def __init__(self) -> None:
        self.orders: list[object] = []
        self.is_started = asyncio.Event()

    def start(self, call_audio: CallAudio, on_events: Callable[[list[AudioEvent]], None]) -> None:
        self.tell = on_events
        self.is_started.set()

    def order(self, order: object) -> None:
        self.orders.append(order)

    async def stop(self) -> PortStatistics:
        return PortStatistics(frames=1, late_frames=0, max_late_ms=0.0, dropped_in=0, overruns=0)


class Call:
    """A call whose sound the test tells."""

    line_id = "line-1"

    def __init__(self, ears: Ears | None = None) -> None:
        self.audio = Port()
        self.talk = Talk()
        self.ears = ears or Ears()
        self.understands = Keywords()
        self.over = asyncio.Event()
        nothing: Any = None
        me: Any = self
        talk: Any = self.talk
        self.session = CallSession(
            line=me,
            number=E164("+8613800138000"),
            dialogue=talk,
            clip=nothing,
            recorder=nothing,
            may_mention_debt=nothing,
            suppress=nothing,
            on_stage=lambda _stage, _doing: None,
            ring_timeout_s=10.0,
            max_call_s=60.0,
            now_s=asyncio.get_running_loop().time,
            listener=CallListener(
                Hearing(ears=self.ears, understands=self.understands),
                language="zh-CN",
                today=date(2026, 11, 24),
                now_s=asyncio.get_running_loop().time,
                name="line-1",
            ),
        )

    async def dial(self, number: E164, *, ring_timeout_s: float) -> "Call":
        return self

    async def events(self) -> AsyncIterator[CallEvent]:
        yield Active(at_s=0.0)
        await self.over.wait()
        yield Ended(at_s=0.0, kind=EndKind.RELEASED_BY_CALLEE)

    async def hang_up(self) -> None:
        self.over.set()

    def says(self, text: str, duration_ms: int = 400) -> None:
        self.begins()
        self.ends(text, duration_ms)

    def begins(self, at_ms: int = 0) -> None:
        self.audio.tell([SpeechStarted(at_ms=at_ms)])

    def ends(self, text: str, duration_ms: int = 400, *, begun_ms: int = 0) -> None:
        at_ms = begun_ms + duration_ms
        self.audio.tell(
            [
                SpeechEnded(at_ms=at_ms, duration_ms=duration_ms),
                UtteranceHeard(at_ms=at_ms, duration_ms=duration_ms, pcm=text.encode()),
            ]
        )

    def pauses(self, text: str, duration_ms: int = 400, *, begun_ms: int = 0) -> None:
        at_ms = begun_ms + duration_ms
        self.audio.tell([UtterancePaused(at_ms=at_ms, duration_ms=duration_ms, pcm=text.encode())])

    def utterances(self) -> list[heard.Utterance]:
        return [event for event in self.talk.heard if isinstance(event, heard.Utterance)]

    def notes(self, kind: str) -> list[dict[str, Any]]:
        return [event.detail for event in self.session.events if event.kind == kind]


def carry(story: Callable[[Call], Coroutine[Any, Any, None]], ears: Ears | None = None) -> Call:
    """Run a call in virtual time while `story` goes on in it."""

    async def run() -> Call:
        call = Call(ears)
        running = asyncio.create_task(call.session.run())
        await call.audio.is_started.wait()
        await story(call)
        call.over.set()
        await running
        return call

    return run_virtually(run())


def test_what_is_said_reaches_the_dialogue_with_its_meaning() -> None:
    async def story(call: Call) -> None:
        call.says("是的我是", 700)
        await asyncio.sleep(1)

    call = carry(story)
    assert [type(event).__name__ for event in call.talk.heard[:3]] == [
        "SpeechStarted",
        "SpeechEnded",
        "Utterance",
    ]
    (utterance,) = call.utterances()
    assert (utterance.text, utterance.intents[0].name) == ("是的我是", "affirm")
    assert call.understands.told == [("是的我是", "zh-CN", Asked.IDENTITY, date(2026, 11, 24))]
    assert call.ears.expected == [("是的", "不是")]
    (note,) = call.notes("utterance")
    assert note == {"text": "是的我是", "confidence": 0.8, "engine": "ears", "ms": 700, "took_ms": 400}


def test_the_text_is_there_when_the_turn_ends_where_it_paused() -> None:
    """Whisper's third of a second passes while the pause lasts."""

    async def story(call: Call) -> None:
        call.begins()
        call.pauses("是的我是")
        await asyncio.sleep(0.3)
        call.ends("是的我是")
        await asyncio.sleep(1)

    call = carry(story)
    (utterance,) = call.utterances()
    assert utterance.text == "是的我是"
    assert len(call.ears.expected) == 1
    (note,) = call.notes("utterance")
    assert note["took_ms"] == 100


def test_what_was_guessed_in_a_pause_is_thrown_away_when_the_callee_goes_on() -> None:
    async def story(call: Call) -> None:
        call.begins()
        call.pauses("是")
        await asyncio.sleep(0.1)
        call.pauses("是不是", 900)
        await asyncio.sleep(0.1)
        call.ends("是不是打错了", 1400)
        await asyncio.sleep(1)

    call = carry(story)
    assert [one.text for one in call.utterances()] == ["是不是打错了"]


@pytest.mark.parametrize(("failure", "n_asked"), [("died", 2), ("busy", 2), ("late", 1)])
def test_a_guess_that_fails_is_made_good_unless_time_is_up(failure: str, n_asked: int) -> None:
    async def story(call: Call) -> None:
        call.begins()
        call.pauses(failure)
        await asyncio.sleep(0.3)
        call.ends("不行")
        await asyncio.sleep(1)

    call = carry(story)
    (utterance,) = call.utterances()
    assert utterance.text == ("不行" if n_asked == 2 else "")
    assert len(call.ears.expected) == n_asked


def test_no_guess_is_made_while_every_recogniser_works() -> None:
    ears = Ears()
    ears.is_idle = False

    async def story(call: Call) -> None:
        call.begins()
        call.pauses("是")
        await asyncio.sleep(0.3)
        assert not ears.expected
        call.ends("是")
        await asyncio.sleep(1)

    assert [one.text for one in carry(story, ears).utterances()] == ["是"]


@pytest.mark.parametrize("failure", ["late", "died", "busy", ""])
def test_a_recogniser_that_fails_costs_one_answer(failure: str) -> None:
    async def story(call: Call) -> None:
        call.says(failure)
        await asyncio.sleep(1)
        call.says("不行")
        await asyncio.sleep(1)

    call = carry(story)
    lost, understood = call.utterances()
    assert (lost.text, lost.intents) == ("", ())
    assert understood.intents[0].name == "deny"


def test_an_understanding_that_breaks_costs_one_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Keywords.understand

    def breaks(self: Keywords, text: str, **about: Any) -> Meaning:
        if text == "坏":
            raise ZeroDivisionError("坏")
        return whole(self, text, **about)

    monkeypatch.setattr(Keywords, "understand", breaks)

    async def story(call: Call) -> None:
        call.says("坏")
        await asyncio.sleep(1)
        call.says("不行")
        await asyncio.sleep(1)

    call = carry(story)
    lost, understood = call.utterances()
    assert lost.intents == ()
    assert understood.intents[0].name == "deny"


def test_answers_come_in_the_order_in_which_they_were_said_and_each_once() -> None:
    async def story(call: Call) -> None:
        for number in range(12):
            call.says(f"是{number}")
        await asyncio.sleep(20)

    call = carry(story, Ears(slow_s=1.0))
    told = call.utterances()
    assert len(told) == 12
    recognised = [one.text for one in told if one.text]
    assert recognised == [f"是{number}" for number in range(len(recognised))]
    assert MOST_WAITING <= len(recognised) <= MOST_WAITING + 1


def test_who_goes_on_before_an_answer_is_heard_out_as_one() -> None:
    """The recogniser has the first half when the second begins: it is answered with the second, to its own question."""

    async def story(call: Call) -> None:
        call.says("是的")
        await asyncio.sleep(0.2)
        call.begins(900)
        call.talk.asked = Asked.DATE
        await asyncio.sleep(1)
        assert not call.utterances(), "the callee still speaks"
        call.ends("不过", 600, begun_ms=900)
        await asyncio.sleep(1)

    call = carry(story)
    (told,) = call.utterances()
    assert told.text == "是的不过", (
        "the pause is shorter than what is kept around the words: nothing is put in"
    )
    assert [asked for _, _, asked, _ in call.understands.told] == [Asked.IDENTITY] * 2
    (note,) = call.notes("utterance")
    assert note["ms"] == 1500, "from the first word to the last"


def test_the_pause_between_two_halves_is_kept() -> None:
    async def story(call: Call) -> None:
        call.says("是")
        call.begins(1400)  # 1000 ms later, of which the utterances' margins cover 540
        call.ends("不", begun_ms=1400)
        await asyncio.sleep(2)

    (told,) = carry(story).utterances()
    assert told.text == "是" + "\0" * (460 * 16) + "不"


def test_what_is_understood_only_without_its_end_is_not_lost() -> None:
    async def story(call: Call) -> None:
        call.says("是的")
        call.begins(900)
        await asyncio.sleep(0.5)
        call.ears.fails_on = "嗯"
        call.ends("嗯", 300, begun_ms=900)
        await asyncio.sleep(1)

    (told,) = carry(story).utterances()
    assert (told.text, told.intents[0].name) == ("是的", "affirm")


@pytest.mark.parametrize(
    ("begins_ms", "lasts_ms", "wait_s"),
    [
        pytest.param(900, 400, 1.0, id="it was answered meanwhile"),
        pytest.param(2500, 400, 0.2, id="it is long ago"),
        pytest.param(900, 14_500, 0.2, id="together they are too long"),
    ],
)
def test_what_was_said_apart_is_answered_apart(begins_ms: int, lasts_ms: int, wait_s: float) -> None:
    async def story(call: Call) -> None:
        call.says("是")
        await asyncio.sleep(wait_s)
        call.begins(begins_ms)
        await asyncio.sleep(1)
        call.ends("不", lasts_ms, begun_ms=begins_ms)
        await asyncio.sleep(1)

    assert [told.text for told in carry(story).utterances()] == ["是", "不"]


def test_the_question_is_the_one_that_stood_when_the_callee_began() -> None:
    async def story(call: Call) -> None:
        call.audio.tell([SpeechStarted(at_ms=0)])
        await asyncio.sleep(0.1)
        call.talk.asked = Asked.DATE
        call.ends("是")
        await asyncio.sleep(1)

    assert carry(story).understands.told[0][2] is Asked.IDENTITY


def test_figures_that_may_be_the_secret_are_not_kept() -> None:
    async def story(call: Call) -> None:
        call.talk.asked = Asked.DIGITS
        call.says("四一零一")
        await asyncio.sleep(1)

    call = carry(story)
    assert call.utterances()[0].text == "四一零一"
    assert call.notes("utterance")[0]["text"] == ""
    assert "四一零一" not in repr(call.session.events) + repr(call.talk.heard)


def test_the_sound_is_told_how_patient_to_be() -> None:
    async def story(call: Call) -> None:
        call.says("是")
        await asyncio.sleep(1)
        call.talk.asked = Asked.DIGITS
        call.says("是")
        await asyncio.sleep(1)

    call = carry(story)
    assert [order.patience for order in call.audio.orders if isinstance(order, Listen)] == [
        Patience.ANSWER,
        Patience.DIGITS,
    ]


def test_a_yes_to_one_question_is_no_answer_to_the_next() -> None:
    """The text came late: the box has asked something else since. To stop is to stop at any time."""

    async def story(call: Call) -> None:
        call.says("是别")
        await asyncio.sleep(0.1)
        call.talk.asked = Asked.CONFIRM
        await asyncio.sleep(1)

    (utterance,) = carry(story).utterances()
    assert [intent.name for intent in utterance.intents] == ["opt_out"]


def test_a_cough_is_not_asked_about() -> None:
    async def story(call: Call) -> None:
        call.says("", duration_ms=180)
        call.says("", duration_ms=600)
        call.says("是", duration_ms=180)
        await asyncio.sleep(3)

    assert [one.text for one in carry(story).utterances()] == ["", "是"]


def test_nothing_is_recognised_for_a_call_that_is_over() -> None:
    async def story(call: Call) -> None:
        call.says("是")
        await asyncio.sleep(0.1)

    call = carry(story, Ears(slow_s=5.0))
    assert call.utterances() == []


@pytest.mark.parametrize("asked", list(Asked))
def test_every_question_has_a_patience(asked: Asked) -> None:
    assert patience_for(asked) in Patience
