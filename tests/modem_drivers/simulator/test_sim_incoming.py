"""Calls that come in: ringing, who calls, answering, refusing, missing; and hold."""

import pytest

from modem_drivers.simulator import (
    EC25,
    HUAWEI,
    PERSONALITIES,
    SIM800,
    SIM7600,
    HangUp,
    Network,
    Pause,
    Person,
    Personality,
    Press,
)
from modem_drivers.simulator.bench import Bench

CALLER = "+8613800000001"
EVERY = pytest.mark.parametrize("personality", PERSONALITIES.values(), ids=lambda p: p.name)


def rung(personality: Personality, person: Person, *, wait_s: float, withheld: bool = False) -> Bench:
    bench = Bench(personality, network=Network([person]))
    bench.ask("ATE0;+CLIP=1;+CRC=1" + (";^CURC=0" if personality is HUAWEI else ""))
    bench.take()
    network = bench.network
    assert network.ring(
        "+8613912345678",
        CALLER,
        schedule=bench.time.schedule,
        now_s=bench.time.now_s,
        is_withheld=withheld,
    )
    bench.time.run(wait_s)
    return bench


@EVERY
def test_it_rings_is_answered_and_talks(personality: Personality) -> None:
    bench = rung(personality, Person(number=CALLER, steps=(Pause(duration_s=2.0), HangUp())), wait_s=6.0)
    lines = bench.lines()
    assert lines.count("+CRING: VOICE") == 2
    assert lines.count(f'+CLIP: "{CALLER}",145,"",0,"",0') == 2
    assert bench.ask("AT+CPAS") == ["+CPAS: 3", "OK"]
    tail = personality.clcc_tail
    index = 1 if personality.alone_in_clcc else 2
    assert f'+CLCC: {index},1,4,0,0,"{CALLER}",145{tail}' in bench.ask("AT+CLCC")
    assert bench.ask("ATA", wait_s=0.5)[0] == "OK"
    assert f'+CLCC: {index},1,0,0,0,"{CALLER}",145{tail}' in bench.ask("AT+CLCC")
    bench.time.run(5.0)
    events = [(row["event"], row.get("by")) for row in bench.network.call_log.rows]
    assert events == [("called", None), ("answered", None), ("released", "caller")]


@EVERY
def test_it_can_be_refused(personality: Personality) -> None:
    bench = rung(personality, Person(number=CALLER), wait_s=1.0)
    assert bench.ask("AT+CHUP")[0] == "OK"
    released = bench.network.call_log.rows[-1]
    assert (released["by"], released["cause"], released["answered"]) == ("callee", 21, False)
    assert bench.ask("AT+CPAS") == ["+CPAS: 0", "OK"]


def test_a_caller_gives_up() -> None:
    bench = rung(SIM7600, Person(number=CALLER, ring_s=7.0), wait_s=10.0)
    assert bench.lines() == [
        *["+CRING: VOICE", f'+CLIP: "{CALLER}",145,"",0,"",0'] * 2,
        "VOICE CALL: END",
        f"MISSED_CALL: 12:00AM {CALLER}",
        "NO CARRIER",
    ]
    assert bench.ask("ATA", wait_s=0.5) == ["NO CARRIER"]


def test_a_withheld_number_and_a_plain_ring() -> None:
    bench = rung(EC25, Person(number=CALLER), wait_s=1.0, withheld=True)
    assert '+CLIP: "",128,"",0,"",1' in bench.lines()
    bench.ask("AT+CRC=0;+CLIP=0")
    bench.time.run(5.0)
    assert bench.lines() == ["RING"]


def test_s0_answers_by_itself() -> None:
    bench = Bench(SIM800, network=Network([Person(number=CALLER)]))
    bench.ask("ATE0S0=2;+CLCC=1")
    schedule, now_s = bench.time.schedule, bench.time.now_s
    bench.network.ring("+8613912345678", CALLER, schedule=schedule, now_s=now_s)
    bench.time.run(6.0)
    assert bench.lines()[-1] == f'+CLCC: 1,1,0,0,0,"{CALLER}",145,""'


def test_a_modem_in_a_call_is_busy_to_the_next_caller() -> None:
    bench = rung(EC25, Person(number=CALLER), wait_s=1.0)
    schedule, now_s = bench.time.schedule, bench.time.now_s
    assert not bench.network.ring("+8613912345678", "10086", schedule=schedule, now_s=now_s)
    assert bench.network.call_log.rows[-1]["cause"] == 17


def test_a_held_call_hears_nothing_and_goes_on_when_taken_back() -> None:
    person = Person(number=CALLER, ring_s=0.5, steps=(Press(keys="1" * 60),))
    bench = Bench(EC25, [person])
    bench.ask('ATE0;+QPCMV=1,0;+QINDCFG="ccinfo",1,0')
    bench.ask(f"ATD{CALLER};", wait_s=2.6)
    assert bench.sound(1.0).any()
    assert bench.ask("AT+CHLD=2") == [f'+QIND: "ccinfo",2,0,1,0,0,"{CALLER}",145', "OK"]
    assert not bench.sound(1.0).any()
    bench.ask("AT+CHLD=2")
    assert bench.sound(1.0).any()
    bench.ask("AT+CHUP")
    assert bench.ask("AT+CHLD=2") == ["+CME ERROR: 3"]
