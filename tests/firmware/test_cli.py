"""The command line: every failure is one clear line with the place, and the exit code says so."""

import contextlib
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from console.authority import init_office, issue_box
from console.office import Office
from firmware.demo.processes import Child, find_mosquitto, free_port, program, running, wait_for_port

ROOT = Path(__file__).resolve().parents[2]


def branchline(*arguments: str, deadline_s: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        program("branchline", *arguments), capture_output=True, text=True, timeout=deadline_s, check=False
    )


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Office]:
    """An office with a running broker."""
    folder = tmp_path_factory.mktemp("cli")
    made = init_office(folder / "office", "bank", "127.0.0.1", now=datetime.now(UTC), broker_port=port)
    command = [find_mosquitto(), "-c", str(made.broker_folder / "mosquitto.conf")]
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(running(Child("mosquitto", command, log=folder / "mosquitto.log")))
        wait_for_port(port, broker)
        yield made


@pytest.fixture(scope="module")
def box_toml(office: Office) -> Path:
    return issue_box(office, "branch-7", now=datetime.now(UTC)) / "box.toml"


def with_change(box_toml: Path, name: str, old: str, new: str) -> Path:
    changed = box_toml.with_name(name)
    text = box_toml.read_text(encoding="utf-8")
    assert old in text
    changed.write_text(text.replace(old, new, 1), encoding="utf-8")
    return changed


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line for line in done.stderr.splitlines() if line.startswith("branchline:")]
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    return lines[0]


@pytest.mark.parametrize("command", ["run", "check", "outcomes"])
def test_an_unknown_key_in_the_settings(box_toml: Path, command: str) -> None:
    bad = with_change(box_toml, "typo.toml", "[mqtt]\n", '[mqtt]\nhots = "x"\n')
    done = branchline(command, "--config", str(bad))
    assert done.returncode == 2
    assert "typo.toml" in one_line(done)
    assert "`hots` in [mqtt]" in one_line(done)
    assert not (box_toml.parent / "data").exists(), "nothing may be half made"


def test_a_broker_that_refuses_the_certificate(
    office: Office, box_toml: Path, tmp_path: Path, port: int
) -> None:
    """A box of another office comes with a certificate that this broker's authority never signed."""
    other = init_office(tmp_path / "other", "bank", "127.0.0.1", now=datetime.now(UTC), broker_port=port)
    stranger = issue_box(other, "branch-7", now=datetime.now(UTC))
    (stranger / "ca.crt").write_bytes((box_toml.parent / "ca.crt").read_bytes())
    done = branchline("run", "--config", str(stranger / "box.toml"))
    assert done.returncode == 3
    assert "127.0.0.1" in one_line(done)
    assert f"refuses {stranger / 'box.crt'}" in one_line(done)
    assert not (stranger / "data" / "box.db").exists()


def test_a_port_that_is_not_a_modem(box_toml: Path) -> None:
    """One that cannot be a serial line; how long a silent one is waited for is pinned where modems are opened."""
    text = '\n[[line]]\nid = "line-1"\nat_port = "/dev/null"\npcm_port = "/dev/null"\nbaud_rate = 115200\n'
    bad = box_toml.with_name("not-a-modem.toml")
    bad.write_text(box_toml.read_text(encoding="utf-8") + text, encoding="utf-8")
    done = branchline("check", "--config", str(bad))
    assert done.returncode == 1
    table = " ".join(done.stdout.split())
    assert "modem line-1" in table
    assert "/dev/null" in table
    assert "of these must be mended" in one_line(done)


def test_a_flow_that_reveals_the_debt(tmp_path: Path) -> None:
    good = (ROOT / "examples" / "overdue-reminder.yaml").read_text(encoding="utf-8")
    bad = tmp_path / "flow.yaml"
    bad.write_text(
        good.replace('  ask_person:\n    zh-CN: "', '  ask_person:\n    zh-CN: "您欠{amount_due}。'),
        encoding="utf-8",
    )
    done = branchline("flow", "check", str(bad))
    assert done.returncode == 1
    assert "check 1" in done.stderr
    assert f"{bad}:" in done.stderr
    assert branchline("flow", "check", str(ROOT / "examples" / "overdue-reminder.yaml")).returncode == 0


@pytest.mark.parametrize(
    ("command", "words"),
    [("modem", ["selftest", "ussd", "record-transcript"]), ("simulate-modem", ["--family", "--link"])],
)
def test_the_technicians_commands_have_their_own_help(command: str, words: list[str]) -> None:
    done = branchline(command, "--help")
    assert done.returncode == 0
    assert f"branchline {command}" in done.stdout
    for word in words:
        assert word in done.stdout


def test_a_simulated_modem_answers_a_technician(tmp_path: Path) -> None:
    """Two commands that know nothing of each other: one is a modem on a link, the other looks at it."""
    link = tmp_path / "modem"
    simulated = Child(
        "modem",
        program("branchline", "simulate-modem", "--family", "ec25", "--link", str(link)),
        log=tmp_path / "modem.log",
    )
    with running(simulated):
        deadline = time.monotonic() + 20
        while not link.exists() and time.monotonic() < deadline:
            simulated.check_alive()
            time.sleep(0.05)
        done = branchline("modem", "info", str(link))
    assert done.returncode == 0, done.stderr
    assert "EC25" in done.stdout


def test_help_names_every_command() -> None:
    done = branchline("--help")
    for command in ("modem", "simulate-modem", "run", "check", "outcomes", "demo", "flow", "version"):
        assert command in done.stdout
    assert "simulated-box" not in done.stdout
