"""Calls of a simulated modem: what each family says about each fate, and what the network remembers."""

import json
from pathlib import Path

import pytest

from modem_drivers.simulator import (
    EC25,
    SIM7600,
    Faults,
    HangUp,
    Network,
    Pause,
    Person,
    Personality,
    Reaction,
)
from modem_drivers.simulator.bench import Bench

NUMBER = "+8613800000001"
SET_UP = {
    "sim7600": "ATE0;+CLCC=1;+CVHU=0",
    "ec25": 'ATE0;+QINDCFG="ccinfo",1,0',
}
BOTH = pytest.mark.parametrize("personality", [SIM7600, EC25], ids=["sim7600", "ec25"])


def called(personality: Personality, person: Person | None, *, wait_s: float) -> tuple[Bench, list[str]]:
    """Dial NUMBER; return the bench and what the modem said for so long."""
    bench = Bench(personality, [person] if person else [])
    bench.ask(SET_UP[personality.name])
    return bench, bench.ask(f"ATD{NUMBER};", wait_s=wait_s)


def clcc(state: int) -> str:
    return f'+CLCC: 1,0,{state},0,0,"{NUMBER}",145'


def ccinfo(state: int) -> str:
    return f'+QIND: "ccinfo",2,0,{state},0,0,"{NUMBER}",145'


def test_an_answered_call_on_sim7600() -> None:
    person = Person(number=NUMBER, ring_s=3.0, steps=(Pause(duration_s=12.4), HangUp()))
    bench, lines = called(SIM7600, person, wait_s=30.0)
    assert lines == [
        "OK",
        clcc(2),
        clcc(3),
        "VOICE CALL: BEGIN",
        clcc(0),
        clcc(6),
        "VOICE CALL: END: 000012",
        "NO CARRIER",
    ]
    assert bench.ask("AT+CLCC") == ["OK"]
    assert bench.ask("AT+CEER") == ["+CEER: Normal call clearing", "OK"]


def test_an_answered_call_on_ec25() -> None:
    person = Person(number=NUMBER, ring_s=3.0, steps=(Pause(duration_s=2.0), HangUp()))
    bench, lines = called(EC25, person, wait_s=30.0)
    assert lines == ["OK", ccinfo(2), ccinfo(3), ccinfo(0), ccinfo(-1), "NO CARRIER"]
    assert bench.ask("AT+CEER") == ["+CEER: 5,16", "OK"]
    released = bench.network.call_log.rows[-1]
    assert (released["by"], released["answered"]) == ("callee", True)


def test_dsci_numbers_the_states_its_own_way() -> None:
    bench = Bench(EC25, [Person(number=NUMBER, steps=(HangUp(),))])
    bench.ask("ATE0;^DSCI=1")
    lines = bench.ask(f"ATD{NUMBER};", wait_s=10.0)
    assert [line.split(",")[2] for line in lines if line.startswith("^DSCI")] == ["2", "7", "3", "6"]


@BOTH
@pytest.mark.parametrize(
    ("reaction", "cause", "text", "rings"),
    [
        pytest.param(Reaction.BUSY, 17, "User busy", False, id="busy"),
        pytest.param(Reaction.NO_ANSWER, 19, "User alerting, no answer", True, id="no answer"),
        pytest.param(Reaction.SWITCHED_OFF, 27, "Destination out of order", False, id="switched off"),
        pytest.param(Reaction.UNREACHABLE, 18, "No user responding", False, id="unreachable"),
        pytest.param(Reaction.REJECTS, 21, "Call rejected", True, id="rejects"),
        pytest.param(Reaction.VACANT, 1, "Unassigned (unallocated) number", False, id="vacant"),
        pytest.param(Reaction.CONGESTED, 42, "Switching equipment congestion", False, id="congested"),
    ],
)
def test_every_unanswered_fate(
    personality: Personality, reaction: Reaction, cause: int, text: str, *, rings: bool
) -> None:
    bench, lines = called(personality, Person(number=NUMBER, reaction=reaction), wait_s=70.0)
    alerting = clcc(3) if personality is SIM7600 else ccinfo(3)
    assert (alerting in lines) == rings
    assert lines[-1] == ("BUSY" if personality is EC25 and reaction is Reaction.BUSY else "NO CARRIER")
    assert ("VOICE CALL: END" in lines) == (personality is SIM7600)
    expected = f"+CEER: {text}" if personality is SIM7600 else f"+CEER: 5,{cause}"
    assert bench.ask("AT+CEER") == [expected, "OK"]
    released = bench.network.call_log.rows[-1]
    assert (released["event"], released["cause"], released["answered"]) == ("released", cause, False)


@BOTH
def test_a_number_that_is_nobodys_is_vacant(personality: Personality) -> None:
    bench, lines = called(personality, None, wait_s=5.0)
    assert lines[-1] == "NO CARRIER"
    assert bench.network.call_log.rows[-1]["cause"] == 1


@pytest.mark.parametrize("hang_up", ["ATH", "AT+CHUP"])
def test_our_own_hang_up_is_answered_first_and_reported_after(hang_up: str) -> None:
    bench, _ = called(SIM7600, Person(number=NUMBER, ring_s=30.0), wait_s=4.0)
    assert bench.ask(hang_up) == ["OK", clcc(6), "VOICE CALL: END", "NO CARRIER"]
    assert bench.ask("AT+CEER") == ["+CEER: Client ended call", "OK"]
    bench, _ = called(EC25, Person(number=NUMBER, ring_s=30.0), wait_s=4.0)
    assert bench.ask(hang_up) == ["OK", ccinfo(-1)]
    assert bench.network.call_log.rows[-1]["by"] == "caller"


def test_ath_hangs_up_only_where_cvhu_lets_it() -> None:
    """SIM7600 powers on with CVHU=1: ATH says OK and does nothing."""
    bench = Bench(SIM7600, [Person(number=NUMBER)])
    bench.ask(f"ATE0D{NUMBER};", wait_s=6.0)
    assert bench.ask("ATH") == ["OK"]
    assert bench.ask("AT+CLCC") == [clcc(0), "OK"]
    assert bench.ask("AT+CVHU=0;H")[0] == "OK"
    assert bench.ask("AT+CLCC") == ["OK"]


def test_ath_may_be_ignored_while_it_rings_and_chup_may_not() -> None:
    bench, _ = called(EC25, Person(number=NUMBER, ring_s=30.0), wait_s=4.0)
    bench.modem.faults = Faults(ath_ignored_while_alerting=True)
    assert bench.ask("ATH") == ["OK"]
    assert ccinfo(-1) in bench.ask("AT+CHUP")


@BOTH
def test_urcs_come_only_to_who_asked(personality: Personality) -> None:
    bench = Bench(personality, [Person(number=NUMBER, steps=(HangUp(),))])
    lines = bench.ask(f"ATE0D{NUMBER};", wait_s=10.0)
    begin_and_end = ["VOICE CALL: BEGIN", "VOICE CALL: END: 000000"] if personality is SIM7600 else []
    assert lines == [f"ATE0D{NUMBER};", "OK", *begin_and_end, "NO CARRIER"][1:]


def test_the_wrong_urc_port_hears_results_only() -> None:
    bench = Bench(EC25, [Person(number=NUMBER, steps=(HangUp(),))])
    bench.ask('ATE0;+QINDCFG="ccinfo",1,0;+QURCCFG="urcport","uart1"')
    assert bench.ask(f"ATD{NUMBER};", wait_s=10.0) == ["OK", "NO CARRIER"]


@BOTH
def test_clcc_follows_the_call(personality: Personality) -> None:
    bench, _ = called(personality, Person(number=NUMBER, ring_s=2.0), wait_s=1.0)
    index = 1 if personality is SIM7600 else 2
    for wait_s, state in ((0.0, 2), (1.0, 3), (2.0, 0)):
        bench.time.run(wait_s)
        line = f'+CLCC: {index},0,{state},0,0,"{NUMBER}",145'
        assert bench.ask("AT+CLCC")[-2:] == [line, "OK"]
    assert bench.ask("AT+CPAS") == ["+CPAS: 4", "OK"]


@BOTH
def test_with_colp_the_dial_result_is_the_calls(personality: Personality) -> None:
    bench = Bench(
        personality,
        [Person(number=NUMBER, ring_s=2.0), Person(number="+8613800000002", reaction=Reaction.BUSY)],
    )
    bench.ask("ATE0;+COLP=1")
    lines = bench.ask(f"ATD{NUMBER};", wait_s=3.0)
    assert "OK" not in lines
    bench.time.run(2.0)
    assert bench.lines()[:2] == [f'+COLP: "{NUMBER}",145', "OK"]
    bench.ask("AT+CHUP")
    lines = bench.ask("ATD13800000002;", wait_s=3.0)
    assert [line for line in lines if not line.startswith("VOICE")] == [
        "BUSY" if personality is EC25 else "NO CARRIER"
    ]
    bench.ask(f"ATD{NUMBER};", wait_s=2.5)
    assert bench.ask("x")[-1] == "NO CARRIER"  # any key gives the dial up
    assert bench.ask("AT") == ["OK"]


@BOTH
@pytest.mark.parametrize(
    ("dialled", "result"),
    [
        pytest.param("ATD13800000001", "NO CARRIER", id="without a semicolon it is a data call"),
        pytest.param("ATD138x0000001;", "ERROR", id="letters"),
        pytest.param("ATD;", "ERROR", id="nothing"),
        pytest.param("ATD+86138+1;", "ERROR", id="a plus inside"),
    ],
)
def test_what_cannot_be_dialled(personality: Personality, dialled: str, result: str) -> None:
    bench = Bench(personality, [Person(number=NUMBER)])
    bench.ask("ATE0")
    assert bench.ask(dialled, wait_s=3.0) == [result]
    assert bench.network.call_log.rows == []


def test_one_call_at_a_time() -> None:
    bench, _ = called(EC25, Person(number=NUMBER), wait_s=6.0)
    assert bench.ask("ATD13800000002;") == ["+CME ERROR: 3"]
    assert bench.network.call_log.dialled(NUMBER) == 1


@pytest.mark.parametrize(
    "dialled", ["+8613800000001", "13800000001", "013800000001", "008613800000001", "T138-0000-0001"]
)
def test_a_person_is_found_under_every_form_of_their_number(dialled: str) -> None:
    bench = Bench(SIM7600, [Person(number=NUMBER)])
    bench.ask(f"ATD{dialled};", wait_s=6.0)
    assert [row["event"] for row in bench.network.call_log.rows] == ["dialled", "answered"]


def test_somebody_who_is_talking_is_busy_to_the_second_modem() -> None:
    network = Network([Person(number=NUMBER)])
    first, second = Bench(EC25, network=network), Bench(EC25, network=network)
    first.ask(f"ATD{NUMBER};", wait_s=8.0)
    assert second.ask(f"ATE0D{NUMBER};", wait_s=8.0)[-1] == "BUSY"
    first.ask("AT+CHUP")
    assert second.ask(f"ATD{NUMBER};", wait_s=8.0) == ["OK"]


def test_later_calls_may_go_another_way() -> None:
    person = Person(
        number=NUMBER, reaction=Reaction.BUSY, later_reactions=(Reaction.REJECTS, Reaction.ANSWER)
    )
    bench = Bench(EC25, [person])
    bench.ask("ATE0")
    ends = [bench.ask(f"ATD{NUMBER};", wait_s=8.0)[-1] for _ in range(3)]
    assert ends == ["BUSY", "NO CARRIER", "OK"]


@BOTH
def test_without_network_a_call_ends_before_it_began(personality: Personality) -> None:
    bench = Bench(personality, [Person(number=NUMBER)])
    bench.network.registration = 0
    assert bench.ask(f"ATE0D{NUMBER};", wait_s=3.0)[-1] == "NO CARRIER"
    assert bench.network.call_log.rows == []


def test_a_call_is_lost_with_the_network() -> None:
    bench, _ = called(EC25, Person(number=NUMBER), wait_s=8.0)
    bench.network.registration = 2
    assert bench.lines() == [ccinfo(-1), "NO CARRIER"]
    assert bench.network.call_log.rows[-1]["by"] == "network"


def test_every_row_is_in_the_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    bench = Bench(SIM7600, network=Network([Person(number=NUMBER, steps=(HangUp(),))], call_log_path=path))
    bench.ask(f"ATD{NUMBER};", wait_s=0.5)
    first = path.read_text().splitlines()
    assert [json.loads(line)["event"] for line in first] == ["dialled"]
    assert json.loads(first[0]) == {
        "at_s": 0.13,
        "event": "dialled",
        "number": NUMBER,
        "modem": "+8613912345678",
    }
    bench.time.run(10.0)
    assert [json.loads(line) for line in path.read_text().splitlines()] == bench.network.call_log.rows
    assert path.stat().st_mode & 0o777 == 0o600


def test_lost_urcs_are_lost_and_answers_are_not() -> None:
    bench = Bench(SIM7600, [Person(number=NUMBER, steps=(HangUp(),))])
    bench.modem.faults = Faults(lost_urc=1.0)
    bench.ask("ATE0;+CLCC=1")
    assert bench.ask(f"ATD{NUMBER};", wait_s=10.0) == ["OK"]
    assert bench.ask("AT+CEER") == ["+CEER: Normal call clearing", "OK"]


def test_lines_may_be_glued() -> None:
    bench = Bench(EC25, [Person(number=NUMBER, reaction=Reaction.BUSY)])
    bench.modem.faults = Faults(glued_lines=True)
    bench.ask('ATE0;+QINDCFG="ccinfo",1,0')
    assert bench.ask(f"ATD{NUMBER};", wait_s=5.0)[-1] == ccinfo(-1) + "BUSY"


def test_noise_stands_between_the_lines_of_an_answer_and_repeats_from_run_to_run() -> None:
    def run() -> list[str]:
        bench = Bench(EC25, [Person(number=NUMBER)])
        bench.ask("ATE0")
        bench.ask(f"ATD{NUMBER};", wait_s=8.0)
        bench.modem.faults = Faults(noise_urcs=0.7)
        return [line for _ in range(10) for line in bench.ask("AT+CLCC")]

    lines = run()
    assert set(EC25.noise) <= set(lines)
    assert lines.count("OK") == 10
    assert lines == run()
