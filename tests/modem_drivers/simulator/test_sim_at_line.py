"""The AT line of a simulated modem, as any client finds it."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modem_drivers.simulator import EC25, SIM7600, Faults, Network, Personality, SimCard
from modem_drivers.simulator.bench import Bench

BOTH = pytest.mark.parametrize("personality", [SIM7600, EC25], ids=["sim7600", "ec25"])


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        pytest.param(b"AT\r", b"AT\r\r\nOK\r\n", id="the echo keeps its CR"),
        pytest.param(
            b"ATE0\rAT\r", b"ATE0\r\r\nOK\r\n\r\nOK\r\n", id="ATE0 is still echoed, the next is not"
        ),
        pytest.param(b"AT\r\n", b"AT\r\r\nOK\r\n", id="a LF after CR means nothing"),
        pytest.param(b"at+csq\r", b"at+csq\r\r\n+CSQ: 23,99\r\n\r\nOK\r\n", id="small letters"),
        pytest.param(
            b"ATE0V1;+CSQ;+CSQ\r",
            b"ATE0V1;+CSQ;+CSQ\r" + b"\r\n+CSQ: 23,99\r\n" * 2 + b"\r\nOK\r\n",
            id="one OK for a chain",
        ),
        pytest.param(b"ATV0\r", b"ATV0\r0\r", id="numeric results"),
        pytest.param(b"ATQ1\rAT+CSQ\r", b"ATQ1\rAT+CSQ\r\r\n+CSQ: 23,99\r\n", id="quiet: no results"),
        pytest.param(b"AX\b\bAT\r", b"AX\b \b\b \bAT\r\r\nOK\r\n", id="backspace"),
        pytest.param(b"hello\r", b"hello\r", id="a line without AT is not answered"),
        pytest.param(b"\x1bAT\r", b"AT\r\r\nOK\r\n", id="ESC clears the line"),
        pytest.param(b"AT+CSQ\x1bAT\r", b"AT+CSQAT\r\r\nOK\r\n", id="ESC clears a half-typed line"),
        pytest.param(b"AT+NOSUCH=1\r", b"AT+NOSUCH=1\r\r\nERROR\r\n", id="unknown"),
        pytest.param(
            b"AT+CSQ;+NOSUCH;+CSQ\r",
            b"AT+CSQ;+NOSUCH;+CSQ\r\r\n+CSQ: 23,99\r\n\r\nERROR\r\n",
            id="an error ends the chain",
        ),
        pytest.param(b"AT?\r", b"AT?\r\r\nERROR\r\n", id="no grammar"),
        pytest.param(b"AT+MODE=2\r", b"AT+MODE=2\r\r\nERROR\r\n", id="asked for by gammu, known to few"),
        pytest.param(b"AT\rA/", b"AT\r\r\nOK\r\nA/\r\nOK\r\n", id="A/ repeats"),
        pytest.param(b"ATS0?\r", b"ATS0?\r\r\n000\r\n\r\nOK\r\n", id="S register"),
        pytest.param(b"ATS0=2;S0?\r", b"ATS0=2;S0?\r\r\n002\r\n\r\nOK\r\n", id="S register set"),
        pytest.param(
            b"AT" + b"x" * 2000 + b"\r", b"AT" + b"x" * 2000 + b"\r\r\nERROR\r\n", id="an endless line"
        ),
    ],
)
def test_what_is_typed_and_said(typed: bytes, said: bytes) -> None:
    bench = Bench(SIM7600)
    bench.modem.on_host_bytes(typed)
    bench.time.run(1.0)
    assert bench.take() == said


@settings(max_examples=60, deadline=None)
@given(cuts=st.lists(st.integers(0, 90), max_size=6), pause_s=st.sampled_from([0.0, 0.001, 0.2]))
def test_the_slicing_of_what_is_typed_changes_nothing(cuts: list[int], pause_s: float) -> None:
    typed = b"ATE1\rAT+CMEE=1;+CSQ\r\nAT+COPS=3,2;+COPS?\rAT+FOO\rATI\rATE0\rAT+CREG?\r"
    whole, sliced = Bench(EC25), Bench(EC25)
    whole.modem.on_host_bytes(typed)
    edges = sorted({0, *(min(cut, len(typed)) for cut in cuts), len(typed)})
    for start, end in pairwise(edges):
        sliced.modem.on_host_bytes(typed[start:end])
        sliced.time.run(pause_s)
    whole.time.run(3.0)
    sliced.time.run(3.0)
    assert sliced.take() == whole.take()


@settings(max_examples=100, deadline=None)
@given(junk=st.binary(max_size=200))
def test_no_junk_deafens_a_modem(junk: bytes) -> None:
    bench = Bench(EC25)
    bench.modem.on_host_bytes(junk + b"\r")
    bench.time.run(20.0)
    bench.modem.on_host_bytes(b"\x1b")  # also ends a prompt junk may have opened
    bench.time.run(2.0)
    bench.take()
    bench.modem.on_host_bytes(b"\rATE0V1Q0\r")
    bench.time.run(20.0)
    assert bench.take().endswith(b"OK\r\n")


@BOTH
@pytest.mark.parametrize(
    ("command", "answer"),
    [
        pytest.param("AT+CPIN?", ["+CPIN: READY", "OK"], id="SIM"),
        pytest.param("AT+CREG?", ["+CREG: 0,1", "OK"], id="registration"),
        pytest.param(
            "AT+CREG=2;+CREG?", ['+CREG: 2,1,"2795","0A1F3C05",7', "OK"], id="registration with cell"
        ),
        pytest.param("AT+COPS?", ['+COPS: 0,0,"CHINA MOBILE",7', "OK"], id="operator, long"),
        pytest.param("AT+COPS=3,2;+COPS?", ['+COPS: 0,2,"46000",7', "OK"], id="operator, numeric"),
        pytest.param("AT+COPS=3,1;+COPS?", ['+COPS: 0,1,"CMCC",7', "OK"], id="operator, short"),
        pytest.param(
            'AT+CSCS="UCS2";+COPS=3,1;+COPS?', ['+COPS: 0,1,"0043004D00430043",7', "OK"], id="operator, UCS2"
        ),
        pytest.param("AT+CGSN", ["861234567890123", "OK"], id="IMEI"),
        pytest.param("AT+CIMI", ["460003912345678", "OK"], id="IMSI"),
        pytest.param("AT+CNUM", ['+CNUM: "","+8613912345678",145', "OK"], id="own number"),
        pytest.param("AT+CMEE=?", ["+CMEE: (0-2)", "OK"], id="test form"),
        pytest.param("AT+CMEE=7", ["+CME ERROR: 50"], id="out of range"),
        pytest.param("AT+CLIP=1;+CLIP?", ["+CLIP: 1,1", "OK"], id="a setting is read back"),
        pytest.param("AT+CPAS", ["+CPAS: 0", "OK"], id="idle"),
        pytest.param("AT+CPMS?", ['+CPMS: "SM",0,50,"SM",0,50,"SM",0,50', "OK"], id="text storage"),
        pytest.param("AT+CMGR=1", ["+CMS ERROR: 321"], id="no such text"),
        pytest.param("ATA", ["NO CARRIER"], id="nobody rings"),
        pytest.param("AT+CRSM=176,12258", ["ERROR"], id="SIM files are closed"),
    ],
)
def test_answers_alike(personality: Personality, command: str, answer: list[str]) -> None:
    bench = Bench(personality)
    bench.ask("AT+CMEE=1")
    assert bench.ask(command, wait_s=0.6) == answer


@pytest.mark.parametrize(
    ("personality", "command", "answer"),
    [
        pytest.param(
            SIM7600, "AT+CGMR", ["+CGMR: LE20B03SIM7600M22", "OK"], id="sim7600 revision has a prefix"
        ),
        pytest.param(EC25, "AT+CGMR", ["EC25EFAR06A06M4G", "OK"], id="ec25 revision has none"),
        pytest.param(
            SIM7600,
            "AT+CGMI;+CGMM",
            ["SIMCOM INCORPORATED", "SIMCOM_SIM7600E-H", "OK"],
            id="sim7600 identity",
        ),
        pytest.param(EC25, "ATI", ["Quectel", "EC25", "Revision: EC25EFAR06A06M4G", "OK"], id="ec25 ATI"),
        pytest.param(SIM7600, "AT+QPCMV=1,0", ["ERROR"], id="sim7600 knows nothing of Quectel"),
        pytest.param(EC25, "AT+CPCMREG=1", ["ERROR"], id="ec25 knows nothing of SIMCom"),
        pytest.param(
            EC25, 'AT+QINDCFG="ccinfo",1,0;+QINDCFG="ccinfo"', ['+QINDCFG: "ccinfo",1', "OK"], id="ccinfo"
        ),
        pytest.param(EC25, 'AT+QURCCFG="urcport"', ['+QURCCFG: "urcport","usbat"', "OK"], id="URC port"),
        pytest.param(
            EC25, "AT+CLCC", ['+CLCC: 1,0,0,1,0,"",128', "OK"], id="the data bearer is listed as a call"
        ),
        pytest.param(SIM7600, "AT+CLCC", ["OK"], id="no call"),
        pytest.param(SIM7600, "AT+CLCC=?", ["+CLCC: (0,1)", "OK"], id="sim7600 CLCC can report"),
        pytest.param(EC25, "AT+CLCC=?", ["OK"], id="ec25 CLCC cannot"),
        pytest.param(SIM7600, "AT+CICCID", ["+ICCID: 89868612345678901237", "OK"], id="sim7600 card"),
        pytest.param(EC25, "AT+QCCID", ["+QCCID: 89868612345678901237", "OK"], id="ec25 card"),
    ],
)
def test_answers_of_one_family(personality: Personality, command: str, answer: list[str]) -> None:
    assert Bench(personality).ask(command) == answer


@pytest.mark.parametrize(
    ("verbosity", "error"), [("0", "ERROR"), ("1", "+CME ERROR: 10"), ("2", "+CME ERROR: SIM not inserted")]
)
def test_a_missing_card_is_told_as_cmee_says(verbosity: str, error: str) -> None:
    bench = Bench(EC25)
    bench.modem.device.sim.is_inserted = False
    assert bench.ask(f"AT+CMEE={verbosity};+CPIN?") == [error]
    assert bench.ask("AT+CREG?") == ["+CREG: 0,0", "OK"]


def test_a_pin_is_asked_for_and_three_wrong_ones_block_the_card() -> None:
    bench = Bench(EC25)
    bench.modem.device.sim = SimCard(imsi="460001", iccid="8986", pin="1234")
    assert bench.ask("AT+CPIN?") == ["+CPIN: SIM PIN", "OK"]
    assert bench.ask("AT+CIMI") == ["+CME ERROR: 11"]
    assert bench.ask("ATD13800000001;") == ["+CME ERROR: 11"]
    assert bench.ask("AT+CPIN=0000") == ["+CME ERROR: 16"]
    assert bench.ask("AT+CPIN=1234", wait_s=2.0) == ["OK", "+CPIN: READY"]
    assert bench.ask("AT+CPIN?") == ["+CPIN: READY", "OK"]
    assert bench.ask("AT+CREG?") == ["+CREG: 0,1", "OK"]
    bench.modem.device.sim = SimCard(imsi="460001", iccid="8986", pin="1234")
    assert [bench.ask("AT+CPIN=9999")[0] for _ in range(3)] == [
        "+CME ERROR: 16",
        "+CME ERROR: 16",
        "+CME ERROR: 12",
    ]
    assert bench.ask("AT+CPIN?") == ["+CPIN: SIM PUK", "OK"]


def test_a_text_is_taken_after_the_prompt_and_cancelled_by_esc() -> None:
    bench = Bench(EC25)
    submit = b"0001000B813108000000F1000005E8329BFD06"
    bench.modem.on_host_bytes(b"ATE0\rAT+CMGS=18\r")
    bench.time.run(0.5)
    assert bench.take().endswith(b"\r\n> ")
    bench.modem.on_host_bytes(submit + b"\x1a")
    bench.time.run(2.0)
    assert bench.lines() == ["+CMGS: 1", "OK"]
    assert bench.modem.device.texts_sent == [submit]
    assert [text.text for text in bench.network.messages.sent] == ["hello"]
    bench.modem.on_host_bytes(b"AT+CMGS=18\r")
    bench.time.run(0.5)
    bench.modem.on_host_bytes(b"00\x1bAT\r")
    bench.time.run(0.5)
    assert bench.lines() == ["> ", "OK", "OK"]
    assert len(bench.modem.device.texts_sent) == 1


@BOTH
def test_a_reboot_forgets_settings_and_says_so(personality: Personality) -> None:
    bench = Bench(personality)
    bench.ask("ATE0;+CMEE=0;+CLIP=1")
    assert bench.ask("AT+CFUN=1,1") == ["OK"]
    assert bench.ask("AT", wait_s=5.0) == []
    bench.time.run(15.0)
    assert bench.lines()[:1] == ["RDY"]
    assert bench.ask("AT+CLIP?") == ["+CLIP: 0,1", "OK"]


@BOTH
def test_without_radio_there_is_no_network(personality: Personality) -> None:
    bench = Bench(personality)
    bench.ask("AT+CFUN=4", wait_s=1.0)
    assert bench.ask("AT+CREG?;+CSQ") == ["+CREG: 0,0", "+CSQ: 99,99", "OK"]
    assert bench.ask("AT+COPS?") == ["+COPS: 0", "OK"]


def test_a_change_of_registration_is_reported_to_who_asked() -> None:
    network = Network()
    bench = Bench(SIM7600, network=network)
    network.registration = 2
    assert bench.take() == b""
    bench.ask("AT+CREG=1")
    network.registration = 5
    assert bench.lines() == ["+CREG: 5"]


def test_a_deaf_modem_says_nothing_until_it_hears_again() -> None:
    bench = Bench(SIM7600)
    bench.modem.faults = Faults(deaf=True)
    assert bench.ask("AT") == []
    bench.modem.faults.deaf = False
    assert bench.ask("AT") == ["OK"]
