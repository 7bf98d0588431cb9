"""What the service manager gets to read on its socket, and gives in files."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from firmware.host import systemd
from firmware.host.credentials import CredentialMissingError, credential_file


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], dict[str, str]]]:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(path))
        server.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        yield lambda: dict(line.split("=", 1) for line in server.recv(4096).decode().splitlines())


def test_ready(said: Callable[[], dict[str, str]]) -> None:
    systemd.notify_ready("serving")
    assert said() == {"READY": "1", "STATUS": "serving"}


def test_a_stop_says_why_and_asks_for_its_time(said: Callable[[], dict[str, str]]) -> None:
    systemd.notify_stopping("told to stop: 2 calls may end first", within_s=150)
    assert said() == {
        "STOPPING": "1",
        "STATUS": "told to stop: 2 calls may end first",
        "EXTEND_TIMEOUT_USEC": "150000000",
    }
    systemd.notify_stopping("told to stop: no call is up")
    assert "EXTEND_TIMEOUT_USEC" not in said()


def test_a_reload_is_announced(said: Callable[[], dict[str, str]]) -> None:
    systemd.notify_reloading()
    words = said()
    assert words["RELOADING"] == "1"
    assert int(words["MONOTONIC_USEC"]) > 0


def test_a_slow_start_asks_for_time(said: Callable[[], dict[str, str]]) -> None:
    systemd.notify_starting("opening the database", within_s=600)
    assert said() == {"STATUS": "opening the database", "EXTEND_TIMEOUT_USEC": "600000000"}


def test_without_a_manager_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    systemd.notify_ready("serving")
    assert "NOTIFY_SOCKET" not in os.environ


def test_a_credential_is_a_file_of_the_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mqtt-key").write_text("secret", encoding="utf-8")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert credential_file("mqtt-key").read_text(encoding="utf-8") == "secret"
    with pytest.raises(CredentialMissingError, match="systemd-creds encrypt --name=device-key"):
        credential_file("device-key")
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    with pytest.raises(CredentialMissingError, match="LoadCredential=mqtt-key"):
        credential_file("mqtt-key")
