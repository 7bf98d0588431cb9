"""Each command is done once, whatever crashes; what came of it is stored and told."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from firmware.commands.catalogue import COMMANDS, command_problem
from firmware.commands.errors import CommandFailedError, CommandRefusedError
from firmware.commands.runner import CommandRunner
from firmware.store import commands
from firmware.sync.messages import encode
from firmware.sync.messages_command import Command, Response
from firmware.sync.responding import Responder
from firmware.values import UuidV7
from tests.firmware.sync.sync_world import NOW, TOPICS, BoxSide, Console, run_virtually


class Doing:
    """A box that takes commands under the catalogue's names and does what the test says."""

    def __init__(self, folder: Path, *, boot: str = "boot-1") -> None:
        self.console = Console()
        self.side = BoxSide(folder, self.console, monotonic_s=asyncio.get_running_loop().time)
        self.side.downlink._command_check = command_problem
        self.done: list[str] = []
        self.act: Callable[[], Any] = dict
        ids = UuidV7()
        self.responder = Responder(
            self.side.database.stream, self.side.clock.now, lambda: ids.new(1_800_000_000_000)
        )
        self.runner = CommandRunner(
            self.side.database,
            self.responder,
            {name: self._do(name) for name in COMMANDS},
            now=self.side.clock.now,
            boot=boot,
        )

    def _do(self, name: str) -> Callable[[Any], Any]:
        async def do(_arguments: Any) -> Mapping[str, Any]:
            self.done.append(name)
            acted = self.act()
            result: Mapping[str, Any] = await acted if asyncio.iscoroutine(acted) else acted
            return result

        return do

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.runner.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def ask(self, id: str, name: str = "diagnostics", **changes: Any) -> None:
        given: dict[str, Any] = {"id": id, "at": self.side.clock.now(), "name": name}
        given["expires_at"] = self.side.clock.now() + timedelta(minutes=5)
        message = Command(**(given | changes))
        received = self.console.received(TOPICS.down("command"), encode(message))
        await self.side.downlink.handle(replace(received, correlation=b"c"))

    async def responses(self) -> list[tuple[str, str, str]]:
        found = [each for each in await self.side.outbox() if isinstance(each, Response)]
        return [(each.about, each.status, each.reason) for each in found]


def raises(error: Exception) -> Callable[[], Any]:
    def act() -> Any:
        raise error

    return act


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (lambda: {"answer": 42}, ("q1", "done", "")),
        (raises(CommandRefusedError("call_up", "later")), ("q1", "refused", "call_up")),
        (raises(CommandFailedError("operator_silent", "no")), ("q1", "failed", "operator_silent")),
        (raises(ZeroDivisionError()), ("q1", "failed", "internal_error")),
        (lambda: asyncio.sleep(3600), ("q1", "failed", "timeout")),
        (lambda: {"much": "x" * 300_000}, ("q1", "failed", "too_large")),
    ],
)
def test_every_end_has_a_name(act: Callable[[], Any], expected: tuple[str, str, str], tmp_path: Path) -> None:
    async def story() -> None:
        box = Doing(tmp_path)
        box.act = act
        async with box.running():
            await box.ask("q1")
            await asyncio.sleep(60)
            assert await box.responses() == [expected]
        box.side.database.close_now()

    run_virtually(story())


def test_a_repeated_command_runs_once(tmp_path: Path) -> None:
    async def story() -> None:
        box = Doing(tmp_path)
        async with box.running():
            for _ in range(3):
                await box.ask("q1")
                await asyncio.sleep(1)
            assert box.done == ["diagnostics"]
            assert await box.responses() == [("q1", "done", "")]
        box.side.database.close_now()

    run_virtually(story())


def test_commands_go_one_after_the_other_and_one_too_late_is_not_done(tmp_path: Path) -> None:
    async def story() -> None:
        box = Doing(tmp_path)
        box.act = lambda: asyncio.sleep(20, {})
        async with box.running():
            await box.ask("q1")
            await box.ask("q2", expires_at=NOW + timedelta(seconds=10))
            await box.ask("q3", name="self-check")
            await asyncio.sleep(60)
            assert box.done == ["diagnostics", "self-check"]
            assert await box.responses() == [
                ("q1", "done", ""),
                ("q2", "expired", "expired"),
                ("q3", "done", ""),
            ]
        box.side.database.close_now()

    run_virtually(story())


@pytest.mark.parametrize(
    ("name", "boot", "expected"),
    [
        ("diagnostics", "boot-1", ("q1", "interrupted", "interrupted")),
        ("diagnostics", "boot-2", ("q1", "interrupted", "interrupted")),
        ("reboot", "boot-1", ("q1", "interrupted", "interrupted")),
        ("reboot", "boot-2", ("q1", "done", "")),
    ],
)
def test_a_crash_in_the_middle_is_never_a_second_run(
    name: str, boot: str, expected: tuple[str, str, str], tmp_path: Path
) -> None:
    """Only a restart of the computer that was asked for is done by the box going down."""

    async def first() -> None:
        box = Doing(tmp_path)
        box.act = lambda: asyncio.sleep(3600)
        async with box.running():
            await box.ask("q1", name=name)
            await box.ask("q2")
            await asyncio.sleep(5)
            assert box.done == [name]
        box.side.database.close_now()

    async def second() -> None:
        box = Doing(tmp_path, boot=boot)
        async with box.running():
            await asyncio.sleep(5)
            assert box.done == ["diagnostics"], "what had not begun is done now"
            assert await box.responses() == [expected, ("q2", "done", "")]
        box.side.database.close_now()

    run_virtually(first())
    run_virtually(second())


def test_answered_commands_are_forgotten_in_the_end(tmp_path: Path) -> None:
    async def story() -> None:
        box = Doing(tmp_path)
        await box.ask("q1")
        async with box.running():
            await asyncio.sleep(1)
        await box.ask("q2", name="reboot")
        later = NOW + timedelta(days=1)
        assert await box.side.database.transact(lambda con: commands.forget_before(con, later)) == 1
        box.side.database.close_now()

    run_virtually(story())


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("format-disk", b"{}", "unknown_command"),
        ("ussd", b"{}", "bad_arguments"),
        ("ussd", b'{"line": "l", "code": "**21*+8613100000000#"}', "forbidden"),
        ("ussd", b'{"line": "l", "code": "112"}', "forbidden"),
        ("test-call", b'{"line": "l", "number": "13100000000"}', "bad_arguments"),
        ("reboot", b'{"when": "soon"}', "bad_arguments"),
        ("log-level", b'{"level": "debug", "more": 1}', "bad_arguments"),
        ("diagnostics", b'{"events": 1000}', "bad_arguments"),
        ("diagnostics", b"[]", "bad_arguments"),
    ],
)
def test_the_catalogue_refuses_by_name(name: str, arguments: bytes, reason: str) -> None:
    problem = command_problem(name, arguments)
    assert problem is not None
    assert problem[0] == reason
    assert "$." in problem[1] or "`$" in problem[1]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("ussd", b'{"line": "line-1", "code": "*100#"}'),
        ("reboot", b"{}"),
        ("self-check", b"{}"),
        ("test-call", b'{"line": "line-1"}'),
    ],
)
def test_the_catalogue_takes_what_it_says(name: str, arguments: bytes) -> None:
    assert command_problem(name, arguments) is None
