"""A real mosquitto for each test that asks, and a box with a console's key."""

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.firmware.sync.sync_world import BoxSide, Console


class Mosquitto:
    """/usr/sbin/mosquitto on a loopback port, with a configuration of its own; what `keeps` survives a restart."""

    def __init__(
        self, folder: Path, extra: str = "", listener: str = "allow_anonymous true", keeps: bool = False
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.port = _free_port()
        self._config = folder / "mosquitto.conf"
        lines = [f"listener {self.port} 127.0.0.1", listener, f"log_dest file {folder}/log", "log_type all"]
        if (
            keeps
        ):  # it writes and syncs its whole store after every message, so only where somebody asks for it
            lines += ["persistence true", f"persistence_location {folder}/"]
            lines += ["autosave_interval 1", "autosave_on_changes true"]
        if os.geteuid() == 0:
            lines += ["user root"]  # as root it would become another user, who may not read the test's folder
        self._config.write_text("\n".join([*lines, extra, ""]))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin")
        assert program is not None, "mosquitto is not installed"
        self._process = subprocess.Popen([program, "-c", str(self._config)], stderr=subprocess.DEVNULL)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)
            self._process = None

    def stop_and_read_log(self) -> str:
        """Return the whole log: it is complete once the broker has ended."""
        self.stop()
        return (self._folder / "log").read_text(errors="replace")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def start_mosquitto(tmp_path: Path) -> Iterator[Callable[..., Mosquitto]]:
    """Start a broker; it is stopped at the end of the test."""
    started: list[Mosquitto] = []

    def start(**options: Any) -> Mosquitto:
        broker = Mosquitto(tmp_path / f"broker-{len(started)}", **options)
        started.append(broker)
        broker.start()
        return broker

    yield start
    for broker in started:
        broker.stop()


@pytest.fixture
def console() -> Console:
    return Console()


@pytest.fixture
def box(tmp_path: Path, console: Console) -> Iterator[BoxSide]:
    side = BoxSide(tmp_path, console)
    yield side
    side.database.close_now()
