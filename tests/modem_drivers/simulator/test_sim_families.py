"""What each of the families says about a call, line by line."""

import pytest

from modem_drivers.simulator import (
    A7670,
    EC25_DSCI,
    HUAWEI,
    PERSONALITIES,
    SIM800,
    SIM7600,
    WAVECOM,
    ZTE,
    HangUp,
    Network,
    Pause,
    Person,
    Personality,
    Reaction,
)
from modem_drivers.simulator.bench import Bench
from modem_drivers.simulator.tones import network_tone, rms_dbfs

NUMBER = "+8613800000001"
SET_UP = {"sim800": "+CLCC=1;+MORING=1;+CVHU=0", "a7670": "+CLCC=1", "ec25-dsci": "^DSCI=1"}
EVERY = pytest.mark.parametrize("personality", PERSONALITIES.values(), ids=lambda p: p.name)


def called(personality: Personality, person: Person, *, wait_s: float = 70.0) -> tuple[Bench, list[str]]:
    bench = Bench(personality, [person])
    bench.ask("ATE0;" + SET_UP.get(personality.name, ""))
    said = bench.ask(f"ATD{NUMBER};", wait_s=wait_s)
    return bench, [line for line in said if not line.startswith(("^RSSI", "^BOOT"))]


def clcc(state: int) -> str:
    return f'+CLCC: 1,0,{state},0,0,"{NUMBER}",145,""'


def dsci(state: int, tone: int = 0) -> str:
    return f"^DSCI: 1,0,{state},0,{NUMBER},145,{tone}"


_A7670_START = ["OK", "+CGEV: NW ACT 8,10", clcc(2), "+CGEV: NW MODIFY 10,3", clcc(3)]
ANSWERED = {
    "sim800": ["OK", clcc(2), "MO RING", clcc(3), "MO CONNECTED", clcc(0), clcc(6), "NO CARRIER"],
    "a7670": [
        *_A7670_START,
        *("VOICE CALL: BEGIN", clcc(0), f'+COLP: "{NUMBER}",145'),
        *("+CGEV: NW DEACT 8,10", clcc(6), "VOICE CALL: END: 000004", "NO CARRIER"),
    ],
    "ec25-dsci": ["OK", dsci(2), dsci(7, 1), dsci(3), dsci(6), "NO CARRIER"],
    "huawei": ["OK", "^ORIG:1,0", "^CONF:1", "^CONN:1,0", "^CEND:1,4,104,16"],
    "wavecom": ["+WIND: 5,1", "+WIND: 2", "OK", "NO CARRIER", "+WIND: 6,1"],
    "zte": ["CONNECT", "HANGUP: 1"],
}


@pytest.mark.parametrize("name", ANSWERED)
def test_an_answered_call_the_callee_ends(name: str) -> None:
    _, lines = called(PERSONALITIES[name], Person(number=NUMBER, steps=(Pause(duration_s=4.2), HangUp())))
    assert lines == ANSWERED[name]


@pytest.mark.parametrize(
    ("personality", "reaction", "last", "ceer"),
    [
        (SIM800, Reaction.BUSY, ["BUSY"], "+CEER: User busy"),
        (SIM800, Reaction.NO_ANSWER, ["NO ANSWER"], "+CEER: User alerting, no answer"),
        (SIM800, Reaction.REJECTS, ["NO CARRIER"], "+CEER: Call rejected"),
        (A7670, Reaction.BUSY, ["BUSY"], "+CEER: No cause information available"),
        (A7670, Reaction.REJECTS, ["NO CARRIER"], "+CEER: No cause information available"),
        (A7670, Reaction.SWITCHED_OFF, ["NO CARRIER"], "+CEER: No cause information available"),
        (EC25_DSCI, Reaction.SWITCHED_OFF, [dsci(6), "NO CARRIER"], "+CEER: 5,27"),
        (HUAWEI, Reaction.BUSY, ["^ORIG:1,0", "^CEND:1,0,104,17"], "ERROR"),
        (HUAWEI, Reaction.REJECTS, ["^CONF:1", "^CEND:1,0,104,21"], "ERROR"),
        (HUAWEI, Reaction.VACANT, ["^ORIG:1,0", "^CEND:1,0,104,1"], "ERROR"),
        (WAVECOM, Reaction.BUSY, ["BUSY", "+WIND: 6,1"], "+CEER: Error 17"),
        (WAVECOM, Reaction.NO_ANSWER, ["NO ANSWER", "+WIND: 6,1"], "+CEER: Error 19"),
        (WAVECOM, Reaction.CONGESTED, ["NO CARRIER", "+WIND: 6,1"], "+CEER: Error 42"),
        (ZTE, Reaction.REJECTS, ["OK"], "+CEER: Call rejected"),
        (ZTE, Reaction.BUSY, ["BUSY"], "+CEER: User busy"),
        (ZTE, Reaction.NO_ANSWER, ["NO ANSWER"], "+CEER: User alerting, no answer"),
        (ZTE, Reaction.UNREACHABLE, ["NO CARRIER"], "+CEER: No user responding"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_how_an_unanswered_call_ends(
    personality: Personality, reaction: Reaction, last: list[str], ceer: str
) -> None:
    bench, lines = called(personality, Person(number=NUMBER, reaction=reaction))
    assert lines[-len(last) :] == last
    assert bench.ask("AT+CEER")[0] == ceer


@EVERY
@pytest.mark.parametrize("state", ["ringing", "talking"])
def test_our_own_hang_up(personality: Personality, state: str) -> None:
    bench, _ = called(personality, Person(number=NUMBER), wait_s=3.0 if state == "ringing" else 8.0)
    lines = bench.ask("AT+CHUP")
    assert "OK" in lines
    assert bench.network.call_log.rows[-1]["by"] == "caller"
    assert not [line for line in bench.ask("AT+CLCC") if line.startswith("+CLCC: 1,0,0,0")]
    assert "OK" in bench.ask("AT")


def test_sim800_tells_the_cause_as_a_number_when_told_to() -> None:
    bench, _ = called(SIM800, Person(number=NUMBER, reaction=Reaction.BUSY))
    assert bench.ask("AT+CEER=1;+CEER") == ["+CEER: Cause:17", "OK"]


def test_a7670_says_no_carrier_after_the_end_or_before_it() -> None:
    bench, first = called(A7670, Person(number=NUMBER, reaction=Reaction.REJECTS))
    second = bench.ask(f"ATD{NUMBER};", wait_s=20.0)
    assert first[-2:] == ["VOICE CALL: END", "NO CARRIER"]
    assert second[-2:] == ["NO CARRIER", "VOICE CALL: END"]


def test_wavecom_gives_a_dial_up_at_any_key() -> None:
    bench, _ = called(WAVECOM, Person(number=NUMBER, ring_s=30.0), wait_s=3.0)
    assert bench.ask("AT+CLCC") == ["NO CARRIER", "+WIND: 6,1"]
    bench.ask(f"ATD{NUMBER};", wait_s=3.0)
    assert bench.ask("ATH") == ["NO CARRIER", "+WIND: 6,1", "OK"]


def test_zte_takes_commands_while_a_dial_has_no_answer_yet() -> None:
    bench, lines = called(ZTE, Person(number=NUMBER, ring_s=30.0), wait_s=3.0)
    assert lines == []
    assert bench.ask("AT+CLCC") == [f'+CLCC: 1,0,3,0,0,"{NUMBER}",145', "OK"]


def test_ec25_of_old_firmware_has_no_ccinfo() -> None:
    assert Bench(EC25_DSCI).ask('AT+QINDCFG="ccinfo",1,0')[-1] == "+CME ERROR: 50"


def test_huawei_chatters_until_told_not_to() -> None:
    bench = Bench(HUAWEI)
    bench.time.run(20.0)
    assert {"^RSSI:15", "^RSSI:17"} <= set(bench.lines())
    bench.ask("AT^CURC=0")
    bench.time.run(20.0)
    assert bench.lines() == []


def test_huawei_opens_its_voice_port_only_once_the_far_end_rings() -> None:
    """An AT^DDSETEX=2 before the call is answered OK and opens nothing."""
    bench = Bench(HUAWEI, [Person(number=NUMBER, ring_s=4.0)])
    assert bench.ask("ATE0;^CVOICE?") == ["^CVOICE:0,8000,16,20", "OK"]
    assert bench.ask("AT^DDSETEX=2") == ["OK"]
    bench.ask(f"ATD{NUMBER};", wait_s=2.0)
    assert len(bench.sound(0.5)) == 0
    bench.ask("AT^DDSETEX=2")
    assert rms_dbfs(bench.sound(1.0)) > -40.0  # ringing tone
    assert bench.ask("AT+VTS=5") == ["ERROR"]
    bench.sound(4.0)
    assert bench.ask("AT^DTMF=1,5") == ["OK"]
    assert bench.network.conversations[-1].heard_keys == "5"


@pytest.mark.parametrize(
    ("personality", "line"), [(SIM800, "+DTMF: 5"), (A7670, "+RXDTMF: 5"), (SIM7600, "+RXDTMF: 5")]
)
def test_keys_the_far_end_presses(personality: Personality, line: str) -> None:
    bench, _ = called(personality, Person(number=NUMBER), wait_s=8.0)
    bench.ask("AT+DDET=1")
    bench.modem.key_heard("5")
    assert bench.lines() == [line]


@pytest.mark.parametrize("personality", [SIM800, A7670, WAVECOM, ZTE], ids=lambda p: p.name)
def test_families_with_wires_for_sound_give_the_host_none(personality: Personality) -> None:
    bench, _ = called(personality, Person(number=NUMBER), wait_s=8.0)
    assert len(bench.sound(0.5)) == 0
    assert bench.ask("AT+CPCMREG=1") == ["ERROR"]


def test_a_tone_follows_the_announcement_before_the_release() -> None:
    person = Person(number=NUMBER, reaction=Reaction.BUSY, announcement="忙", tone="busy", tone_s=1.4)
    bench = Bench(HUAWEI, [person])
    bench.ask(f"ATE0D{NUMBER};", wait_s=1.7)
    bench.modem.device.sound.open_while_ringing()
    heard = bench.sound(3.0)
    tone = network_tone("busy", 1.4)
    assert any((heard[k : k + len(tone)] == tone).all() for k in range(len(heard) - len(tone) + 1))


def test_a_congested_network_turns_every_call_away() -> None:
    network = Network([Person(number=NUMBER)])
    network.is_congested = True
    bench = Bench(SIM800, network=network)
    assert bench.ask(f"ATE0D{NUMBER};", wait_s=5.0)[-1] == "NO CARRIER"
    assert network.call_log.rows[-1]["cause"] == 42
