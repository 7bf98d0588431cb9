"""`branchline modem`, command by command, on a simulated modem behind a real pseudo-terminal."""

import asyncio
import json
import re
import threading
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import structlog
from typer.testing import CliRunner, Result

from modem_drivers.command import EXIT_FAILED, EXIT_REFUSED, app
from modem_drivers.events import Released
from modem_drivers.simulator import ModemSpec, SimulatedModemProcess, Simulation
from modem_drivers.transcript import FieldLogError, format_log, read_log, to_transcript

Run = Callable[..., Any]
NUMBER = "+8613800000001"
PEOPLE = f"""
people:
  - number: "{NUMBER}"
    ring_s: 0.2
    steps: [{{pause: 0.2}}, hang_up]
"""


@pytest.fixture(scope="module")
def ports() -> Iterator[list[str]]:
    """A SIM7600, a SIM7600 whose card wants its PIN, and a modem without sound over USB, in a process of their own."""
    specs = (
        ModemSpec(personality="sim7600", imei="861234567890123", number="+8613912345678"),
        ModemSpec(personality="sim7600", imei="861234567890131", number="+8613912345679", pin="1234"),
        ModemSpec(personality="wavecom", imei="861234567890149", number="+8613912345680"),
    )
    simulation = Simulation(modems=specs, people=PEOPLE, today=date(2026, 3, 2), setup_s=0.1)
    paths: list[str] = []
    is_up, is_done = threading.Event(), threading.Event()

    def host() -> None:
        async def keep() -> None:
            async with SimulatedModemProcess(simulation) as process:
                paths.extend(pair.at_path for pair in process.ports)
                is_up.set()
                await asyncio.to_thread(is_done.wait)

        asyncio.run(keep())

    thread = threading.Thread(target=host)
    thread.start()
    assert is_up.wait(60)
    yield paths
    is_done.set()
    thread.join()


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(app, list(arguments))
    assert "13800000001" not in result.output, "numbers are masked"
    assert "Traceback" not in result.output
    return result


def test_info(ports: list[str]) -> None:
    result = run("info", ports[0], "--json")
    assert result.exit_code == 0, result.output
    facts = json.loads(result.output)
    assert (facts["family"], facts["sim"], facts["registration"]) == ("sim7600", "ready", "home")
    assert facts["imei"] == "861…23"
    assert "SIM7600" in run("info", ports[0]).output


def test_selftest_passes_a_good_modem_and_names_what_keeps_a_bad_one_from_work(ports: list[str]) -> None:
    good = run("selftest", ports[0], "--json")
    assert good.exit_code == 0, good.output
    assert all(finding["passed"] for finding in json.loads(good.output))
    bad = run("selftest", ports[1], "--json")
    assert bad.exit_code == EXIT_FAILED
    findings = json.loads(bad.stdout.splitlines()[0])
    assert "SIM card" in {finding["what"] for finding in findings if not finding["passed"]}


def test_selftest_knows_that_a_sound_card_carries_the_calls(ports: list[str]) -> None:
    def call_audio(*more: str) -> dict[str, Any]:
        result = run("selftest", ports[2], *more, "--json")
        findings = json.loads(result.stdout.splitlines()[0])
        return next(finding for finding in findings if finding["what"] == "call audio")

    without = call_audio()
    assert not without["passed"]
    assert "--sound-card" in without["detail"], "and what to do about it"
    through = call_audio("--sound-card", "USB Audio")
    assert through["passed"]
    assert "USB Audio" in through["detail"]


@pytest.mark.parametrize(
    ("command", "answer", "code"),
    [
        ("AT+CSQ", "+CSQ: 23,", 0),
        ("AT+CREG?", "+CREG: ", 0),
        ("ATI", "SIM7600", 0),
        ('AT+EGMR=1,7,"861234567890123"', "identity is never changed", EXIT_FAILED),
        ("AT+CMGF=1", "only some uses", EXIT_FAILED),
        ("ATD112;", "their own doors", EXIT_FAILED),
        (f"ATD{NUMBER};", "their own doors", EXIT_FAILED),
        ('AT+CUSD=1,"*100#",15', "their own doors", EXIT_FAILED),
        ('AT+CPIN="1234"', "unlock_sim", EXIT_FAILED),
        ("AT+CSQ\rATD112;", "one line", EXIT_FAILED),
    ],
)
def test_at(ports: list[str], command: str, answer: str, code: int) -> None:
    result = run("at", ports[0], command)
    assert answer in result.output
    assert result.exit_code == code


@pytest.mark.parametrize("allowed", [(), ("--allow", "+8613800000002"), ("--allow", "138")])
@pytest.mark.parametrize("what", [("dial",), ("sms", "send")], ids=["dial", "sms"])
def test_only_test_numbers_are_reached(what: tuple[str, ...], allowed: tuple[str, ...]) -> None:
    text = ("hello",) if what[0] == "sms" else ()
    result = run(*what, "/dev/nothing-is-opened", NUMBER, *text, *allowed)
    assert result.exit_code == EXIT_REFUSED
    assert "not one of the test numbers" in result.output


def test_an_emergency_number_is_no_test_number() -> None:
    result = run("dial", "/dev/nothing-is-opened", "112", "--allow", "112")
    assert result.exit_code == EXIT_REFUSED
    assert "emergency" in result.output


def test_a_call_its_log_and_the_transcript_of_it(
    ports: list[str], tmp_path: Path, run_virtual: Run, open_scripted: Run, call_events: Run
) -> None:
    allow, log, transcript = tmp_path / "numbers", tmp_path / "call.log", tmp_path / "call.at"
    allow.write_text(f"# ours\n{NUMBER}  # the desk\n")
    dialled = run("dial", ports[0], NUMBER, "--allow-file", str(allow), "--log", str(log))
    assert dialled.exit_code == 0, dialled.output
    assert dialled.output.splitlines()[:3] == ["Dialing", "Alerting", "Active"]
    assert "Released: answered_remote, cause 16" in dialled.output
    made = run("record-transcript", str(log), str(transcript), "--title", "SIM7600, answered")
    assert made.exit_code == 0, made.output
    assert run("record-transcript", str(log), str(transcript)).exit_code == EXIT_REFUSED, "never over another"
    text = transcript.read_text()
    assert text.startswith("# SIM7600, answered\nnumber: +86000")
    assert "1380000" not in text

    async def replay() -> None:
        script, modem = await open_scripted(str(transcript))
        events = await call_events(await modem.dial(script.number))
        await modem.close()
        assert [type(event).__name__ for event in events] == [line.split()[0] for line in script.expected]
        assert isinstance(events[-1], Released)
        assert (events[-1].kind, events[-1].q850) == ("answered_remote", 16)
        assert script.is_finished

    run_virtual(replay())


def test_we_hang_up_after_the_time_given(ports: list[str]) -> None:
    result = run("dial", ports[0], NUMBER, "--allow", NUMBER, "--seconds", "1")
    assert "Released: " in result.output


def test_sms_and_ussd(ports: list[str]) -> None:
    sent = run("sms", "send", ports[0], NUMBER, "您好👍", "--allow", NUMBER, "--report")
    assert sent.exit_code == 0, sent.output
    assert re.search(r"sent in 1 part.*\npart [0-9]+: delivered", sent.output)
    assert run("sms", "read", ports[0]).exit_code == 0
    balance = run("ussd", ports[0], "*102#", "--reply", "2")
    assert balance.exit_code == 0, balance.output
    assert "1.2 GB left." in balance.output
    refused = run("ussd", ports[0], "*21*13800000001#")
    assert refused.exit_code == EXIT_FAILED
    assert "call forwarding is never changed" in refused.output


def test_monitor_keeps_a_log(ports: list[str], tmp_path: Path) -> None:
    log = tmp_path / "monitor.log"
    assert run("monitor", ports[0], "--seconds", "0.5", "--log", str(log)).exit_code == 0
    assert any(line.mark == "->" and line.text == "AT+CGMM" for line in read_log(log.read_text()))


def test_list_reads_another_tree_and_opens_nothing(tmp_path: Path) -> None:
    assert run("list", "--sysfs", str(tmp_path)).output == "No modem is plugged in.\n"
    device = tmp_path / "devices" / "1-1.3"
    for number, tty in ((2, "ttyUSB2"), (4, "ttyUSB4")):
        node = device / f"1-1.3:1.{number}" / tty
        node.mkdir(parents=True)
        (node.parent / "bInterfaceNumber").write_text(f"{number:02x}\n")
        link = tmp_path / "class" / "tty" / tty
        link.mkdir(parents=True)
        (link / "device").symlink_to(node)
    (device / "idVendor").write_text("1e0e\n")
    (device / "idProduct").write_text("9001\n")
    (found,) = json.loads(run("list", "--json", "--sysfs", str(tmp_path)).output)
    assert found["usb_path"] == "1-1.3"
    assert (found["at_candidates"], found["pcm_path"]) == (["/dev/ttyUSB2"], "/dev/ttyUSB4")
    assert "1-1.3" in run("list", "--sysfs", str(tmp_path)).output


def test_a_port_that_is_not_there_is_told_in_one_line() -> None:
    for port in ("/dev/ttyUSB99", "9-9.9"):
        result = run("info", port)
        assert result.exit_code == EXIT_FAILED
        assert len(result.output.splitlines()) == 1


def test_a_log_that_cannot_be_read_says_where() -> None:
    with pytest.raises(FieldLogError, match="line 2"):
        read_log("0.1 -> AT\nwhat?\n")
    with pytest.raises(FieldLogError, match="no call"):
        to_transcript(read_log("0.1 -> AT\n0.2 <- OK\n"), "x")


def test_a_command_the_log_ends_before_is_no_silence_in_the_transcript() -> None:
    log = "1.0 -> AT+QPCMV=0\n1.1 <- ERROR\n2.0 -> ATD+8613800000001;\n2.1 <- OK\n3.0 -> AT+QPCMV=0\n"
    text = to_transcript(read_log(log), "cut")
    assert text.count("= AT+QPCMV=0") == 1
    assert "= AT+QPCMV=0\n<- ERROR\n" in text


def test_a_raw_log_is_masked_before_anything_else() -> None:
    log = "1.0 -> ATD+8613800000001;\n1.1 <- OK\n1.2 <- +CMT: ,24\n1.3 <- 0791AABBCCDDEEFF00112233445566\n"
    text = to_transcript(read_log(log), "raw")
    assert "number: +8600000000001\n" in text
    assert "1380000" not in text
    assert "0791AABB" not in text
    assert "octets" not in text, "what is no line of a modem is not replayed as one"


@pytest.mark.parametrize(
    "name",
    [
        "a7680c_answered_remote_release.at",
        "sim7600_missed_then_no_carrier.at",
        "ec25_ccinfo_busy.at",
        "sim7600_answered_index3.at",
        "ec25_dsci_local_hang_up.at",
    ],
)
def test_a_transcript_of_a_replayed_transcript_says_the_same(
    run_virtual: Run, open_scripted: Run, call_events: Run, tmp_path: Path, name: str
) -> None:
    """Replay, log what the driver said and heard, make a transcript of that, and replay it again."""

    async def replay(path: str) -> tuple[list[str], str]:
        script, modem = await open_scripted(path)

        async def act() -> None:
            while True:
                match await script.actions.get():
                    case "hang_up":
                        await call.hang_up()
                    case "open_audio":
                        await call.open_audio()

        call = await modem.dial(script.number)
        acting = asyncio.create_task(act())
        events = await call_events(call)
        log = format_log(modem.traffic, events)
        await modem.close()
        acting.cancel()
        assert script.is_finished
        return [line.partition(" ! ")[2] for line in log.splitlines() if " ! " in line], log

    first, log = run_virtual(replay(name))
    again = tmp_path / "again.at"
    again.write_text(to_transcript(read_log(log), "again"))
    second, _ = run_virtual(replay(str(again)))
    assert first == second
