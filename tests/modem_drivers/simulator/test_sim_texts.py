"""Texts, USSD, clock and card of a simulated modem."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modem_drivers.simulator import (
    EC25,
    HUAWEI,
    SIM800,
    SIM7600,
    Faults,
    Network,
    Person,
    Personality,
    Reaction,
)
from modem_drivers.simulator import tpdu as codec
from modem_drivers.simulator.bench import Bench
from modem_drivers.simulator.gsm_alphabet import characters, pack, septets, unpack
from modem_drivers.simulator.text_store import TextStore

PERSON = "+8613800000001"
OWN = "+8613912345678"
BEIJING = timezone(timedelta(hours=8))
# A SUBMIT of "hellohello" that wants a status report, its septets from the packing example everyone quotes.
SUBMIT = "0021000D91683108000000F100000AE8329BFD4697D9EC37"


def bench_with(personality: Personality, *people: Person, set_up: str = "+CNMI=2,1,0,1,0") -> Bench:
    bench = Bench(personality, people or [Person(number=PERSON)])
    bench.ask("ATE0;+CMEE=1;" + set_up)
    return bench


def send(bench: Bench, pdu: str, *, size: int | None = None, wait_s: float = 3.0) -> list[str]:
    bench.ask(f"AT+CMGS={len(pdu) // 2 - 1 if size is None else size}")
    bench.modem.on_host_bytes(pdu.encode() + b"\x1a")
    bench.time.run(wait_s)
    return bench.lines()


def receive(bench: Bench, text: str) -> list[str]:
    bench.network.messages.text_from(PERSON, OWN, text, now_s=bench.time.now_s)
    return bench.lines()


def test_a_text_reaches_its_person_and_the_report_comes_back() -> None:
    bench = bench_with(EC25)
    lines = send(bench, SUBMIT)
    assert [line for line in lines if not line.startswith("+CDS")][-2:] == ["+CMGS: 1", "OK"]
    assert [text.text for text in bench.network.messages.sent] == ["hellohello"]
    (report,) = [line for line in lines if line.startswith("+CDS")]
    assert report == "+CDS: 26"
    pdu = lines[lines.index(report) + 1]
    assert pdu.startswith("0891683108100005F006010D91683108000000F1")
    assert pdu.endswith("00")  # delivered


@pytest.mark.parametrize(
    ("person", "status"),
    [
        (Person(number=PERSON, reaction=Reaction.SWITCHED_OFF), "62"),
        (Person(number="+8613800000009"), "43"),
    ],
)
def test_a_report_says_why_a_text_did_not_arrive(person: Person, status: str) -> None:
    lines = send(bench_with(EC25, person), SUBMIT)
    assert next(line for line in lines if line.startswith("0891"))[-2:] == status


@pytest.mark.parametrize(
    ("pdu", "size"), [(SUBMIT, 3), ("00zz", 1), ("", 0), ("0011000D9168", 5), ("0004AABBCCDDEEFF00", 8)]
)
def test_what_is_no_pdu_is_refused(pdu: str, size: int) -> None:
    assert send(bench_with(EC25), pdu, size=size)[-1] == "+CMS ERROR: 304"


def test_a_text_is_stored_told_listed_read_and_deleted() -> None:
    bench = bench_with(SIM7600)
    assert receive(bench, "hi") == ['+CMTI: "SM",1']
    assert receive(bench, "你好") == ['+CMTI: "SM",2']
    first, pdu, second, unicode_pdu, ok = bench.ask("AT+CMGL=4")
    sizes = [len(pdu) // 2 - 9, len(unicode_pdu) // 2 - 9]  # without the service centre's nine octets
    assert (first, second, ok) == (f"+CMGL: 1,0,,{sizes[0]}", f"+CMGL: 2,0,,{sizes[1]}", "OK")
    assert unicode_pdu.endswith("044F60597D")
    assert bench.ask("AT+CMGR=1")[0].startswith("+CMGR: 1,,")  # listed is read
    assert bench.ask("AT+CPMS?") == ['+CPMS: "SM",2,50,"SM",2,50,"SM",2,50', "OK"]
    assert bench.ask("AT+CMGD=1;+CMGR=1") == ["+CMS ERROR: 321"]
    assert bench.ask("AT+CMGD=1,4;+CPMS?")[0] == '+CPMS: "SM",0,50,"SM",0,50,"SM",0,50'


def test_texts_may_be_shown_at_once_or_kept_quietly() -> None:
    bench = bench_with(EC25, set_up="+CNMI=2,2,0,0,0")
    head, pdu = receive(bench, "hi")
    assert head == f"+CMT: ,{len(pdu) // 2 - 9}"
    bench.ask("AT+CNMI=0,0,0,0,0")
    assert receive(bench, "hi") == []
    assert bench.ask("AT+CPMS?")[0].startswith('+CPMS: "SM",1,50')


@pytest.mark.parametrize(
    ("personality", "line"),
    [(SIM800, "+SMSFULL: 2"), (EC25, '+QIND: "smsfull","SM"'), (HUAWEI, '^SMMEMFULL: "SM"')],
)
def test_a_full_memory_keeps_a_text_waiting_in_the_network(personality: Personality, line: str) -> None:
    bench = bench_with(personality)
    bench.modem.device.text_memories["SM"] = TextStore(slots=1)
    receive(bench, "one")
    assert receive(bench, "two") == [line]
    assert '+CMTI: "SM",1' in bench.ask("AT+CMGD=1", wait_s=1.0)


def test_text_mode_sends_and_shows_words() -> None:
    bench = bench_with(SIM7600, set_up='+CMGF=1;+CSCS="UCS2";+CNMI=2,1')
    bench.ask(f'AT+CMGS="{PERSON}"')
    bench.modem.on_host_bytes("你好".encode("utf-16-be").hex().encode() + b"\x1a")
    bench.time.run(3.0)
    assert [text.text for text in bench.network.messages.sent] == ["你好"]
    receive(bench, "好")
    head, words, ok = bench.ask("AT+CMGR=1")
    assert head.startswith(f'+CMGR: "REC UNREAD","{PERSON}",,"26/01/01,')
    assert (words, ok) == ("597D", "OK")


def test_a_text_to_another_modem_arrives_there() -> None:
    network = Network()
    bench = Bench(EC25, network=network)
    bench.ask('ATE0;+CMGF=1;+CNMI=2,1;+CMGS="+8613912345678"')
    bench.modem.on_host_bytes(b"to myself\x1a")
    bench.time.run(3.0)
    assert '+CMTI: "SM",1' in bench.lines()
    assert bench.ask('AT+CMGL="ALL"')[1] == "to myself"


@settings(max_examples=60, deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=400))
def test_every_text_survives_its_parts(text: str) -> None:
    parts = [codec.read_submit(codec.submit(body)) for body in codec.submits(PERSON, text, reference=7)]
    units = "".join(part.text for part in parts).encode("utf-16-be", "surrogatepass")
    assert units.decode("utf-16-be") == text
    assert [part.part for part in parts] == (
        [(0, 1, 1)] if len(parts) == 1 else [(7, len(parts), k + 1) for k in range(len(parts))]
    )


@settings(max_examples=100, deadline=None)
@given(octets=st.binary(max_size=180))
def test_no_octets_break_the_reading_of_a_submit(octets: bytes) -> None:
    try:
        body = codec.read_submit(bytes([0x01]) + octets)
    except (codec.NotATpduError, IndexError):
        return
    assert isinstance(body.text, str)
    assert body.part[1] >= 0


def test_packing_follows_the_standards_example() -> None:
    codes = septets("hellohello")
    assert codes is not None
    assert pack(codes).hex().upper() == "E8329BFD4697D9EC37"
    assert characters(unpack(bytes.fromhex("E8329BFD4697D9EC37"), 10)) == "hellohello"


@pytest.mark.parametrize(
    ("personality", "code", "answer"),
    [
        (EC25, "*100#", '+CUSD: 0,"Your balance is 25.50 CNY, valid until 2027-01-31.",15'),
        (
            SIM800,
            "*101#",
            '+CUSD: 0,"' + "您的余额为25.50元，有效期至2027年1月31日。".encode("utf-16-be").hex().upper(),
        ),
        (SIM7600, "*999#", "+CUSD: 4"),
        (HUAWEI, "AA180C3602", '+CUSD: 0,"D9775D0E1287D961F7B80C'),
    ],
)
def test_ussd_is_answered_later(personality: Personality, code: str, answer: str) -> None:
    bench = bench_with(personality)
    assert bench.ask(f'AT+CUSD=1,"{code}",15')[-1] == "OK"
    bench.time.run(2.5)
    assert next(line for line in bench.lines() if line.startswith("+CUSD")).startswith(answer[:40])


def test_a_ussd_menu_waits_for_a_choice() -> None:
    bench = bench_with(EC25)
    bench.ask('AT+CUSD=1,"*102#"', wait_s=3.0)
    assert bench.ask('AT+CUSD=1,"2"', wait_s=3.0)[-1] == '+CUSD: 0,"1.2 GB left.",15'
    bench.ask('AT+CUSD=1,"*102#"', wait_s=3.0)
    assert bench.ask('AT+CUSD=1,"9"', wait_s=3.0)[-1] == "+CUSD: 2"


def test_the_clock_is_wrong_until_the_network_tells_it() -> None:
    network = Network(clock=lambda: datetime(2026, 11, 22, 8, 30, tzinfo=BEIJING))
    assert Bench(EC25).ask("AT+CCLK?")[0] == '+CCLK: "80/01/06,00:00:00+00"'
    assert Bench(EC25, network=network).ask("AT+CCLK?")[0].startswith('+CCLK: "26/11/22,08:30:00+32"')
    bench = Bench(SIM800, network=network)
    bench.ask("ATE0;+CLTS=1")
    assert bench.ask("AT+CCLK?")[0].startswith('+CCLK: "80/01/06')  # taken at the next registration only
    lines = bench.ask("AT+CFUN=4;+CFUN=1", wait_s=3.0)
    assert '*PSUTTZ: 2026, 11, 22, 08, 30, 00,"+32", 0' in lines
    assert bench.ask("AT+CCLK?")[0].startswith('+CCLK: "26/11/22,08:30:')
    assert bench.ask('AT+CCLK="27/01/02,03:04:05-16";+CCLK?')[0].startswith('+CCLK: "27/01/02,03:04:05-16"')
    assert bench.ask('AT+CCLK="27/13/02,03:04:05"') == ["ERROR"]


@pytest.mark.parametrize(
    ("personality", "ask", "answer"),
    [
        (SIM7600, "AT+SPIC", "+SPIC: 2,3,10,10"),
        (EC25, "AT+QPINC?", '+QPINC: "SC",2,10'),
        (HUAWEI, "AT^CPIN?", "^CPIN: SIM PIN,,10,2,10,3"),
    ],
)
def test_the_tries_left_are_told(personality: Personality, ask: str, answer: str) -> None:
    bench = bench_with(personality)
    bench.modem.device.sim.pin = "1234"
    bench.ask("AT+CPIN=9999")
    assert bench.ask(ask)[0] == answer


def test_a_puk_opens_a_blocked_card() -> None:
    bench = bench_with(EC25)
    bench.modem.device.sim.pin, bench.modem.device.sim.tries_left = "1234", 0
    assert bench.ask("AT+CPIN=1234") == ["+CME ERROR: 12"]
    assert bench.ask("AT+CPIN=11111111,4321") == ["+CME ERROR: 16"]
    assert bench.ask("AT+CPIN=12345678,4321", wait_s=2.0)[:2] == ["OK", "+CPIN: READY"]
    assert bench.modem.device.sim.pin == "4321"


def test_a_card_is_swapped_while_the_modem_runs() -> None:
    bench = bench_with(EC25, set_up="+CREG=1")
    bench.modem.pull_sim()
    assert bench.lines() == ["+CPIN: NOT READY", "+CREG: 0"]
    assert bench.ask("AT+CIMI") == ["+CME ERROR: 10"]
    bench.modem.insert_sim()
    bench.time.run(3.0)
    assert bench.lines() == ["+CPIN: READY", "+CREG: 1"]


def test_a_busy_card_recovers_after_so_many_commands() -> None:
    bench = bench_with(EC25)
    bench.modem.faults = Faults(sim_busy_replies=2)
    answers = [bench.ask("AT+CPIN?")[0] for _ in range(3)]
    assert answers == ["+CME ERROR: 14", "+CME ERROR: 14", "+CPIN: READY"]


def test_every_command_can_take_longer() -> None:
    bench = bench_with(EC25)
    bench.modem.faults = Faults(reply_delay_s=2.0)
    assert bench.ask("AT+CSQ", wait_s=1.9) == []
    bench.time.run(3.0)
    assert bench.lines() == ["+CSQ: 23,99", "OK"]


def test_a_rotten_audio_path_is_cured_by_a_reboot() -> None:
    """The first call sounds well; later ones refuse the path three times and are silent until AT+CRESET."""
    bench = Bench(SIM7600, [Person(number=PERSON, ring_s=0.0, noise_dbfs=-30.0)])
    bench.modem.faults = Faults(audio_rot=True)

    def call() -> tuple[int, bool]:
        bench.ask(f"ATE0D{PERSON};", wait_s=3.0)
        refusals = 0
        while bench.ask("AT+CPCMREG=1") != ["OK"]:
            refusals += 1
        audible = bool(bench.sound(0.5).any())
        bench.ask("AT+CHUP", wait_s=1.0)
        return refusals, audible

    assert [call(), call(), call()] == [(0, True), (3, False), (3, False)]
    bench.ask("AT+CRESET", wait_s=20.0)
    assert call() == (0, True)
