"""The program a person starts: links, orders, ports that move, TCP, and its complaints."""

import os
import select
import signal
import socket
import subprocess
import sys
import time
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modem_drivers.simulator import Faults, SimulatorError
from modem_drivers.simulator.command import main
from modem_drivers.simulator.control import with_fault
from modem_drivers.simulator.network_file import load_network

Simulate = Callable[..., Any]
WaitFor = Callable[[Callable[[], bool]], None]
PEOPLE = """
people:
  - number: "+8613800000001"
    calls_after_s: [1.5]
    texts: [{after_s: 0.5, text: "hello"}]
"""


def opened(link: Path) -> int:
    fd = os.open(link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    tty.setraw(fd)
    return fd


def read_until(fd: int, end: bytes, deadline_s: float = 20.0) -> bytes:
    until_s, read = time.monotonic() + deadline_s, b""
    while end not in read:
        assert time.monotonic() < until_s, f"{end!r} did not come: {read!r}"
        select.select([fd], [], [], 0.2)
        try:
            read += os.read(fd, 65536)
        except BlockingIOError:
            continue
    return read


def ask(fd: int, command: str, end: bytes = b"OK\r\n") -> bytes:
    os.write(fd, command.encode() + b"\r")
    return read_until(fd, end)


def test_a_service_without_standard_input_has_a_modem_and_no_complaint(tmp_path: Path) -> None:
    link = tmp_path / "modem"
    command = [sys.executable, "-m", "modem_drivers.simulator", "--family", "ec25", "--link", str(link)]
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        at = opened(link)
        ask(at, "AT")
        os.close(at)
        process.terminate()
        _, complaints = process.communicate(timeout=20)
    assert complaints == b""
    assert process.returncode == 0


def test_people_call_and_write_of_their_own_accord(simulate: Simulate) -> None:
    modem = simulate("ec25", people=PEOPLE)
    at = opened(modem.link)
    ask(at, "ATE0;+CLIP=1;+CNMI=2,1")
    said = read_until(at, b'+CLIP: "+8613800000001",145')
    assert b"RING" in said
    os.close(at)
    assert modem.rows("called")[0]["number"] == "+8613800000001"


def test_a_reboot_moves_the_ports_and_the_links_follow(simulate: Simulate, wait_for: WaitFor) -> None:
    """The old descriptors die, the links are gone meanwhile, and what comes back has another name."""
    modem = simulate("wavecom")
    at = opened(modem.link)
    before = modem.link.readlink()
    assert b"OK" in ask(at, "AT+CFUN=1,1")  # on a UART, ports stay
    assert modem.link.readlink() == before
    os.close(at)
    modem = simulate("huawei")
    pcm = modem.link.with_name("modem-pcm")
    before, pcm_before = modem.link.readlink(), pcm.readlink()
    at = opened(modem.link)
    ask(at, "AT^RESET")
    wait_for(lambda: not modem.link.is_symlink())
    assert is_dead(at)
    wait_for(modem.link.is_symlink)
    assert {modem.link.readlink(), pcm.readlink()}.isdisjoint({before, pcm_before})
    again = opened(modem.link)
    assert b"E1550" in ask(again, "ATI")
    os.close(again)
    os.close(at)


def is_dead(fd: int) -> bool:
    try:
        while data := os.read(fd, 4096):
            assert data
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def test_orders_on_standard_input(simulate: Simulate, wait_for: WaitFor) -> None:
    modem = simulate("sim800")
    at = opened(modem.link)
    ask(at, "ATE0;+CMEE=1;+CREG=1")
    modem.tell("registration 5")
    read_until(at, b"+CREG: 5")
    modem.tell("signal 9")
    modem.tell("text 13800000001 good morning")
    read_until(at, b'+CMTI: "SM",1')
    assert b"+CSQ: 9,99" in ask(at, "AT+CSQ")
    modem.tell("nonsense")
    modem.tell("fault sim_busy_replies=1")
    modem.tell("call 10086")
    read_until(at, b"RING")
    assert b"+CME ERROR: 14" in ask(at, "AT+CIMI", b"ERROR: 14\r\n")
    modem.tell("unplug")
    wait_for(lambda: not modem.link.is_symlink())
    assert is_dead(at)
    os.close(at)
    modem.tell("plug")
    wait_for(modem.link.is_symlink)
    at = opened(modem.link)
    assert b"SIM800" in ask(at, "ATI")
    os.close(at)


def test_tcp_serves_the_at_port_and_the_links_go_with_the_program(simulate: Simulate) -> None:
    modem = simulate("zte", "--tcp", "0", "--network", "roaming")
    with socket.create_connection(("127.0.0.1", modem.tcp_port), timeout=10) as client:
        client.sendall(b"ATE0;+CREG?\r")
        said = b""
        while b"OK" not in said:
            said += client.recv(4096)
        assert b"+CREG: 0,5" in said
        with socket.create_connection(("127.0.0.1", modem.tcp_port), timeout=10) as second:
            assert second.recv(100) == b""  # one at a time
    modem.process.send_signal(signal.SIGTERM)
    assert modem.process.wait(10) == 0
    assert not modem.link.is_symlink()
    assert not modem.link.with_name("modem-pcm").is_symlink()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--network", "nowhere"], "no such file"),
        (["--fault", "nonsense=1"], "fault `nonsense` is unknown: use lost_urc"),
        (["--fault", "lost_urc=2"], "lost_urc is a probability"),
        (["--people", "nobody.yaml"], "nobody.yaml: cannot be read"),
        (["--network", "bad.yaml"], "bad.yaml: Expected `int`, got `str` - at `$.rssi`"),
        (["--network", "odd.yaml"], "registration `here` is unknown"),
    ],
)
def test_what_it_cannot_do_is_one_line(
    options: list[str],
    complaint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.yaml").write_text("rssi: strong\n")
    Path("odd.yaml").write_text("registration: here\n")
    assert main(["--family", "ec25", "--link", "modem", *options]) == 2
    said = capsys.readouterr().err
    assert said.startswith("simulate-modem: ")
    assert complaint in said
    assert said.count("\n") == 1
    assert not Path("modem").is_symlink()


def test_a_file_of_somebody_elses_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "modem").write_text("mine")
    assert main(["--family", "ec25", "--link", str(tmp_path / "modem")]) == 2
    assert (tmp_path / "modem").read_text() == "mine"


def test_a_network_file(tmp_path: Path) -> None:
    path = tmp_path / "network.yaml"
    path.write_text(
        "operator: {long_name: Vodafone, numeric: '26202'}\nregistration: denied\nrssi: 7\ncongested: true\n"
        "ussd: {'*1#': plain, '*2#': {text: menu, choices: {'1': {text: one}}}}\ntells_time: false\n"
    )
    network = load_network(str(path), [])
    assert (network.operator.long_name, network.operator.numeric) == ("Vodafone", "26202")
    assert (network.registration, network.rssi, network.is_congested) == (3, 7, True)
    assert (network.ussd["*1#"].text, network.ussd["*2#"].choices["1"].text) == ("plain", "one")
    assert network.clock is None


def test_faults_by_name() -> None:
    faults = with_fault(with_fault(Faults(), "glued_lines"), "cpcmreg_refusals=3")
    assert (faults.glued_lines, faults.cpcmreg_refusals) == (True, 3)
    with pytest.raises(SimulatorError, match="lost_urc"):
        with_fault(Faults(), "lost_urc=often")
