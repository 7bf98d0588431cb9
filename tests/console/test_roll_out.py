"""A release for many boxes over a real broker: group after group, and no further group once too many failed."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from console.authority import issue_box
from console.ledger import Arrival, Ledger
from console.office import Office
from console.roll_out import RolledOut, RollOut, roll_out
from firmware.clock import SystemClock
from firmware.sync.messages import BoxEvent, BoxState, Downlink
from firmware.sync.messages_command import Command, Response

Playing = Callable[[Office, str], AbstractAsyncContextManager[Any]]


def updating(box: Any, ends: str) -> Callable[[Downlink], None]:
    """A box that takes the command and says what came of it, as the firmware does."""
    seen: set[str] = set()
    said: set[asyncio.Task[None]] = set()

    async def answer(command: Command) -> None:
        now = datetime.now(UTC)
        common: dict[str, Any] = {"at": now, "stream": "s1"}
        refused = ends == "refused"
        await box.say(
            "response",
            Response(
                id=f"r-{command.id}", seq=1, about=command.id, name="update", finished_at=now,
                status="refused" if refused else "done", reason="not_set_up" if refused else "",
                result={} if refused else {"asked": command.arguments["version"], "update": "u-1"}, **common,
            ),
        )  # fmt: skip
        if not refused:
            # What another update came to is not what is waited for.
            for seq, (name, about) in enumerate([("update_good", "u-0"), (ends, "u-1")], 2):
                event = BoxEvent(
                    id=f"e-{seq}-{command.id}", seq=seq, event=name, severity="info",
                    detail=f"1.4.0 {about} rolled_back", **common,
                )  # fmt: skip
                await box.say("event", event)

    def take(message: Downlink) -> None:
        if isinstance(message, Command) and message.id not in seen:
            seen.add(message.id)
            said.add(asyncio.create_task(answer(message)))

    return take


def run(
    office: Office, play: Playing, ends: dict[str, str], *, most_failed: int
) -> tuple[RolledOut, list[str]]:
    lines: list[str] = []

    async def story() -> RolledOut:
        async with AsyncExitStack() as stack:
            for name, end in ends.items():
                box = await stack.enter_async_context(play(office, name))
                box.answer = updating(box, end)
            order = RollOut(
                version="1.4.0", boxes=tuple(ends), group=2, most_failed=most_failed, when="now",
                patience=timedelta(seconds=20),
            )  # fmt: skip
            return await roll_out(office, order, SystemClock(), say=lines.append)

    return asyncio.run(asyncio.wait_for(story(), 40)), lines


@pytest.mark.usefixtures("broker")
def test_it_stops_when_more_fail_than_may(office: Office, play: Playing) -> None:
    for name in ("b3", "b4"):
        issue_box(office, name, now=datetime.now(UTC))
    ends = {"b1": "update_good", "b2": "update_failed", "b3": "update_good", "b4": "refused"}
    stopped, lines = run(office, play, ends, most_failed=0)
    assert (stopped.good, stopped.failed, stopped.not_asked) == (["b1"], ["b2"], ["b3", "b4"])
    assert any("rolled_back" in line for line in lines)
    went_on, lines = run(office, play, ends, most_failed=1)
    assert (sorted(went_on.good), sorted(went_on.failed)) == (["b1", "b3"], ["b2", "b4"])
    assert any("not_set_up" in line for line in lines)


def test_a_box_that_is_it_already_is_left_alone(office: Office) -> None:
    """No broker runs: nobody is asked."""
    ledger = Ledger(office.ledger)
    state = BoxState(id="s", at=datetime.now(UTC), status="online", boot="b", version="1.4.0")
    ledger.record([Arrival(box="b1", message=state)], seen_at=datetime.now(UTC))
    ledger.close()
    order = RollOut(
        version="1.4.0", boxes=("b1",), group=2, most_failed=0, when="now", patience=timedelta(seconds=1)
    )
    ended = asyncio.run(roll_out(office, order, SystemClock(), say=print))
    assert (ended.good, ended.failed) == (["b1"], [])
    more = replace(order, boxes=("b1", "b2"))
    again = asyncio.run(roll_out(office, more, SystemClock(), say=print))
    assert again.failed == ["b2"], "a broker that is away is a failure, not a hang"
