"""Placing a call: what is refused, what is given up, and that nothing goes on ringing."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from modem_drivers.errors import (
    AudioPathError,
    CallRefusedError,
    CommandTimeoutError,
    ForbiddenCommandError,
    LocalProtocolError,
    NoSimError,
    SimLockedError,
)
from modem_drivers.events import CallProgress, Dialing, Released, ReleaseKind
from modem_drivers.modem import Modem, ModemCall, SimState

NUMBER = "+8613800000001"
Run = Callable[..., Any]
ReadEvents = Callable[[ModemCall], Any]


async def opened(far_end: Any) -> Modem:
    return await Modem.open(far_end.port, now_s=asyncio.get_running_loop().time)


def kinds(events: list[CallProgress]) -> list[type]:
    return [type(event) for event in events]


def test_a_dial_that_is_cancelled_is_hung_up(run_virtual: Run, table_modem: Run) -> None:
    """The telephone may ring by then: somebody has to end it."""

    async def scenario() -> None:
        far_end = table_modem()
        modem = await opened(far_end)
        far_end.answers[f"ATD{NUMBER};"] = ["+CGEV: NW ACT 8,10"]
        dialling = asyncio.create_task(modem.dial(NUMBER))
        await asyncio.sleep(3)
        far_end.list_call(3)
        dialling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await dialling
        del far_end.answers[f"ATD{NUMBER};"]
        second = await modem.dial(NUMBER)
        first_atd = far_end.commands.index(f"ATD{NUMBER};")
        assert "AT+CHUP" in far_end.commands[first_atd:], "ended before the next was placed"
        await second.hang_up()
        await modem.close()

    run_virtual(scenario())


def test_a_dial_nobody_answers_ends_in_time_and_is_hung_up(run_virtual: Run, table_modem: Run) -> None:
    async def scenario() -> None:
        far_end = table_modem()
        modem = await opened(far_end)
        far_end.answers[f"ATD{NUMBER};"] = []
        started_s = asyncio.get_running_loop().time()
        with pytest.raises(CommandTimeoutError, match="…01"):
            await modem.dial(NUMBER)
        assert asyncio.get_running_loop().time() - started_s <= 90.1
        await asyncio.sleep(10)
        assert "AT+CHUP" in far_end.commands
        await modem.close()

    run_virtual(scenario())


def test_a_dial_the_modem_refuses(run_virtual: Run, table_modem: Run) -> None:
    async def scenario() -> None:
        far_end = table_modem()
        modem = await opened(far_end)
        far_end.answers[f"ATD{NUMBER};"] = ["+CME ERROR: 30"]
        with pytest.raises(CallRefusedError) as caught:
            await modem.dial(NUMBER)
        assert caught.value.code == 30
        assert NUMBER not in str(caught.value)
        del far_end.answers[f"ATD{NUMBER};"]
        call = await modem.dial(NUMBER)
        await call.hang_up()
        await modem.close()

    run_virtual(scenario())


@pytest.mark.parametrize(
    ("result", "kind"), [("BUSY", ReleaseKind.BUSY), ("NO CARRIER", ReleaseKind.UNKNOWN)]
)
def test_a_dial_command_that_ends_in_a_call_result_was_a_call(
    run_virtual: Run, table_modem: Run, call_events: ReadEvents, result: str, kind: ReleaseKind
) -> None:
    async def scenario() -> None:
        far_end = table_modem()
        modem = await opened(far_end)
        far_end.answers[f"ATD{NUMBER};"] = [result]
        events = await call_events(await modem.dial(NUMBER))
        assert kinds(events) == [Dialing, Released]
        assert events[-1].kind is kind
        await modem.close()

    run_virtual(scenario())


@pytest.mark.parametrize(
    ("sim", "error"),
    [
        (SimState.ABSENT, NoSimError),
        (SimState.PIN_REQUIRED, SimLockedError),
        (SimState.PUK_REQUIRED, SimLockedError),
    ],
)
def test_no_call_without_a_working_sim(
    run_virtual: Run, table_modem: Run, sim: SimState, error: type[Exception]
) -> None:
    async def scenario() -> None:
        far_end = table_modem()
        modem = await opened(far_end)
        modem.standing.sim = sim
        with pytest.raises(error):
            await modem.dial(NUMBER)
        assert not any(command.startswith("ATD") for command in far_end.commands)
        await modem.close()

    run_virtual(scenario())


def test_what_is_not_a_number_never_reaches_the_modem(run_virtual: Run, table_modem: Run) -> None:
    async def scenario() -> None:
        far_end = table_modem()
        modem = await opened(far_end)
        for number in ("", "abc", "+86138;AT+CHUP", "13800000001\r", "112", "*100#"):
            with pytest.raises((LocalProtocolError, ForbiddenCommandError)):
                await modem.dial(number)
        assert not any("ATD" in command for command in far_end.commands)
        await modem.close()

    run_virtual(scenario())


def test_one_call_at_a_time_and_a_pause_before_the_next(
    run_virtual: Run, table_modem: Run, call_events: ReadEvents
) -> None:
    async def scenario() -> None:
        far_end = table_modem()
        modem = await opened(far_end)
        call = await modem.dial(NUMBER)
        with pytest.raises(LocalProtocolError, match="one call"):
            await modem.dial(NUMBER)
        await call.hang_up()
        ended_at_s = (await call_events(call))[-1].at_s
        await modem.dial(NUMBER)
        dialled_at_s = [at_s for at_s, command in far_end.heard if command.startswith("ATD")]
        assert dialled_at_s[-1] - ended_at_s >= 2.0
        await modem.close()

    run_virtual(scenario())


def test_somebody_calling_in_holds_up_the_call(run_virtual: Run, table_modem: Run) -> None:
    async def scenario() -> None:
        far_end = table_modem()
        far_end.list_call(4, direction=1)
        modem = await opened(far_end)
        with pytest.raises(CallRefusedError, match="calling in"):
            await modem.dial(NUMBER)
        assert "AT+CHUP" not in far_end.commands
        await modem.close()

    run_virtual(scenario())


def test_an_audio_path_armed_before_dialling(run_virtual: Run, table_modem: Run) -> None:
    async def scenario() -> None:
        far_end = table_modem("Quectel", "EC25")
        modem = await opened(far_end)
        far_end.answers["AT+QPCMV=0"] = ["ERROR"]
        call = await modem.dial(NUMBER)
        order = far_end.commands
        assert order.index("AT+QPCMV=0") < order.index("AT+QPCMV=1,0") < order.index(f"ATD{NUMBER};")
        await call.open_audio()
        await call.hang_up()
        await modem.close()
        assert far_end.commands[-1] == "AT+QPCMV=0"

    run_virtual(scenario())


def test_an_unarmed_audio_path_means_no_call(run_virtual: Run, table_modem: Run) -> None:
    async def scenario() -> None:
        far_end = table_modem("Quectel", "EC25")
        far_end.answers["AT+QPCMV=1,0"] = ["ERROR"]
        modem = await opened(far_end)
        with pytest.raises(AudioPathError):
            await modem.dial(NUMBER)
        assert f"ATD{NUMBER};" not in far_end.commands
        await modem.close()

    run_virtual(scenario())
