"""The Unix socket itself: who may talk, how much, for how long, and that a fault of one request is an answer."""

import asyncio
import json
import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from firmware.commands.errors import CommandRefusedError
from firmware.local import server as local_server
from firmware.local.client import BoxClient, BoxRefusedError, BoxSilentError
from firmware.local.server import LocalDoorError, LocalServer, may_talk, open_socket
from firmware.local.socket_path import path_to_reach
from firmware.local.wire import MAX_REQUEST_BYTES
from firmware.settings import Settings
from firmware.settings_sections import BoxSection, ConsoleSection, LocalSection, MqttSection


async def _echo(arguments: msgspec.Raw) -> Any:
    return json.loads(bytes(arguments))


async def _refuse(_: msgspec.Raw) -> Any:
    raise CommandRefusedError("call_up", "a call is up: later")


async def _fail(_: msgspec.Raw) -> Any:
    raise ZeroDivisionError("a number +8613123456701 in an error")


async def _hang(_: msgspec.Raw) -> Any:
    await asyncio.Event().wait()


DEEDS = {"echo": _echo, "refuse": _refuse, "fail": _fail, "hang": _hang}
SERVER = LocalServer(DEEDS, limits_s={"hang": 0.05})


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: a socket's may have 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="bl-") as name:
        yield Path(name)


def through(path: Path, work: Any) -> Any:
    """Run blocking `work` against a socket that is served."""

    async def story() -> Any:
        async with open_socket(path, SERVER):
            return await asyncio.wait_for(asyncio.to_thread(work), 20)

    return asyncio.run(story())


def test_a_question_and_its_answer(folder: Path) -> None:
    path = folder / "run" / "box.sock"

    def work() -> None:
        mode = path.stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o660
        with BoxClient(path) as box:
            assert box.ask("echo", words="你好") == {"words": "你好"}
            assert box.ask("echo", left_out=None) == {}
            with pytest.raises(BoxRefusedError, match="a call is up") as refused:
                box.ask("refuse")
            assert refused.value.reason == "call_up"
            with pytest.raises(BoxRefusedError, match="echo, fail, hang, refuse"):
                box.ask("dial")
            with pytest.raises(BoxRefusedError) as late:
                box.ask("hang")
            assert late.value.reason == "timeout"
            with pytest.raises(BoxRefusedError) as fault:
                box.ask("fail")
            assert (fault.value.reason, "8613" in fault.value.detail) == ("internal_error", False)
            assert box.ask("echo", still="there") == {"still": "there"}

    through(path, work)
    assert not path.exists(), "whoever stops takes its socket away"


def raw(path: Path, sent: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(10)
        peer.connect(str(path))
        peer.sendall(sent)
        return peer.makefile("rb").readline()


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"\xff\xfe\n", "bad_request"),
        (b"{}\n", "bad_request"),
        (b'{"do":"echo","arguments":{},"as":"root"}\n', "bad_request"),
        (b'{"do":' + b"[" * 2000 + b"\n", "bad_request"),
        (b"x" * (MAX_REQUEST_BYTES + 1), "too_long"),
    ],
)
def test_nonsense_is_answered_and_bounded(sent: bytes, reason: str, folder: Path) -> None:
    path = folder / "box.sock"
    assert through(path, lambda: json.loads(raw(path, sent)))["reason"] == reason


def test_a_ninth_peer_is_turned_away(folder: Path) -> None:
    path = folder / "box.sock"

    def work() -> None:
        held = [BoxClient(path) for _ in range(local_server.MAX_PEERS)]
        for peer in held:
            peer.ask("echo")
        with pytest.raises(BoxSilentError):
            BoxClient(path).ask("echo")
        held[0].close()
        assert held[1].ask("echo") == {}
        for peer in held:
            peer.close()

    through(path, work)


def test_who_may_talk() -> None:
    assert may_talk(0, 0, own_uid=990, group=991)
    assert may_talk(990, 5, own_uid=990, group=991)
    assert may_talk(1234567, 991, own_uid=990, group=991)
    assert not may_talk(1234567, 100, own_uid=990, group=991)


def test_a_stranger_is_hung_up_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_server, "may_talk", lambda *_, **__: False)
    path = folder / "box.sock"

    def work() -> None:
        with pytest.raises(BoxSilentError):
            BoxClient(path).ask("echo")

    through(path, work)


def test_a_dead_daemons_socket_is_replaced(folder: Path) -> None:
    path = folder / "box.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with pytest.raises(BoxSilentError, match="refused"):
        BoxClient(path).ask("echo")
    through(path, lambda: BoxClient(path).ask("echo"))


def test_a_path_that_is_too_long_says_what_to_do(folder: Path) -> None:
    with pytest.raises(LocalDoorError, match="shorter"):
        through(folder / ("x" * 120), lambda: None)


def test_where_the_socket_is_looked_for(folder: Path) -> None:
    settings = Settings(
        box=BoxSection(id="b", tenant="t", time_zone="UTC", data_dir=str(folder)),
        mqtt=MqttSection(host="h", ca="c", certificate="c", key="k"),
        console=ConsoleSection(keys=["k"], recording_recipients=["age1"]),
    )
    assert path_to_reach(settings, run_folder=folder / "run") == folder / "box.sock"
    (folder / "run").mkdir()
    (folder / "run" / "box.sock").touch()
    assert path_to_reach(settings, run_folder=folder / "run") == folder / "run" / "box.sock"
    named = msgspec.structs.replace(settings, local=LocalSection(socket="/x/y.sock"))
    assert path_to_reach(named) == Path("/x/y.sock")
    assert os.fspath(path_to_reach(named)) == "/x/y.sock"
