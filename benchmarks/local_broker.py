"""A mosquitto for benchmarks: loopback, no TLS, nothing on disk, every limit out of the way."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType


def free_port() -> int:
    """Return a port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, process: subprocess.Popen[bytes], *, timeout_s: float = 10.0) -> None:
    """Return when something listens there. Raises RuntimeError."""
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError(f"nothing listens on port {port}")


class LocalMosquitto:
    """Runs while entered; entering returns its port."""

    def __init__(self, folder: Path, extra: str = "") -> None:
        self.port = free_port()
        self._config = folder / f"mosquitto-{self.port}.conf"
        user = "user root\n" if os.geteuid() == 0 else ""
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\n{user}max_queued_messages 0\n"
            f"max_inflight_messages 0\nlog_type error\n{extra}"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> int:
        program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin")
        if program is None:
            raise RuntimeError("mosquitto is not installed: apt-get install mosquitto")
        self._process = subprocess.Popen([program, "-c", str(self._config)])
        wait_for_port(self.port, self._process)
        return self.port

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
