"""Lines and messages: one at a time, not while a call is on, nothing twice, and the reader is never ahead of the writer."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any

import pytest

from firmware.calls.borrowing import LineBusyError
from firmware.lines.line import LineNotReadyError, LineReport, LineStatus
from firmware.lines.texting import (
    Delivery,
    TextEvent,
    TextNotSentError,
    TextReceived,
    TextReported,
    TextUncertainError,
)
from firmware.sms.carrier import MOST_IN_A_ROW, Carrier
from firmware.sms.contracts import ToSend
from firmware.sms.desk import Looked
from firmware.store.errors import StoreError
from firmware.values import E164, LineId
from tests.scenarios.virtual_time import run_virtually

NUMBER = E164("+8613123456701")


class Message:
    def __init__(self, sms: str) -> None:
        self.sms = sms


class Paper:
    """A desk on paper: what waits, and what was said of each message."""

    def __init__(self, *waiting: str) -> None:
        self.waiting = list(waiting)
        self.said: list[tuple[Any, ...]] = []
        self.answers: dict[str, Looked] = {}
        self.fails = 0
        self.mark_s = 0.0
        self.looks_s = 0.0
        self.only_on: dict[str, str] = {}
        self.n_looks = 0

    async def next_due_s(self) -> float | None:
        return 0.0 if self.waiting else None

    async def why_not_sending(self) -> str:
        return ""

    async def due(self) -> list[Message]:
        if self.fails:
            self.fails -= 1
            raise StoreError("the disk is full")
        return [Message(each) for each in self.waiting]

    async def prepare(self, sms: str, line: LineReport, own: frozenset[str]) -> ToSend | Looked:
        assert own == {"+8613912345678"}
        self.n_looks += 1
        await asyncio.sleep(self.looks_s)
        if sms in self.answers:
            return self.answers[sms]
        if self.only_on.get(sms, line.line) != line.line:
            return Looked.OTHER_LINE
        self.waiting.remove(sms)
        self.said.append(("reserved", sms, str(line.line)))
        return ToSend(sms=sms, number=NUMBER, text=f"text of {sms}")

    async def sent(self, sms: str, references: tuple[int, ...]) -> None:
        await asyncio.sleep(self.mark_s)
        self.said.append(("sent", sms, references))

    async def uncertain(self, sms: str, references: tuple[int, ...], reason: str) -> None:
        self.said.append(("uncertain", sms, references, reason))

    async def not_sent(self, sms: str, reason: str, *, may_pass: bool) -> None:
        self.said.append(("not_sent", sms, reason, may_pass))

    async def close_cut_short(self) -> int:
        self.said.append(("closed",))
        return 0

    async def expire(self) -> None:
        pass


class Line:
    """A line that takes a second a message, and says what a test has it say."""

    def __init__(self, name: str = "line-1") -> None:
        self.line_id = LineId(name)
        self.report = LineReport(line=self.line_id, status=LineStatus.READY, number=E164("+8613912345678"))
        self.errors: list[Exception] = []
        self.texted: list[str] = []
        self.coming: asyncio.Queue[TextEvent] = asyncio.Queue()
        self.takes_s = 1.0
        self.at_once = 0

    async def send_text(self, number: E164, text: str) -> tuple[int, ...]:
        assert number == NUMBER
        self.at_once += 1
        assert self.at_once == 1
        self.texted.append(text)
        await asyncio.sleep(self.takes_s)
        self.at_once -= 1
        if self.errors:
            raise self.errors.pop(0)
        return (len(self.texted),)

    async def texts(self) -> AsyncGenerator[TextEvent, None]:
        while True:
            yield await self.coming.get()


class Inbox:
    def __init__(self, paper: Paper) -> None:
        self.paper = paper
        self.fails = 0

    async def reported(self, _line: LineReport, report: TextReported) -> None:
        self.paper.said.append(("reported", report.reference))

    async def received(self, _line: LineReport, text: TextReceived) -> None:
        if text.text == "poison":
            raise UnicodeError("no letter of any alphabet")
        if self.fails:
            self.fails -= 1
            raise StoreError("the disk is full")
        self.paper.said.append(("received", text.text))


@contextlib.asynccontextmanager
async def free(_line: LineId, *, deadline_s: float) -> AsyncIterator[None]:
    del deadline_s
    yield


@contextlib.asynccontextmanager
async def carried(
    paper: Paper, *lines: Line, taken: Any = free, why_idle: Callable[[LineId], str] = lambda _line: ""
) -> AsyncIterator[Carrier]:
    desk: Any = paper
    inbox: Any = Inbox(paper)
    carrier = Carrier(lines, desk=desk, inbox=inbox, taken=taken, why_idle=why_idle)
    task = asyncio.create_task(carrier.run())
    try:
        yield carrier
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (LineNotReadyError("gone"), ("not_sent", "a", "line_not_ready", True)),
        (TextNotSentError("CMS 500", may_pass=True), ("not_sent", "a", "CMS 500", True)),
        (TextNotSentError("forbidden", may_pass=False), ("not_sent", "a", "forbidden", False)),
        (TextUncertainError("port closed", (7,)), ("uncertain", "a", (7,), "port closed")),
        (RuntimeError("a bug"), ("uncertain", "a", (), "fault")),
    ],
)
def test_what_a_line_says_is_written_down(error: Exception, said: tuple[Any, ...]) -> None:
    async def story() -> None:
        paper, line = Paper("a"), Line()
        line.errors.append(error)
        async with carried(paper, line):
            await asyncio.sleep(5)
        assert paper.said == [("closed",), ("reserved", "a", "line-1"), said]

    run_virtually(story())


def test_a_modem_that_never_answers_leaves_it_uncertain() -> None:
    async def story() -> None:
        paper, line = Paper("a"), Line()
        line.takes_s = 1e6
        async with carried(paper, line):
            await asyncio.sleep(700)
        assert paper.said[-1] == ("uncertain", "a", (), "no answer in time")

    run_virtually(story())


def test_lines_share_what_waits_and_send_one_at_a_time_each() -> None:
    async def story() -> None:
        names = [f"m{n}" for n in range(12)]
        paper, lines = Paper(*names), (Line("line-1"), Line("line-2"))
        paper.answers = {"other": Looked.OTHER_LINE}
        paper.waiting.insert(0, "other")
        async with carried(paper, *lines):
            await asyncio.sleep(30)
        texted = [text for line in lines for text in line.texted]
        assert sorted(texted) == sorted(f"text of {name}" for name in names), "each once"
        assert min(len(line.texted) for line in lines) >= MOST_IN_A_ROW

    run_virtually(story())


def test_a_text_that_another_line_was_looking_at_goes_out_at_once_all_the_same() -> None:
    """Every line wakes when a call orders a text: whose it is may come upon it while a stranger looks at it."""

    async def story() -> None:
        for owner in ("line-1", "line-2", "line-3", "line-4"):
            paper, lines = Paper("a"), [Line(f"line-{n}") for n in range(1, 5)]
            paper.looks_s, paper.only_on = 0.01, {"a": owner}
            async with carried(paper, *lines):
                await asyncio.sleep(2)
            assert paper.said[1:] == [("reserved", "a", owner), ("sent", "a", (1,))]

    run_virtually(story())


def test_a_text_that_is_no_lines_is_not_looked_at_for_ever() -> None:
    async def story() -> None:
        paper, lines = Paper("a"), [Line(f"line-{n}") for n in range(1, 5)]
        paper.looks_s, paper.only_on = 0.01, {"a": "line-9"}
        async with carried(paper, *lines):
            await asyncio.sleep(50)
        assert 1 <= paper.n_looks <= 8

    run_virtually(story())


def test_a_busy_line_waits_and_leaves_the_message_to_an_idle_one() -> None:
    async def story() -> None:
        paper, busy, idle = Paper("a"), Line("line-1"), Line("line-2")

        @contextlib.asynccontextmanager
        async def taken(line: LineId, *, deadline_s: float) -> AsyncIterator[None]:
            if line == "line-1":
                await asyncio.sleep(deadline_s)
                raise LineBusyError("a call is up")
            yield

        async with carried(paper, busy, idle, taken=taken):
            await asyncio.sleep(5)
            assert (busy.texted, idle.texted) == ([], ["text of a"])

    run_virtually(story())


def test_nothing_is_begun_when_told_to_stop_and_what_is_on_its_way_ends() -> None:
    async def story() -> None:
        paper, line = Paper("a", "b"), Line()
        async with carried(paper, line) as carrier:
            await asyncio.sleep(0.5)
            assert carrier.n_sending == 1
            await carrier.finish(deadline_s=10)
            assert (carrier.n_sending, paper.said[-1]) == (0, ("sent", "a", (1,)))
            carrier.wake()
            await asyncio.sleep(60)
            assert paper.waiting == ["b"]

    run_virtually(story())


def test_a_report_is_taken_once_its_message_is_written_down() -> None:
    """The network may be quicker than the disk; and what a full disk keeps out is asked for again."""

    async def story() -> None:
        paper, line = Paper("a"), Line()
        paper.mark_s, paper.fails = 3.0, 1
        async with carried(paper, line):
            await asyncio.sleep(6)  # the disk refused first
            report = TextReported(
                reference=1, recipient=NUMBER, delivery=Delivery.DELIVERED, status=0, at=None
            )
            line.coming.put_nowait(report)
            await asyncio.sleep(10)
        assert paper.said[1:] == [("reserved", "a", "line-1"), ("sent", "a", (1,)), ("reported", 1)]

    run_virtually(story())


def test_one_text_that_cannot_be_handled_keeps_no_other_away() -> None:
    async def story() -> None:
        paper, line = Paper(), Line()
        async with carried(paper, line):
            for text in ("poison", "STOP"):
                line.coming.put_nowait(
                    TextReceived(sender=NUMBER, text=text, sent_at=None, is_from_word=False)
                )
            await asyncio.sleep(1)
        assert paper.said[1:] == [("received", "STOP")]

    run_virtually(story())


def test_a_line_that_is_held_or_not_ready_sends_nothing() -> None:
    async def story() -> None:
        held, sick = Line("line-1"), Line("line-2")
        sick.report = LineReport(line=sick.line_id, status=LineStatus.FAULTED, number=held.report.number)
        paper = Paper("a")
        async with carried(
            paper, held, sick, why_idle=lambda line: "the office said so" if line == "line-1" else ""
        ):
            await asyncio.sleep(120)
        assert paper.waiting == ["a"]

    run_virtually(story())
