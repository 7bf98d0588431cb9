"""What single families say and want, where no simulated personality says it: URCs, VoLTE, no voice, the clock."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modem_drivers.at.causes import Evidence, KindHint, ToldCause, classify, read_end_status
from modem_drivers.at.urcs import (
    AudioFlow,
    CallChanged,
    DtmfHeard,
    Ringing,
    SimSwapped,
    TimeTold,
    Urc,
    read_urc,
)
from modem_drivers.dialects.generic import GENERIC
from modem_drivers.errors import CallRefusedError, LocalProtocolError, NoVoiceError
from modem_drivers.events import Active, Alerting, CallState, Dialing, Dtmf, Released, ReleaseKind
from modem_drivers.modem import Modem, SimState
from modem_drivers.network_time import read_clock
from modem_drivers.sim import read_iccid, read_pin_tries, why_no_pin

Run = Callable[..., Any]
NUMBER = "+8613800000001"
BUSY_HERE = KindHint(ReleaseKind.LOCAL, 0.6)


async def opened(far_end: Any) -> Modem:
    return await Modem.open(far_end.port, now_s=asyncio.get_running_loop().time)


def changed(state: CallState, index: int | None = None, **more: Any) -> CallChanged:
    return CallChanged(state=state, index=index, **more)


@pytest.mark.parametrize(
    ("line", "urc"),
    [
        ("^ORIG:1,0", changed(CallState.DIALING, 1)),
        ("^ORIG:1,2", None),
        ("^CONF:1", changed(CallState.ALERTING, 1)),
        ("^CONN:1,0", changed(CallState.ACTIVE, 1)),
        ("^CEND:1,0,104,31", changed(CallState.RELEASED, 1, cause=31)),
        ("^CEND:1,5,29,16", changed(CallState.RELEASED, 1, cause=16, hint=BUSY_HERE, was_active=True)),
        ("^CEND:1,0,21", changed(CallState.RELEASED, 1, hint=KindHint(ReleaseKind.NETWORK_FAULT, 0.8))),
        ("^CEND:", None),
        ("+UCALLSTAT: 1,2", changed(CallState.DIALING, 1)),
        ("+UCALLSTAT: 1,7", changed(CallState.ACTIVE, 1)),
        ("+UCALLSTAT: 1,6", changed(CallState.RELEASED, 1)),
        ("+UCALLSTAT: 1,9", None),
        ('#ECAM: 0,1,1,,,"0123456",129', changed(CallState.DIALING)),
        ("#ECAM: 0,3,1,,,", changed(CallState.ACTIVE)),
        ("#ECAM: 0,7,1,,,", changed(CallState.RELEASED, cause=17)),
        ("#ECAM: 0,3,2,,,", None),
        ("+WIND: 5,1", changed(CallState.DIALING, 1)),
        ("+WIND: 2", changed(CallState.ALERTING)),
        ("+WIND: 6,1", changed(CallState.RELEASED, 1)),
        ("+WIND: 4", None),
        ("MO RING", changed(CallState.ALERTING)),
        ("MO CONNECTED", changed(CallState.ACTIVE)),
        ("CONNECT", changed(CallState.ACTIVE)),
        ("HANGUP: 1", changed(CallState.RELEASED)),
        ("+DTMF: 1,160", DtmfHeard("1")),
        ("^DDTMF: 5", DtmfHeard("5")),
        ("+UUDTMFD: #", DtmfHeard("#")),
        ("#DTMFEV: A", DtmfHeard("A")),
        ("#DTMFEV: x", None),
        ('+CLIP: "+8613800000001",145', Ringing("+8613800000001")),
        ("+QPCMV: 0,0", AudioFlow(is_paused=True)),
        ("+QPCMV: 0,1", AudioFlow(is_paused=False)),
        ("+QPCMV: 1,0", None),
        ("+QSIMSTAT: 1,0", SimSwapped(is_inserted=False)),
        ("+CSMINS: 1,1", SimSwapped(is_inserted=True)),
        ("#QSS: 0", SimSwapped(is_inserted=False)),
        ("#QSS: 1,3", SimSwapped(is_inserted=True)),
        ("^SIMST:255", SimSwapped(is_inserted=False)),
        ('*PSUTTZ: 2026, 3, 2, 9, 4, 5, "+32", 0', TimeTold()),
        ("+CTZV: +32", TimeTold()),
    ],
)
def test_one_line(line: str, urc: Urc | None) -> None:
    assert read_urc(line, GENERIC.dsci) == urc


@given(
    st.text(max_size=60),
    st.sampled_from(["^CEND:", "#ECAM: ", "+WIND: ", "+QPCMV: ", "#QSS: ", "+CCLK: ", "^DSCI: "]),
)
@settings(max_examples=100, deadline=None)
def test_no_line_is_too_odd_to_read(text: str, name: str) -> None:
    read_urc(name + text, GENERIC.dsci)
    read_urc(text, GENERIC.dsci)
    read_clock([name + text], is_from_network=False, read_at_s=0.0)
    read_iccid([text])


@pytest.mark.parametrize(
    ("status", "cause", "kind"),
    [
        (104, 17, ReleaseKind.BUSY),
        (104, 21, ReleaseKind.REJECTED),
        (104, 16, ReleaseKind.UNKNOWN),
        (104, None, ReleaseKind.UNKNOWN),
        (21, None, ReleaseKind.NETWORK_FAULT),
        (105, None, ReleaseKind.BARRED),
        (24, None, ReleaseKind.CONGESTION),
        (24, 17, ReleaseKind.BUSY),
        (255, None, ReleaseKind.UNKNOWN),
        (67, None, ReleaseKind.UNKNOWN),
        (29, 16, ReleaseKind.LOCAL),
    ],
)
def test_huaweis_end_status_decides_only_what_the_cause_leaves_open(
    status: int, cause: int | None, kind: ReleaseKind
) -> None:
    evidence = Evidence(
        saw_alerting=False,
        saw_active=False,
        hung_up_locally=False,
        modem_failed=False,
        result=None,
        told=None if cause is None else ToldCause(cause, 1.0),
        hint=read_end_status(status),
    )
    assert classify(evidence)[:2] == (kind, cause)


@pytest.mark.parametrize(
    ("names", "lines", "dialect"),
    [
        (
            ("u-blox", "SARA-U201"),
            ("+UCALLSTAT: 1,2", "+UCALLSTAT: 1,3", "+UCALLSTAT: 1,7", "+UUDTMFD: 4", "+UCALLSTAT: 1,6"),
            "ublox",
        ),
        (
            ("Telit", "LE910-EUG"),
            ("#ECAM: 0,1,1,,,", "+CLCC: 1,0,3,0,0", "#ECAM: 0,3,1,,,", "#DTMFEV: 4", "#ECAM: 0,0,1,,,"),
            "telit",
        ),
        (
            ("Huawei Technologies Co., Ltd.", "ME909s-120"),
            ("^ORIG:1,0", "^CONF:1", "^CONN:1,0", "^DDTMF: 4", "^CEND:1,4,104,16"),
            "huawei_module",
        ),
        (
            ("Quectel_Ltd", "Quectel_M95"),
            ("", "+CLCC: 1,0,3,0,0", "+CLCC: 1,0,0,0,0", "+DTMF: 4", "NO CARRIER"),
            "m95",
        ),
        (
            ("Quectel", "UC20"),
            ("^DSCI: 1,0,2,0", "^DSCI: 1,0,7,0", "^DSCI: 1,0,3,0", "+DTMF: 4", "^DSCI: 1,0,6,0"),
            "uc20",
        ),
    ],
)
def test_a_call_told_in_each_familys_words(
    run_virtual: Run,
    table_modem: Run,
    call_events: Run,
    names: tuple[str, str],
    lines: tuple[str, ...],
    dialect: str,
) -> None:
    """Hand-made far ends: the words are the manuals', no unit of these has been driven."""

    async def scenario() -> None:
        far_end = table_modem(*names)
        far_end.answers["AT+CEER"] = ["+CEER: Normal call clearing", "OK"]
        async with await opened(far_end) as modem:
            assert modem.identity.dialect == dialect
            call = await modem.dial(NUMBER)
            for line, state in zip(lines, (2, 3, 0, 0, None), strict=True):
                far_end.calls = [] if state is None else far_end.calls
                if state is not None:
                    far_end.list_call(state)
                far_end.say(line)
                await asyncio.sleep(0.05)
            events = await call_events(call)
            assert [type(event) for event in events] == [Dialing, Alerting, Active, Dtmf, Released]
            assert events[-1].kind is ReleaseKind.ANSWERED_REMOTE

    run_virtual(scenario())


def test_a_family_without_voice_says_so(run_virtual: Run, table_modem: Run) -> None:
    async def scenario() -> None:
        far_end = table_modem("Sierra Wireless, Incorporated", "MC7304")
        async with await opened(far_end) as modem:
            with pytest.raises(NoVoiceError, match="SMS and data only"):
                await modem.dial(NUMBER)
            assert not any(command.startswith("ATD") for command in far_end.commands)

    run_virtual(scenario())


@pytest.mark.parametrize(
    ("names", "ask", "answer", "turn_off", "restart"),
    [
        (("SIMCOM", "SIMCOM_SIM7600E-H"), "AT+VOLTESETTING?", "+VOLTESETTING: 1", "AT+VOLTESETTING=0", False),
        (("Quectel", "EC25"), 'AT+QCFG="ims"', '+QCFG: "ims",1,1', 'AT+QCFG="ims",2', True),
    ],
)
def test_voice_over_lte_has_a_switch_in_some_families(
    run_virtual: Run,
    table_modem: Run,
    names: tuple[str, str],
    ask: str,
    answer: str,
    turn_off: str,
    restart: bool,
) -> None:
    async def scenario() -> None:
        far_end = table_modem(*names)
        far_end.answers[ask] = [answer, "OK"]
        async with await opened(far_end) as modem:
            assert await modem.volte_is_on() is True
            assert await modem.set_volte(is_on=False) is restart
            assert far_end.commands[-1] == turn_off

    run_virtual(scenario())


def test_a_family_without_that_switch(run_virtual: Run, table_modem: Run) -> None:
    async def scenario() -> None:
        async with await opened(table_modem("INCORPORATED", "A7670E-FASE")) as modem:
            assert await modem.volte_is_on() is None
            with pytest.raises(LocalProtocolError, match="no VoLTE switch"):
                await modem.set_volte(is_on=True)

    run_virtual(scenario())


def test_a_rung_is_never_sent_in_a_call_and_survives_its_own_reset(
    run_virtual: Run, table_modem: Run
) -> None:
    async def scenario() -> None:
        far_end = table_modem()
        modem = await opened(far_end)
        call = await modem.dial(NUMBER)
        with pytest.raises(LocalProtocolError, match="idle"):
            await modem.send_service_commands(["AT+CRESET"])
        await call.hang_up()
        far_end.answers["AT+CRESET"] = []
        resetting = asyncio.create_task(modem.send_service_commands(["AT+CRESET"]))
        await asyncio.sleep(0.1)
        far_end.port.break_off()
        await resetting
        assert not modem.is_open
        await modem.close()

    run_virtual(scenario())


def test_a_caller_is_refused_only_once_the_list_of_calls_is_empty(run_virtual: Run, table_modem: Run) -> None:
    async def scenario() -> None:
        far_end = table_modem()
        far_end.hang_up_works = {"ATH"}
        async with await opened(far_end) as modem:
            far_end.list_call(4, direction=1)
            far_end.say("RING", f'+CLIP: "{NUMBER}",145')
            assert await modem.wait_ringing() == NUMBER
            assert await modem.reject()
            assert far_end.commands.index("AT+CHUP") < far_end.commands.index("ATH"), (
                "the first was not enough"
            )
            assert far_end.calls == []
            far_end.hang_up_works = set()
            far_end.list_call(4, direction=1)
            assert not await modem.reject()

    run_virtual(scenario())


def test_a_bell_that_fell_silent_rings_no_more(run_virtual: Run, table_modem: Run) -> None:
    async def scenario() -> None:
        far_end = table_modem()
        async with await opened(far_end) as modem:
            far_end.say("RING")
            assert await modem.wait_ringing() == ""
            await asyncio.sleep(11)
            assert not modem.is_idle
            await asyncio.sleep(2)
            assert modem.is_idle
            with pytest.raises(CallRefusedError, match="nobody"):
                await modem.answer()

    run_virtual(scenario())


def test_swapping_the_card_voids_what_was_read_of_it(run_virtual: Run, table_modem: Run) -> None:
    async def scenario() -> None:
        far_end = table_modem("Quectel", "EC25")
        far_end.answers["AT+QCCID"] = ["+QCCID: 89860000000000000017", "OK"]
        far_end.answers["AT+CIMI"] = ["460001234567890", "OK"]
        async with await opened(far_end) as modem:
            assert (modem.iccid, modem.imsi) == ("89860000000000000017", "460001234567890")
            far_end.say("+QSIMSTAT: 1,0")
            await asyncio.sleep(0.1)
            assert (modem.sim, modem.iccid, modem.own_number) == (SimState.ABSENT, None, None)
            far_end.say("+QSIMSTAT: 1,1")
            far_end.answers["AT+QCCID"] = ["+QCCID: 8986000000000000002F", "OK"]
            await modem.refresh()
            assert (modem.sim, modem.iccid) == (SimState.READY, "8986000000000000002")

    run_virtual(scenario())


def test_a_card_whose_tries_are_unknown_is_left_alone(run_virtual: Run, table_modem: Run) -> None:
    async def scenario() -> None:
        far_end = table_modem("Quectel_Ltd", "Quectel_M95")
        far_end.answers["AT+CPIN?"] = ["+CPIN: SIM PIN", "OK"]
        far_end.answers["AT+CPINR"] = ["ERROR"]
        async with await opened(far_end) as modem:
            with pytest.raises(Exception, match="does not tell how many tries"):
                await modem.unlock_sim("1234")
            assert not any(command.startswith("AT+CPIN=") for command in far_end.commands)

    run_virtual(scenario())


@pytest.mark.parametrize(
    ("line", "name", "field", "where", "tries"),
    [
        ("+SPIC: 3,10,3,10", "+SPIC", 0, "", 3),
        ('+QPINC: "P2",1,10', "+QPINC", 1, "SC", None),
        ('+QPINC: "SC",2,10', "+QPINC", 1, "SC", 2),
        ("^CPIN: SIM PIN,,10,3,10,0", "^CPIN", 3, "", 3),
        ("+CPINR: SIM PIN,1,3", "+CPINR", 1, "SIM PIN", 1),
        ("+SPIC: x", "+SPIC", 0, "", None),
        ("+SPIC: 99", "+SPIC", 0, "", None),
    ],
)
def test_tries_left(line: str, name: str, field: int, where: str, tries: int | None) -> None:
    assert read_pin_tries([line], name=name, field=field, where=where) == tries


@given(st.sampled_from(list(SimState)), st.one_of(st.none(), st.integers(0, 10)))
@settings(max_examples=60, deadline=None)
def test_a_pin_is_typed_in_one_case_only(state: SimState, n_tries: int | None) -> None:
    may = why_no_pin(state, n_tries) is None
    assert may == (state is SimState.PIN_REQUIRED and n_tries is not None and n_tries >= 2)


@pytest.mark.parametrize(
    ("line", "at", "hours"),
    [
        ('+CCLK: "26/03/02,17:04:05+32"', datetime(2026, 3, 2, 9, 4, 5, tzinfo=UTC), 8.0),
        ('+CCLK: "26/03/02,03:04:05-20"', datetime(2026, 3, 2, 8, 4, 5, tzinfo=UTC), -5.0),
        ("+CCLK: 26/03/02,03:04:05+22", datetime(2026, 3, 1, 21, 34, 5, tzinfo=UTC), 5.5),
        ('+CCLK: "26/03/02,03:04:05"', datetime(2026, 3, 2, 3, 4, 5, tzinfo=UTC), None),
        ('+CCLK: "2026/03/02,03:04:05+00"', datetime(2026, 3, 2, 3, 4, 5, tzinfo=UTC), 0.0),
    ],
)
def test_the_clock(line: str, at: datetime, hours: float | None) -> None:
    told = read_clock([line], is_from_network=True, read_at_s=5.0)
    assert told is not None
    assert (told.at, told.read_at_s) == (at, 5.0)
    assert told.offset == (None if hours is None else timedelta(hours=hours))


@pytest.mark.parametrize(
    "line",
    [
        '+CCLK: "80/01/06,00:00:12+00"',
        '+CCLK: "70/01/01,00:00:12+00"',
        '+CCLK: "04/01/01,00:00:12+32"',
        '+CCLK: "26/13/02,03:04:05+32"',
        '+CCLK: "26/03/02,03:04:05+99"',
        '+CCLK: "26/02/30,03:04:05+00"',
        "+CCLK: ",
        "OK",
    ],
)
def test_a_clock_nobody_set(line: str) -> None:
    assert read_clock([line], is_from_network=False, read_at_s=0.0) is None
