"""A modem is found, set up and asked how it stands; what answers no AT is named and let go."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from modem_drivers.errors import (
    CommandTimeoutError,
    NotAModemError,
    PortClosedError,
)
from modem_drivers.modem import Modem, RegistrationState, SimState

NUMBER = "+8613800000001"
Run = Callable[..., Any]


async def opened(far_end: Any) -> Modem:
    return await Modem.open(far_end.port, now_s=asyncio.get_running_loop().time)


def test_opening_tells_who_and_how_the_modem_is(run_virtual: Run, table_modem: Run) -> None:
    async def scenario() -> None:
        async with await opened(table_modem()) as modem:
            assert modem.identity.imei == "860000000000016"
            assert "860000000000016" not in repr(modem.identity)
            assert (modem.sim, modem.registration, modem.operator) == ("ready", "home", "CHINA MOBILE")
            assert (modem.rssi_dbm, modem.own_number) == (-73, NUMBER)
            assert modem.audio_plan.opens == "after_answer"

    run_virtual(scenario())


def test_what_answers_no_at_is_no_modem_and_its_port_is_let_go(run_virtual: Run, table_modem: Run) -> None:
    async def scenario() -> None:
        far_end = table_modem()
        far_end.is_deaf = True
        started_s = asyncio.get_running_loop().time()
        with pytest.raises(NotAModemError, match=r"modem0: nothing answered AT within 5\.5 s"):
            await opened(far_end)
        assert asyncio.get_running_loop().time() - started_s < 6
        with pytest.raises(PortClosedError):
            far_end.port.write(b"AT\r")

    run_virtual(scenario())


def test_a_set_up_command_that_hangs_is_gone_without(run_virtual: Run, table_modem: Run) -> None:
    async def scenario() -> None:
        far_end = table_modem()
        far_end.answers["AT+DDET=1"] = []
        async with await opened(far_end) as modem:
            assert modem.registration is RegistrationState.HOME

    run_virtual(scenario())


@pytest.mark.parametrize("after", ["AT+CGMM", "AT+CLCC=1", "AT+CSQ"])
def test_a_modem_that_falls_silent_while_it_is_opened(run_virtual: Run, table_modem: Run, after: str) -> None:
    async def scenario() -> None:
        far_end = table_modem()
        far_end.deaf_from = after
        started_s = asyncio.get_running_loop().time()
        with pytest.raises(CommandTimeoutError):
            await opened(far_end)
        assert asyncio.get_running_loop().time() - started_s <= 90.1
        with pytest.raises(PortClosedError):
            far_end.port.write(b"AT\r")

    run_virtual(scenario())


def test_a_modem_that_wakes_late_is_found(run_virtual: Run, table_modem: Run) -> None:
    async def scenario() -> None:
        far_end = table_modem()
        far_end.is_deaf = True
        asyncio.get_running_loop().call_later(2.0, setattr, far_end, "is_deaf", False)
        modem = await opened(far_end)
        assert modem.identity.dialect == "sim7600"
        await modem.close()

    run_virtual(scenario())


def test_a_call_that_a_crash_left_behind_is_ended_at_opening(run_virtual: Run, table_modem: Run) -> None:
    async def scenario() -> None:
        far_end = table_modem()
        far_end.list_call(0)
        modem = await opened(far_end)
        assert far_end.calls == []
        await modem.close()

    run_virtual(scenario())


def test_registration_and_sim_follow_their_urcs(run_virtual: Run, table_modem: Run) -> None:
    async def scenario() -> None:
        far_end = table_modem()
        modem = await opened(far_end)
        far_end.say("+CREG: 2", "+CPIN: NOT READY")
        await asyncio.sleep(0.1)
        assert (modem.registration, modem.sim) == (RegistrationState.SEARCHING, SimState.BUSY)
        far_end.answers["AT+CREG?"] = ["+CREG: 1,0", "OK"]
        far_end.answers["AT+CEREG?"] = ["+CEREG: 0,1", "OK"]
        far_end.answers["AT+CPIN?"] = ["+CME ERROR: 10"]
        await modem.refresh()
        assert (modem.registration, modem.sim) == (RegistrationState.HOME, SimState.ABSENT)
        far_end.say("+CREG: 0")
        await asyncio.sleep(0.1)
        assert modem.registration is RegistrationState.HOME, "registered for VoLTE only: +CREG has no news"
        await modem.close()

    run_virtual(scenario())


def test_an_operator_search_is_no_deafness_but_silence_is(run_virtual: Run, table_modem: Run) -> None:
    async def scenario() -> None:
        far_end = table_modem()
        modem = await opened(far_end)
        far_end.answers["AT+COPS?"] = []
        await modem.refresh()
        far_end.is_deaf = True
        with pytest.raises(CommandTimeoutError):
            await modem.refresh()
        await modem.close()

    run_virtual(scenario())


def test_refreshing_in_a_call_asks_nothing_slow(run_virtual: Run, table_modem: Run) -> None:
    async def scenario() -> None:
        far_end = table_modem()
        modem = await opened(far_end)
        call = await modem.dial(NUMBER)
        far_end.heard.clear()
        await modem.refresh()
        assert far_end.commands == ["AT+CSQ"]
        await call.hang_up()
        await modem.close()

    run_virtual(scenario())
