"""A command is taken once, refused by name, and answered where its sender may be answered."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from firmware.store import commands
from firmware.sync.applying_command import MAX_WAITING, response_leaf
from firmware.sync.messages import encode
from firmware.sync.messages_command import Command, Response
from firmware.sync.topics import BoxTopics
from tests.firmware.sync.sync_world import NOW, TOPICS, BoxSide, Console


def run(story: Callable[[], Any]) -> Any:
    return asyncio.run(story())


def command(id: str = "q1", name: str = "known", **changes: Any) -> Command:
    given: dict[str, Any] = {"id": id, "at": NOW, "name": name, "expires_at": NOW + timedelta(minutes=5)}
    return Command(**(given | changes))


async def ask(box: BoxSide, message: Command, *, to: str = "", correlation: bytes = b"\0\xff7") -> list[str]:
    done: list[str] = []
    received = box.console.received(TOPICS.down("command"), encode(message), done)
    await box.downlink.handle(replace(received, response_topic=to, correlation=correlation))
    return done


async def responses(box: BoxSide) -> list[Response]:
    return [each for each in await box.outbox() if isinstance(each, Response)]


@pytest.mark.parametrize(
    ("topic", "leaf"),
    [
        ("", "response"),
        ("branchline/1/acme/box-1/up/response", "response"),
        ("branchline/1/acme/box-1/up/response/desk.4/7", "response/desk.4/7"),
        ("branchline/1/acme/box-1/up/outcome", None),
        ("branchline/1/acme/box-1/up/response/", None),
        ("branchline/1/acme/box-1/up/response/../../down/control", None),
        ("branchline/1/acme/box-1/up/response/#", None),
        ("branchline/1/acme/box-1/up/response/a/b/c/d/e", None),
        ("branchline/1/acme/box-1/up/responses", None),
        ("branchline/1/acme/box-1/down/control", None),
        ("branchline/1/acme/box-2/up/response", None),
        ("branchline/1/acme/box-2/up/response/desk", None),
        ("branchline/1/other/box-1/up/response", None),
        ("$SYS/broker", None),
        ("somewhere/else", None),
    ],
)
def test_a_response_stays_below_the_boxs_own_up(topic: str, leaf: str | None) -> None:
    assert response_leaf(BoxTopics("acme", "box-1"), topic) == leaf


def test_a_hostile_response_topic_is_refused_and_nothing_is_kept(box: BoxSide, console: Console) -> None:
    async def story() -> None:
        assert await ask(box, command(), to="branchline/1/acme/box-2/down/control") == ["ack"]
        (ack,) = await box.acks()
        assert (ack.accepted, ack.reason, ack.about) == (False, "bad_response_topic", "q1")
        assert await box.database.read(commands.n_waiting) == 0

    run(story)


def test_a_command_waits_for_its_turn(box: BoxSide, console: Console) -> None:
    async def story() -> None:
        await ask(box, command(arguments={"line": "line-1"}), to=TOPICS.up("response/desk"))
        (ack,) = await box.acks()
        assert (ack.accepted, ack.kind) == (True, "command")
        waiting = await box.database.read(commands.next_waiting)
        assert waiting is not None
        assert (waiting.name, waiting.leaf, waiting.correlation) == ("known", "response/desk", b"\0\xff7")
        assert msgspec.json.decode(waiting.arguments) == {"line": "line-1"}
        await ask(box, command(arguments={"line": "line-1"}))
        assert await box.database.read(commands.n_waiting) == 1, "a repeated one waits once"
        assert await responses(box) == []

    run(story)


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({"name": "rm-rf"}, "refused", "unknown_command"),
        ({"arguments": {"bad": 1}}, "refused", "bad_arguments"),
        ({"expires_at": NOW}, "expired", "expired"),
        ({"expires_at": NOW + timedelta(days=8)}, "refused", "expires_too_late"),
    ],
)
def test_a_refusal_has_a_name_and_is_a_response_too(
    box: BoxSide, console: Console, changes: dict[str, Any], status: str, reason: str
) -> None:
    async def story() -> None:
        await ask(box, command(**changes))
        (ack,) = await box.acks()
        assert (ack.accepted, ack.reason) == (False, reason)
        (response,) = await responses(box)
        assert (response.about, response.status, response.reason) == ("q1", status, reason)
        assert "$." in response.detail
        rows = await box.database.read(lambda con: con.rows("SELECT leaf, correlation FROM outbox"))
        assert ("response", b"\0\xff7") in [(row["leaf"], row["correlation"]) for row in rows]

    run(story)


def test_a_repeated_command_gets_the_stored_answer(box: BoxSide, console: Console) -> None:
    async def story() -> None:
        message = command(name="rm-rf")
        await ask(box, message)
        (first,) = await responses(box)
        await ask(box, message)
        assert len(await responses(box)) == 1, "the answer waits already"
        await box.tell(console.receipt(box.database.stream, 2))
        assert await box.outbox() == []
        await ask(box, message)
        (again,) = await responses(box)
        assert again.seq > first.seq
        assert msgspec.structs.replace(again, id=first.id, at=first.at, seq=first.seq) == first

    run(story)


def test_more_than_a_few_do_not_wait(box: BoxSide, console: Console) -> None:
    async def story() -> None:
        for number in range(MAX_WAITING + 1):
            await ask(box, command(f"q{number}"))
        (response,) = await responses(box)
        assert (response.about, response.reason) == (f"q{MAX_WAITING}", "too_many")

    run(story)


def test_a_long_correlation_is_refused(box: BoxSide, console: Console) -> None:
    async def story() -> None:
        await ask(box, command(), correlation=b"x" * 257)
        assert [(ack.accepted, ack.reason) for ack in await box.acks()] == [(False, "malformed")]

    run(story)
