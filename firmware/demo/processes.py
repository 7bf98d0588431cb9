"""The processes of the demo: broker, box and console, each started as a user would and stopped for certain."""

import contextlib
import json
import queue
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

STOP_DEADLINE_S = 15.0


class DemoError(Exception):
    """The demo cannot go on; the text says why and what to do."""


def free_port() -> int:
    """Return a TCP port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def find_mosquitto() -> str:
    """Return the broker's program. Raises DemoError."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise DemoError(
            "mosquitto is not installed: run ./branchline demo from a checkout, or apt-get install mosquitto"
        )
    return found


class Child:
    """A child process with its output in a log file, or read line by line as JSON."""

    def __init__(self, name: str, command: Sequence[str], *, log: Path, reads_json: bool = False) -> None:
        self.name = name
        self._log_path = log
        self._log = log.open("ab")
        log.chmod(0o600)
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if reads_json else self._log,
            stderr=self._log,
        )
        self.lines: queue.Queue[dict[str, Any]] = queue.Queue(10_000)
        self._reader: threading.Thread | None = None
        if reads_json:
            self._reader = threading.Thread(target=self._read, name=f"demo-{name}", daemon=True)
            self._reader.start()

    def check_alive(self) -> None:
        """Raise DemoError with the end of its log when the process is gone."""
        code = self._process.poll()
        if code is not None:
            raise DemoError(f"{self.name} ended with exit code {code}:\n{self.last_words()}")

    def last_words(self, n_lines: int = 8) -> str:
        """Return the end of its log."""
        text = self._log_path.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-n_lines:]) or f"(nothing in {self._log_path})"

    def kill(self) -> None:
        """Kill it as a power cut would: no warning, no last word."""
        self._process.kill()
        self._process.wait(STOP_DEADLINE_S)

    def stop(self) -> int:
        """Ask it to end, insist after a deadline, and return its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_DEADLINE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(STOP_DEADLINE_S)
        if self._reader is not None:
            self._reader.join(STOP_DEADLINE_S)
        self._log.close()
        return self._process.returncode

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with contextlib.suppress(json.JSONDecodeError, queue.Full):
                self.lines.put(json.loads(line), timeout=1.0)


@contextlib.contextmanager
def running(child: Child) -> Iterator[Child]:
    """Stop the child however the block is left."""
    try:
        yield child
    finally:
        child.stop()


def program(name: str, *arguments: str) -> list[str]:
    """Return the command line of one of our own programs, as installed beside this Python."""
    return [str(Path(sys.executable).with_name(name)), *arguments]


def run_to_end(what: str, command: Sequence[str], *, deadline_s: float = 60.0) -> str:
    """Run a command and return what it printed. Raises DemoError with its words when it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=deadline_s, check=False)
    except subprocess.TimeoutExpired:
        raise DemoError(f"{what} took longer than {deadline_s:.0f} s") from None
    if done.returncode != 0:
        raise DemoError(f"{what} failed:\n{(done.stderr or done.stdout).strip()}")
    return done.stdout


def wait_for_port(port: int, child: Child, *, deadline_s: float = 10.0) -> None:
    """Return when something listens on the loopback port. Raises DemoError."""
    until_s = time.monotonic() + deadline_s
    while time.monotonic() < until_s:
        child.check_alive()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.2):
            return
        time.sleep(0.05)
    raise DemoError(
        f"{child.name} does not listen on port {port} after {deadline_s:.0f} s:\n{child.last_words()}"
    )
