"""Whom a callee may be put through to, what that agent hears first, and what of theirs takes a call: values in, values out."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from audio import events as sound
from audio.dsp.answer import AnswerClass
from audio.frame import NARROWBAND, silence
from audio.orders import AudioOrder, Play
from audio.ports.port import ClockSource, PortClock, PortStatistics
from firmware.calls.agent_leg import AgentLeg
from firmware.calls.agents import Agent, HandOverResult, Roster, Terms
from firmware.calls.office_hours import OfficeHours, open_span
from firmware.calls.whisper import Briefing, briefing_words, fitting, invitation
from firmware.lines.line import Active, Alerting, CallEvent, Ended, EndKind
from firmware.values import E164, LineId
from tests.scenarios.virtual_time import run_virtually

SHANGHAI = ZoneInfo("Asia/Shanghai")
TUESDAY_10 = datetime(2026, 11, 24, 10, 0, tzinfo=SHANGHAI)
WEEK = ("mon", "tue", "wed", "thu", "fri")
WANG = Agent(agent="wang", address="+8613900000001", languages=("zh-CN",), hours=None)
SMITH = replace(WANG, agent="smith", languages=("en", "zh"))
R = HandOverResult


def hours(opens: str, closes: str) -> OfficeHours:
    return OfficeHours(zone=SHANGHAI, spans=[open_span(WEEK, opens, closes)])


@pytest.mark.parametrize(
    ("agents", "language", "others", "why"),
    [
        pytest.param([WANG], "zh", {"l2"}, None, id="somebody"),
        pytest.param([WANG], "en", {"l2"}, R.NO_AGENT, id="not that language"),
        pytest.param(
            [replace(WANG, hours=hours("10:01", "18:00"))], "zh", {"l2"}, R.HOURS_CLOSED, id="early"
        ),
        pytest.param([replace(WANG, hours=hours("09:00", "10:00"))], "zh", {"l2"}, R.HOURS_CLOSED, id="late"),
        pytest.param([replace(WANG, hours=hours("10:00", "24:00"))], "zh", {"l2"}, None, id="just open"),
        pytest.param([WANG], "zh", set(), R.NO_LINE, id="one line"),
        pytest.param(
            [replace(WANG, lines=frozenset({LineId("l3")}))], "zh", {"l2"}, R.NO_LINE, id="not by it"
        ),
    ],
)
def test_why_nobody_is_there(
    agents: Sequence[Agent], language: str, others: set[LineId], why: HandOverResult | None
) -> None:
    assert Roster(agents=agents).why_nobody(language, TUESDAY_10, others) is why


def test_those_on_duty_keep_their_order() -> None:
    away = replace(WANG, agent="away", hours=hours("12:00", "13:00"))
    assert [a.agent for a in Roster(agents=[SMITH, away, WANG]).on_duty("zh-CN", TUESDAY_10)] == [
        "smith",
        "wang",
    ]


KNOWN = Briefing(name="王伟", reason="dispute", verified=True, language="zh-CN", promised=date(2026, 12, 4))


def test_before_the_key_nothing_of_the_callee_is_said() -> None:
    for language in ("zh-CN", "en"):
        assert "王" not in invitation(language)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("zh", "身份已核实。王伟。对账单有异议。已承诺"),
        ("en-GB", "Identity confirmed.王伟.Disputes the claim.Promised to pay on "),
        ("de", "Identity confirmed.王伟."),
    ],
)
def test_the_agent_hears_who_and_why(language: str, said: str) -> None:
    assert "".join(briefing_words(KNOWN, language)).startswith(said)


def test_what_only_the_person_may_hear_is_withheld_while_nobody_knows_who_it_is() -> None:
    words = briefing_words(replace(KNOWN, verified=False, reason="some_reason"), "en")
    assert words == ["Identity not confirmed: do not mention the debt.", "王伟.", "Asked for a person."]


@pytest.mark.parametrize(
    ("lengths_s", "said_s"),
    [
        pytest.param([1.5, 0.5, 1.5, 2.0], [1.5, 0.5, 1.5], id="the last does not fit"),
        pytest.param([1.5, 3.0, 1.0], [1.5, 1.0], id="a long name gives way to the reason"),
        pytest.param([5.0, 0.5], [5.0], id="what must not be said is said whole"),
    ],
)
def test_no_sentence_of_the_briefing_is_cut(lengths_s: list[float], said_s: list[float]) -> None:
    chosen = fitting([silence(round(8000 * seconds)) for seconds in lengths_s], 4.0)
    assert [len(clip) / 8000 for clip in chosen] == said_s


class ScriptedPort:
    """A port to an agent of whom is known at which second what is heard."""

    format = NARROWBAND
    clock = PortClock(source=ClockSource.LOOP, name="asyncio")

    def __init__(self, heard: Sequence[tuple[float, sound.AudioEvent]]) -> None:
        self._heard = heard
        self.orders: list[AudioOrder] = []
        self.is_stopped = False

    def start(self, call_audio: object, on_events: Callable[[list[sound.AudioEvent]], None]) -> None:
        loop = asyncio.get_running_loop()
        for after_s, event in self._heard:
            loop.call_later(after_s, on_events, [event])

    def order(self, order: AudioOrder) -> None:
        self.orders.append(order)

    async def stop(self) -> PortStatistics:
        self.is_stopped = True
        return PortStatistics(frames=1, late_frames=0, max_late_ms=0.0, dropped_in=0, overruns=0)


class ScriptedLine:
    """A line and its one call: rings for a second, then does what the script says until it is hung up."""

    line_id = LineId("l2")

    def __init__(
        self,
        heard: Sequence[tuple[float, sound.AudioEvent]],
        end: tuple[float, EndKind] | None,
        *,
        answers: bool,
    ) -> None:
        self.audio = ScriptedPort(heard)
        self.was_hung_up = asyncio.Event()
        self._end = end
        self._answers = answers

    async def dial(self, number: E164, *, ring_timeout_s: float) -> "ScriptedLine":
        assert (number, ring_timeout_s) == (WANG.number, 10.0)
        return self

    async def hang_up(self) -> None:
        self.was_hung_up.set()

    async def events(self) -> AsyncIterator[CallEvent]:
        yield Alerting(at_s=0.0)
        await asyncio.sleep(1)
        if self._answers:
            yield Active(at_s=1.0)
        try:
            async with asyncio.timeout(self._end[0] if self._end else None):
                await self.was_hung_up.wait()
        except TimeoutError:
            assert self._end is not None
            yield Ended(at_s=2.0, kind=self._end[1])
        else:
            yield Ended(at_s=2.0, kind=EndKind.RELEASED_BY_US)


def key(digit: str) -> sound.AudioEvent:
    return sound.DigitHeard(digit=digit, at_ms=0, duration_ms=100)


def spoke(ms: int) -> sound.AudioEvent:
    return sound.SpeechEnded(at_ms=0, duration_ms=ms)


def is_judged(answer: AnswerClass) -> sound.AudioEvent:
    nothing: Any = None
    return sound.AnswerClassified(
        at_ms=0, answer=answer, confidence=0.9, reason="greeting", features=nothing, subject=""
    )


INVITED = sound.PlayFinished(play_id=1, at_ms=0, played_ms=4000, interrupted=False)
HUMAN, MACHINE = is_judged(AnswerClass.HUMAN), is_judged(AnswerClass.MACHINE)
BEEP = sound.BeepHeard(at_ms=0, frequency_hz=1000.0)


def offered(
    heard: Sequence[tuple[float, sound.AudioEvent]] = (),
    end: tuple[float, EndKind] | None = None,
    *,
    answers: bool = True,
    by_speech: bool = False,
) -> tuple[HandOverResult, ScriptedLine]:
    async def told() -> tuple[HandOverResult, ScriptedLine]:
        there = ScriptedLine(heard, end, answers=answers)
        line: Any = there
        async with AgentLeg(line, WANG, Terms(accept_s=10, accepts_speech=by_speech), ring_s=10.0) as leg:
            result = await leg.rings() or await leg.asks(silence(8000))
        assert end is not None or there.was_hung_up.is_set(), "the line is free again"
        return result, there

    return run_virtually(told())


@pytest.mark.parametrize(
    ("kind", "result"),
    [
        (EndKind.BUSY, R.BUSY),
        (EndKind.NO_ANSWER, R.NO_ANSWER),
        (EndKind.POWERED_OFF, R.NO_ANSWER),
        (EndKind.REJECTED, R.DECLINED),
        (EndKind.NETWORK_FAULT, R.FAILED),
    ],
)
def test_an_agent_who_does_not_answer(kind: EndKind, result: HandOverResult) -> None:
    assert offered(end=(3, kind), answers=False)[0] is result


def test_a_line_that_says_nothing_does_not_keep_the_callee() -> None:
    assert offered(answers=False)[0] is R.FAILED


@pytest.mark.parametrize(
    ("heard", "result"),
    [
        pytest.param([(2, key("1"))], R.ANSWERED, id="1 takes it"),
        pytest.param([(2, key("2"))], R.DECLINED, id="2 declines"),
        pytest.param([(1, key("5")), (2, key("1"))], R.ANSWERED, id="a slip of the finger"),
        pytest.param([], R.NO_ANSWER, id="nothing"),
        pytest.param([(1, HUMAN), (4, INVITED), (5, spoke(600))], R.NO_ANSWER, id="a word is no key"),
        pytest.param([(1, MACHINE), (3, BEEP), (4, key("1"))], R.NO_ANSWER, id="a machine"),
        pytest.param([(1, sound.PortDied(at_ms=0, reason="gone"))], R.FAILED, id="its sound is lost"),
        pytest.param([(11, key("1"))], R.NO_ANSWER, id="too late"),
    ],
)
def test_only_the_key_takes_a_call(
    heard: list[tuple[float, sound.AudioEvent]], result: HandOverResult
) -> None:
    found, line = offered(heard)
    assert found is result
    assert line.audio.is_stopped
    assert sum(isinstance(order, Play) for order in line.audio.orders) == 2, "the invitation, and once more"


@pytest.mark.parametrize(
    ("heard", "result"),
    [
        pytest.param([(1, spoke(700)), (2, HUMAN), (4, INVITED), (5, spoke(600))], R.ANSWERED, id="a person"),
        pytest.param([(1, spoke(700)), (4, INVITED), (5, spoke(600))], R.NO_ANSWER, id="not judged a person"),
        pytest.param([(2, HUMAN), (4, INVITED), (5, spoke(60))], R.NO_ANSWER, id="a click"),
        pytest.param([(2, HUMAN), (4, INVITED), (9, spoke(5000))], R.NO_ANSWER, id="a whole greeting"),
        pytest.param(
            [(2, HUMAN), (3, spoke(3000)), (4, INVITED), (5, spoke(600))], R.NO_ANSWER, id="greets long"
        ),
        pytest.param(
            [(1, spoke(700)), (2, MACHINE), (4, INVITED), (5, spoke(600))], R.NO_ANSWER, id="a machine"
        ),
    ],
)
def test_where_a_word_takes_a_call_it_is_a_persons(
    heard: list[tuple[float, sound.AudioEvent]], result: HandOverResult
) -> None:
    assert offered(heard, by_speech=True)[0] is result


def test_who_hangs_up_has_declined() -> None:
    assert offered(end=(3, EndKind.RELEASED_BY_CALLEE))[0] is R.DECLINED
