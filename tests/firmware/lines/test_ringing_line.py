"""Somebody calls in on a GSM line: it is not ready meanwhile, and our own call never becomes one with a stranger."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from firmware.clock import SimulatedWorld
from firmware.lines.gsm_line import GsmLine
from firmware.lines.line import Active, Ended, EndKind, LineError, LineNotReadyError, LineStatus
from firmware.values import E164, LineId
from modem_drivers.simulator.modem import SimulatedModem
from modem_drivers.simulator.network import Network
from modem_drivers.simulator.people import HangUp, Pause, Person
from modem_drivers.simulator.personality import PERSONALITIES
from tests.scenarios.town import MemoryPorts
from tests.scenarios.virtual_time import run_virtually

OWN, CALLEE, CALLER = "+8613123456600", E164("+8613123456701"), "+8613755550123"
PEOPLE = (
    Person(number=CALLEE, ring_s=2, steps=(Pause(duration_s=3), HangUp())),
    Person(number=CALLER, ring_s=30, steps=(Pause(duration_s=5), HangUp())),
)
Ring = Callable[[], bool]


@asynccontextmanager
async def rung_line(
    family: str, *, answers: bool = True
) -> AsyncIterator[tuple[GsmLine[SimulatedWorld], Network, Ring]]:
    """A ready line, its network, and what lets the caller call."""
    loop = asyncio.get_running_loop()
    network = Network(PEOPLE)
    modem = SimulatedModem(
        PERSONALITIES[family],
        network,
        imei="356938035643800",
        number=OWN,
        schedule=loop.call_later,
        now_s=loop.time,
    )
    line = GsmLine(LineId("line-1"), MemoryPorts(modem, "modem-1"), now_s=loop.time)
    line.on_ringing = (lambda: None) if answers else None
    task = asyncio.create_task(line.serve())
    try:
        await until(lambda: line.report.status is LineStatus.READY)
        yield line, network, lambda: network.ring(OWN, CALLER, schedule=loop.call_later, now_s=loop.time)
    finally:
        task.cancel()
        await asyncio.wait([task])


async def until(holds: Callable[[], bool], *, within_s: float = 120.0) -> None:
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 - time is virtual
            await asyncio.sleep(0.05)


def run(story: Callable[[], Awaitable[None]]) -> None:
    async def told() -> None:
        await story()

    run_virtually(told())


@pytest.mark.parametrize("family", ["sim7600", "ec25"])
def test_a_line_that_rings_is_not_ready_until_it_is_over(family: str) -> None:
    async def story() -> None:
        async with rung_line(family) as (line, _network, ring):
            assert ring()
            await until(lambda: line.is_rung and line.caller == CALLER)
            assert line.report.status is LineStatus.IN_CALL
            with pytest.raises(LineNotReadyError):
                await line.dial(CALLEE, ring_timeout_s=20)
            await until(lambda: line.report.status is LineStatus.READY)  # they gave up
            with pytest.raises(LineNotReadyError, match="nobody"):
                await line.answer()

    run(story)


def test_a_caller_is_answered_and_the_line_is_ready_again() -> None:
    async def story() -> None:
        async with rung_line("sim7600") as (line, network, ring):
            assert ring()
            await until(lambda: line.is_rung)
            call = await line.answer()
            events = [event async for event in call.events()]
            assert [type(event) for event in events] == [Active, Ended]
            assert isinstance(events[-1], Ended)
            assert events[-1].kind is EndKind.RELEASED_BY_CALLEE
            await until(lambda: line.report.status is LineStatus.READY)
            assert [row["event"] for row in network.call_log.rows] == ["called", "answered", "released"]

    run(story)


def test_a_caller_who_is_turned_away_leaves_the_line_at_once() -> None:
    async def story() -> None:
        async with rung_line("ec25") as (line, network, ring):
            assert ring()
            await until(lambda: line.is_rung)
            await line.turn_away()
            assert line.report.status is LineStatus.READY
            assert network.call_log.rows[-1]["by"] == "callee"
            assert (await line.dial(CALLEE, ring_timeout_s=20)) is not None

    run(story)


def test_a_line_that_answers_nobody_is_as_ready_as_ever() -> None:
    async def story() -> None:
        async with rung_line("sim7600", answers=False) as (line, _network, ring):
            assert ring()
            await asyncio.sleep(2)
            assert (line.report.status, line.is_rung) == (LineStatus.READY, False)

    run(story)


@pytest.mark.parametrize("family", ["sim7600", "ec25"])
@pytest.mark.parametrize("after_s", [0.0, 0.001, 0.01, 0.03, 0.1, 0.3, 1.0])
def test_who_calls_while_we_dial_is_never_taken_for_who_we_called(family: str, after_s: float) -> None:
    """Glare: whatever comes first at the modem, the call is with whom we dialled, or there is none."""

    async def story() -> None:
        async with rung_line(family) as (line, network, ring):
            asyncio.get_running_loop().call_later(after_s, ring)
            was_active = False
            with suppress(LineError):
                call = await line.dial(CALLEE, ring_timeout_s=20)
                was_active = any([isinstance(event, Active) async for event in call.events()])
            answered = [row["number"] for row in network.call_log.rows if row["event"] == "answered"]
            assert answered == ([CALLEE] if was_active else [])
            await until(lambda: line.report.status is LineStatus.READY)

    run(story)
