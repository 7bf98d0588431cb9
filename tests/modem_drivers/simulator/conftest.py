"""What the simulator's tests share."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def wait_for() -> Callable[[Callable[[], bool]], None]:
    """Wait for another process to bring something about, for thirty seconds at most."""

    def wait(is_so: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + 30
        while not is_so():
            assert time.monotonic() < deadline_s, "it did not happen"
            time.sleep(0.02)

    return wait


class Simulated:
    """A modem simulated by the program itself, as a person would start it."""

    def __init__(self, link: Path, process: "subprocess.Popen[str]", said: str) -> None:
        self.link = link
        self.process = process
        self.tcp_port = int(said.partition("127.0.0.1:")[2].partition(";")[0] or "0")
        self.call_log = link.with_name("calls.jsonl")

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def rows(self, event: str) -> list[dict[str, Any]]:
        lines = self.call_log.read_text().splitlines() if self.call_log.exists() else []
        return [row for row in map(json.loads, lines) if row["event"] == event]


@pytest.fixture
def simulate(tmp_path: Path) -> Iterator[Callable[..., Simulated]]:
    """Start `python -m modem_drivers.simulator`; it is ended with the test."""
    running: list[subprocess.Popen[str]] = []

    def start(family: str, *options: str, people: str = "") -> Simulated:
        folder = tmp_path / f"modem-{len(running)}"
        folder.mkdir()
        if people:
            (folder / "people.yaml").write_text(people, encoding="utf-8")
            options = (*options, "--people", str(folder / "people.yaml"))
        command = [sys.executable, "-m", "modem_drivers.simulator", "--family", family]
        command += ["--link", str(folder / "modem"), "--call-log", str(folder / "calls.jsonl"), *options]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]
        )
        running.append(process)
        assert process.stdout is not None
        return Simulated(folder / "modem", process, process.stdout.readline())

    yield start
    for process in running:
        process.terminate()
        process.wait(10)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.stdout.close()
