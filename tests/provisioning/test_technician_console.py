"""The technician's console on a PTY of 80 by 24: with the daemon, and with less without it; screens to look at."""

import asyncio
import contextlib
import os
import re
import stat
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pexpect
import pytest

from firmware.commands.errors import CommandRefusedError
from firmware.local.server import LocalServer, open_socket
from tests.firmware.local.made_facts import TROUBLED
from tests.provisioning.claim_site import Hardware
from tests.provisioning.conftest import PIN, ROOT, IssuedBox, Screen

EVENTS = [
    {
        "timestamp": "2026-11-24T06:20:01Z",
        "level": "info",
        "event": "line",
        "line": "line-1",
        "status": "ready",
    },
    {
        "timestamp": "2026-11-24T06:20:09Z",
        "level": "warning",
        "event": "odd",
        "what": "an escape \x1b[2J here",
    },
]


class StandIn:
    """What answers in the daemon's place, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.pin_is_right = True

    def deed(self, name: str) -> Any:
        async def answer(arguments: msgspec.Raw) -> Any:
            given = msgspec.json.decode(bytes(arguments))
            self.asked.append((name, given))
            match name:
                case "state":
                    return TROUBLED
                case "log":
                    return EVENTS
                case "sim-pin" if self.pin_is_right:
                    return {"status": "searching", "kept": False}
                case "test-call":
                    return {
                        "passed": False,
                        "heard": "nothing",
                        "sent": "unknown",
                        "detail": "no sound from the far end",
                    }
                case "drain":
                    return {"until": "2026-11-24T06:35:00Z", "calls_up": 2}
                case "gate":
                    return {
                        "outcome": "defer", "rule": "window", "until": "2026-11-25T00:00:00Z",
                        "explanation": {"en": "It is night there.", "zh": "对方现在是夜间。"},
                        "tried": [{"rule": "window", "passed": False, "detail": "08:00-21:00"}],
                        "packs": ["cn@1", "floor@1"], "on_a_list": True,
                    }  # fmt: skip
            raise CommandRefusedError("call_up", "a call is up: later")

        return answer


@contextlib.contextmanager
def daemon(path: Path) -> Iterator[StandIn]:
    stand_in = StandIn()
    names = ("state", "log", "sim-pin", "test-call", "drain", "gate", "reboot", "diagnostics")
    server = LocalServer({name: stand_in.deed(name) for name in names}, limits_s={})
    loop, up, done = asyncio.new_event_loop(), threading.Event(), asyncio.Event()

    async def story() -> None:
        async with open_socket(path, server):
            up.set()
            await done.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(story()), daemon=True)
    thread.start()
    assert up.wait(10)
    try:
        yield stand_in
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(10)
        loop.close()


@contextlib.contextmanager
def on_a_screen(box: IssuedBox) -> Iterator[Screen]:
    screen = Screen("--config", str(box.config))
    try:
        yield screen
    finally:
        screen.close()


def keep(screen: Screen, name: str) -> None:
    """Write the screen where a person can look at it, if one wishes to."""
    if folder := os.environ.get("BRANCHLINE_SCREENSHOTS"):
        (Path(folder) / f"{name}.txt").write_text(screen.text, encoding="utf-8")


def test_a_visit_in_chinese(box: IssuedBox) -> None:
    with daemon(box.socket) as stand_in, on_a_screen(box) as screen:
        menu = screen.log_in("2", prompt="请选择 > ")
        assert "SIM 卡 PIN" in menu
        assert PIN not in menu, "the PIN is not shown"
        keep(screen, "zh-menu")
        before = screen.n_bytes
        screen.type("1")
        status = screen.until("按回车返回菜单 > ")
        keep(screen, "zh-status")
        for said in ("设备需要您处理", "正在等待校准时间", "未连接", "1250", "! line-2: 找不到调制解调器"):
            assert said in status
        assert screen.n_bytes - before < 1900, "a screen in two seconds at 9600 baud"
        screen.type("")
        screen.until("请选择 > ")
        screen.type("2")
        lines = screen.until("按回车返回菜单 > ")
        keep(screen, "zh-lines")
        assert re.search(r"line-3 +搜索网络中 +-111 dBm", lines)
        screen.type("")
        screen.until("请选择 > ")
        screen.type("6")
        screen.until("号码")
        screen.type("+8613123456701")
        screen.until("请回车 > ")
        screen.type("cn-sh")
        gate = screen.until("按回车返回菜单 > ")
        keep(screen, "zh-gate")
        assert "现在不行 (window)" in gate
        assert "对方现在是夜间。" in gate
        assert ("gate", {"number": "+8613123456701", "region": "CN-SH"}) in stand_in.asked
        screen.type("")
        screen.until("请选择 > ")
        screen.type("0")
        screen.until("再见")


def test_a_visit_in_english(box: IssuedBox) -> None:
    with daemon(box.socket) as stand_in, on_a_screen(box) as screen:
        screen.log_in("1", prompt="Choose > ")
        keep(screen, "en-menu")

        def choose(choice: str) -> None:
            screen.type(choice)

        def back() -> str:
            text = screen.until("Enter: menu > ")
            screen.type("")
            screen.until("Choose > ")
            return text

        choose("3")
        screen.until("Line (line-1 line-2 line-3) > ")
        screen.type("line-1")
        screen.until("(not shown): ")
        screen.type("4321")
        taken = back()
        assert "the line is searching for a network" in taken
        assert "4321" not in taken
        assert ("sim-pin", {"line": "line-1", "pin": "4321"}) in stand_in.asked
        choose("4")
        screen.until("line-3) > ")
        screen.type("line-2")
        assert "NOT good: no sound from the far end" in back()
        assert ("test-call", {"line": "line-2"}) in stand_in.asked, "no number is ever asked for"
        choose("7")
        log = back()
        assert "06:20:09 WARNING odd what=an escape  [2J here" in log
        choose("10")
        screen.until("ends it) > ")
        screen.type("15")
        assert "No further call begins. 2 under way." in back()
        choose("11")
        screen.until("yes > ")
        screen.type("y")
        assert "Nothing was done." in back()
        choose("5")
        network = back()
        keep(screen, "en-network")
        assert "Broker" in network
        choose("12")
        assert "There is no 12 here." in screen.until("Choose > ")
        choose("x" * 5000)
        screen.until("Choose > ")
        assert "reboot" not in {name for name, _ in stand_in.asked}


def test_with_a_dead_daemon_it_works_with_less(box: IssuedBox) -> None:
    box.add(
        '[technician]\nfactory_reset = ["/bin/sh", "-c", "touch $0", "'
        + str(box.config.parent / "wiped")
        + '"]'
    )
    with on_a_screen(box) as screen:
        menu = screen.log_in("1", prompt="Choose > ")
        assert "12  Factory reset" in menu
        screen.type("1")
        dead = screen.until("Enter: menu > ")
        keep(screen, "en-dead")
        assert "The daemon does not answer. What follows is from its files." in dead
        for choice in ("3", "4"):
            screen.type("")
            screen.until("Choose > ")
            screen.type(choice)
            assert "this needs it" in screen.until("Enter: menu > ")
        screen.type("")
        screen.until("Choose > ")
        screen.type("6")
        screen.until("country... > ")
        screen.type("+8613900000000")
        screen.until("none > ")
        screen.type("")
        gate = screen.until("Enter: menu > ")
        keep(screen, "en-dead-gate")
        assert "Asked by the settings alone" in gate
        assert re.search(r"Answer +(REFUSED|NOT NOW|A PERSON MUST DECIDE)", gate)
        screen.type("")
        screen.until("Choose > ")
        screen.type("12")
        screen.until("to go on > ")
        screen.type("yes")
        assert "Nothing was done." in screen.until("Enter: menu > ")
        assert not (box.config.parent / "wiped").exists()
        screen.type("")
        screen.until("Choose > ")
        screen.type("12")
        screen.until("to go on > ")
        screen.type("branch-7")
        screen.until("Enter: menu > ")
        assert (box.config.parent / "wiped").exists()


def test_no_way_past_the_pin(box: IssuedBox) -> None:
    with on_a_screen(box) as screen:
        screen.until("2 中文 > ")
        screen.type("1")
        screen.until("PIN: ")
        for key in (b"\x03", b"\x1a", b"\x1c"):
            screen.child.send(key)  # Ctrl-C, Ctrl-Z, Ctrl-\
        screen.type("")
        screen.until("PIN: ")
        for _ in range(2):
            screen.type("135790")
            screen.until("Wrong PIN.")
        assert "Too many wrong PINs. Wait 5 s." in screen.until("Wait 5 s.")
        screen.child.send(b"\x04")  # and who hangs up is gone


def test_the_unit_of_a_serial_line_gives_the_console_and_no_shell(box: IssuedBox, tmp_path: Path) -> None:
    unit = (ROOT / "systemd" / "branchline-technician@.service").read_text(encoding="utf-8")
    started = next(line for line in unit.splitlines() if line.startswith("ExecStart=-"))
    program = tmp_path / "branchline"
    program.write_text(
        f'#!/bin/sh\ncd {ROOT} && exec {sys.executable} -m firmware.cli "$@" --config {box.config}\n', "utf-8"
    )
    program.chmod(0o755)
    installed = "/opt/branchline/current/bin/branchline"
    assert installed in started
    command = started.removeprefix("ExecStart=-").replace(installed, str(program)).split()
    screen = Screen(command=command)
    with contextlib.closing(screen):
        screen.log_in("1", prompt="Choose > ")
        screen.child.send(b"\x03\x1a\x1c")
        screen.type("0")
        screen.child.expect(pexpect.EOF)
    screen.child.wait()
    assert screen.child.exitstatus == 0


def test_a_pin_is_set_at_a_terminal(box: IssuedBox) -> None:
    path = box.data / "technician.pin"
    path.unlink()
    with on_a_screen(box) as screen:
        screen.until("2 中文 > ")
        screen.type("1")
        screen.until("no PIN is set: branchline technician set-pin")
    screen = Screen("set-pin", "--config", str(box.config))
    with contextlib.closing(screen):
        screen.until("digits: ")
        screen.type("730184")
        screen.until("Once more: ")
        screen.type("730184")
        shown = screen.until("The PIN is set.")
        assert "730184" not in shown
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_sentence_fits(language: str) -> None:
    from provisioning.check import TO_DO
    from provisioning.technician.words import LABELS, MENU, OUTCOMES, SAID

    place = 1 if language == "zh" else 0
    for table in (SAID, MENU, LABELS, OUTCOMES):
        for name, words in table.items():
            assert words[place], name
            assert place == 1 or name == "language" or words[0].isascii(), name
    for what, to_do in TO_DO.values():
        assert what[place]
        assert to_do[place]


def test_at_a_machine_that_is_no_box_yet(tmp_path: Path) -> None:
    """No PIN: there is nothing secret, and whoever stands there must read the code to head office."""
    hardware = Hardware(tmp_path / "m", "SN-77")
    identity = hardware.boot().begin()
    assert identity is not None
    screen = Screen("--config", str(hardware.layout.settings / "box.toml"), lines=60)
    try:
        screen.until("2 中文 > ")
        screen.type("2")
        shown = screen.until("q 退出 > ")
        assert f"认领码: {identity.code}" in shown
        assert "SN-77" in shown
        assert "█" in shown
        screen.type("q")
        screen.until("再见")
    finally:
        screen.close()
