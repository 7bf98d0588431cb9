"""What becomes of a call when the modem forgets, contradicts itself, falls silent or dies."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modem_drivers.errors import (
    AudioPathError,
    CallRefusedError,
    LocalProtocolError,
    PortClosedError,
)
from modem_drivers.events import Active, Alerting, CallProgress, Dialing, Dtmf, Released, ReleaseKind
from modem_drivers.modem import Modem, ModemCall

NUMBER = "+8613800000001"
Run = Callable[..., Any]
ReadEvents = Callable[[ModemCall], Any]


async def opened(far_end: Any) -> Modem:
    return await Modem.open(far_end.port, now_s=asyncio.get_running_loop().time)


def kinds(events: list[CallProgress]) -> list[type]:
    return [type(event) for event in events]


def test_a_call_seen_only_by_polling(run_virtual: Run, table_modem: Run, call_events: ReadEvents) -> None:
    """All URCs lost: AT+CLCC alone gives every step and, missing twice, the end."""

    async def scenario() -> None:
        far_end = table_modem()
        modem = await opened(far_end)
        loop = asyncio.get_running_loop()
        far_end.answers["AT+CEER"] = ["+CEER: Normal call clearing", "OK"]
        for delay_s, act in ((5, lambda: far_end.list_call(3)), (9, lambda: far_end.list_call(0))):
            loop.call_later(delay_s, act)
        loop.call_later(15, far_end.calls.clear)
        loop.call_later(15, lambda: setattr(far_end, "calls", []))
        call = await modem.dial(NUMBER)
        events = await call_events(call)
        assert kinds(events) == [Dialing, Alerting, Active, Released]
        assert (events[-1].kind, events[-1].q850) == (ReleaseKind.ANSWERED_REMOTE, 16)
        assert [round(event.at_s - events[0].at_s) for event in events[1:]] == [6, 10, 18]
        assert far_end.commands.index("AT+CEER") < far_end.commands.index("AT+CHUP"), (
            "asked before we hang up too"
        )
        await modem.close()

    run_virtual(scenario())


def test_no_carrier_while_the_call_is_still_listed_is_not_its_end(
    run_virtual: Run, table_modem: Run, call_events: ReadEvents
) -> None:
    async def scenario() -> None:
        far_end = table_modem()
        modem = await opened(far_end)
        call = await modem.dial(NUMBER)
        far_end.say("NO CARRIER")
        await asyncio.sleep(5)
        assert not call.is_over
        far_end.list_call(3)
        await asyncio.sleep(5)
        far_end.calls = []
        far_end.say("BUSY", "NO CARRIER")
        events = await call_events(call)
        assert kinds(events) == [Dialing, Alerting, Released]
        assert events[-1].kind is ReleaseKind.BUSY, "the word that says more wins over NO CARRIER"
        await modem.close()

    run_virtual(scenario())


def test_the_lines_of_one_end_are_waited_for(
    run_virtual: Run, table_modem: Run, call_events: ReadEvents
) -> None:
    """NO CARRIER may come before VOICE CALL: END, whose duration alone tells of the answer."""

    async def scenario() -> None:
        far_end = table_modem()
        modem = await opened(far_end)
        call = await modem.dial(NUMBER)
        far_end.calls = []
        far_end.say("NO CARRIER")
        asyncio.get_running_loop().call_later(0.2, far_end.say, "VOICE CALL: END: 000004")
        events = await call_events(call)
        assert (events[-1].kind, events[-1].saw_active) == (ReleaseKind.ANSWERED_REMOTE, True)
        await modem.close()

    run_virtual(scenario())


def test_a_release_that_falls_into_the_answer_of_a_poll_is_seen(
    run_virtual: Run, table_modem: Run, call_events: ReadEvents
) -> None:
    async def scenario() -> None:
        far_end = table_modem()
        modem = await opened(far_end)
        call = await modem.dial(NUMBER)
        await asyncio.sleep(1)
        started_s = asyncio.get_running_loop().time()
        far_end.list_call(6)
        events = await call_events(call)
        assert events[-1].at_s - started_s < 2, "no second poll is waited for"
        assert events[-1].kind is ReleaseKind.UNKNOWN
        await modem.close()

    run_virtual(scenario())


@pytest.mark.parametrize("works", [{"AT+CHUP", "ATH"}, {"ATH"}], ids=["first rung", "second rung"])
def test_hanging_up_is_verified(
    run_virtual: Run, table_modem: Run, call_events: ReadEvents, works: set[str]
) -> None:
    async def scenario() -> None:
        far_end = table_modem()
        far_end.hang_up_works = works
        modem = await opened(far_end)
        call = await modem.dial(NUMBER)
        await asyncio.sleep(3)
        await asyncio.gather(call.hang_up(), call.hang_up())
        await call.hang_up()
        assert call.is_over
        assert far_end.calls == []
        events = await call_events(call)
        assert events[-1].kind is ReleaseKind.LOCAL
        await modem.close()

    run_virtual(scenario())


def test_a_call_that_cannot_be_ended_is_our_fault_and_blocks_the_next(
    run_virtual: Run, table_modem: Run, call_events: ReadEvents
) -> None:
    async def scenario() -> None:
        far_end = table_modem()
        far_end.hang_up_works = set()
        modem = await opened(far_end)
        call = await modem.dial(NUMBER)
        started_s = asyncio.get_running_loop().time()
        await call.hang_up()
        assert asyncio.get_running_loop().time() - started_s < 45
        assert (await call_events(call))[-1].kind is ReleaseKind.LOCAL_FAULT
        with pytest.raises(CallRefusedError, match="left behind"):
            await modem.dial(NUMBER)
        assert far_end.commands.count(f"ATD{NUMBER};") == 1
        await modem.close()

    run_virtual(scenario())


def test_a_modem_that_falls_silent_in_a_call(
    run_virtual: Run, table_modem: Run, call_events: ReadEvents
) -> None:
    async def scenario() -> None:
        far_end = table_modem()
        modem = await opened(far_end)
        call = await modem.dial(NUMBER)
        far_end.is_deaf = True
        events = await call_events(call)
        assert events[-1].kind is ReleaseKind.LOCAL_FAULT
        assert 30 <= events[-1].at_s - events[0].at_s < 90
        assert {"AT+CHUP", "ATH"} <= set(far_end.commands), "it may still hear"
        await modem.close()

    run_virtual(scenario())


@pytest.mark.parametrize("cut", ["cable", "reboot"])
def test_a_modem_that_leaves_in_a_call(
    run_virtual: Run, table_modem: Run, call_events: ReadEvents, cut: str
) -> None:
    async def scenario() -> None:
        far_end = table_modem()
        modem = await opened(far_end)
        call = await modem.dial(NUMBER)
        far_end.list_call(0)
        await asyncio.sleep(5)
        if cut == "cable":
            far_end.port.break_off()
        else:
            far_end.say("RDY")
        started_s = asyncio.get_running_loop().time()
        events = await call_events(call)
        assert asyncio.get_running_loop().time() - started_s < 0.1
        assert kinds(events) == [Dialing, Active, Released]
        assert (events[-1].kind, events[-1].saw_active) == (ReleaseKind.LOCAL_FAULT, True)
        await modem.wait_closed()
        assert not modem.is_open
        with pytest.raises(PortClosedError):
            await modem.dial(NUMBER)
        await modem.close()

    run_virtual(scenario())


def test_closing_the_modem_ends_the_call(run_virtual: Run, table_modem: Run, call_events: ReadEvents) -> None:
    async def scenario() -> None:
        far_end = table_modem()
        async with await opened(far_end) as modem:
            call = await modem.dial(NUMBER)
        assert far_end.calls == []
        assert (await call_events(call))[-1].kind is ReleaseKind.LOCAL
        await modem.close()

    run_virtual(scenario())


def test_the_audio_path_is_asked_for_until_the_cap(run_virtual: Run, table_modem: Run) -> None:
    async def scenario() -> None:
        far_end = table_modem()
        modem = await opened(far_end)
        far_end.answers["AT+CPCMREG=1"] = ["ERROR"]
        call = await modem.dial(NUMBER)
        started_s = asyncio.get_running_loop().time()
        with pytest.raises(AudioPathError):
            await call.open_audio()
        assert 12 <= asyncio.get_running_loop().time() - started_s <= 13
        assert call.audio_tries > 30
        del far_end.answers["AT+CPCMREG=1"]
        await call.open_audio()
        await call.close_audio()
        await call.close_audio()
        assert far_end.commands.count("AT+CPCMREG=0") == 1
        far_end.answers["AT+CPCMREG=1"] = ["ERROR"]
        opening = asyncio.create_task(call.open_audio())
        await asyncio.sleep(1)
        await call.hang_up()
        with pytest.raises(AudioPathError, match="ended before"):
            await opening
        await modem.close()

    run_virtual(scenario())


def test_keys_are_sent_one_by_one_with_a_gap(run_virtual: Run, table_modem: Run) -> None:
    async def scenario() -> None:
        far_end = table_modem()
        modem = await opened(far_end)
        call = await modem.dial(NUMBER)
        await call.send_dtmf("1#")
        sent = [(at_s, command) for at_s, command in far_end.heard if "VTS" in command]
        assert [command for _, command in sent] == ['AT+VTS="1"', 'AT+VTS="#"']
        assert sent[1][0] - sent[0][0] == pytest.approx(0.15)
        with pytest.raises(LocalProtocolError):
            await call.send_dtmf('1"')
        await call.hang_up()
        with pytest.raises(LocalProtocolError, match="over"):
            await call.send_dtmf("1")
        await modem.close()

    run_virtual(scenario())


def test_a_flood_of_keys_costs_no_memory_and_no_progress(
    run_virtual: Run, table_modem: Run, call_events: ReadEvents
) -> None:
    async def scenario() -> None:
        far_end = table_modem()
        modem = await opened(far_end)
        call = await modem.dial(NUMBER)
        for _ in range(10):
            far_end.say(*["+RXDTMF: 5"] * 200)
            await asyncio.sleep(0.01)
        far_end.list_call(0)
        await asyncio.sleep(3)
        await call.hang_up()
        events = await call_events(call)
        assert sum(isinstance(event, Dtmf) for event in events) <= 128
        assert [kind for kind in kinds(events) if kind is not Dtmf] == [Dialing, Active, Released]
        await modem.close()

    run_virtual(scenario())


NOISE = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [
            b"\r\nNO CARRIER\r\n",
            b"\r\nOK\r\n",
            b"\r\nERROR\r\n",
            b"\r\n+CLCC: 1,0,6,0,0\r\n",
            b"\r\nVOICE CALL: END\r\n",
        ]
    ),
)


@given(bursts=st.lists(st.tuples(st.floats(0.01, 3.0), NOISE), max_size=12))
@settings(max_examples=60, deadline=None)
def test_whatever_comes_out_of_the_port_a_call_ends_when_it_ends_and_not_before(
    run_virtual: Run, table_modem: Run, call_events: ReadEvents, bursts: list[tuple[float, bytes]]
) -> None:
    """Stray results and rubbish neither end a call that is still listed nor keep one alive that is gone."""

    async def scenario() -> None:
        far_end = table_modem()
        modem = await opened(far_end)
        call = await modem.dial(NUMBER)
        far_end.list_call(0)
        for pause_s, noise in bursts:
            await asyncio.sleep(pause_s)
            far_end.port.feed(noise)
        await asyncio.sleep(20)
        assert not call.is_over
        far_end.calls = []
        gone_at_s = asyncio.get_running_loop().time()
        events = await call_events(call)
        assert events[-1].kind is ReleaseKind.ANSWERED_REMOTE
        assert events[-1].at_s - gone_at_s < 15
        await modem.close()

    run_virtual(scenario())
