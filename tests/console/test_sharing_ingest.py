"""Several readers of one uplink: each message goes to one of them, and the ledger is as if there had been one."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import func, select

from console.authority import load_signing_key
from console.broker import connected
from console.command_ingest import GROUP, ingest_command
from console.ingest import Ingest
from console.ledger import Arrival, Ledger, Recorded
from console.ledger_tables import BOX, OUTCOME, PROMISE, UPLINK_AHEAD
from console.office import Office
from console.signed_sender import SignedSender
from firmware.clock import SimulatedClock
from firmware.sync.messages import BoxState, OutcomeMessage, PromiseWire, Receipt, Suppress
from firmware.sync.topics import shared, up_filter
from firmware.values import Disposition, UuidV7

NOW = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
N_MESSAGES, N_READERS, AT_ONCE = 90, 4, 15
Outcome = Callable[..., OutcomeMessage]


def test_readers_at_once_leave_one_ledger_and_one_mark(
    new_place: Callable[[], Any], outcome: Outcome
) -> None:
    """Each reader is a program of its own, gets most messages, in an order of its own, some twice."""
    place = new_place()
    promise = PromiseWire(due=NOW.date(), confirmed=True)
    sent = [
        Arrival(
            box=box,
            message=outcome(
                seq, id=f"{box}-{seq:04d}", attempt=f"{box}-{seq // 2:04d}", promise=promise if seq % 3 else None
            ),
        )
        for box in ("b1", "b2")
        for seq in range(1, N_MESSAGES + 1)
    ]  # fmt: skip
    straight = Ledger(new_place())
    straight.record(sent, seen_at=NOW)

    def read(number: int) -> list[Recorded]:
        chance = random.Random(number)
        mine = [
            each for place, each in enumerate(sent) if place % N_READERS == number or chance.random() < 0.3
        ]
        mine += chance.choices(mine, k=10)
        chance.shuffle(mine)
        ledger = Ledger(place)
        recorded = []
        for start in range(0, len(mine), AT_ONCE):
            recorded += ledger.record(mine[start : start + AT_ONCE], seen_at=NOW)
        ledger.close()
        return recorded

    with ThreadPoolExecutor(N_READERS) as readers:
        told = [each for recorded in readers.map(read, range(N_READERS)) for each in recorded]
    ledger = Ledger(place)
    with ledger.reading() as ours, straight.reading() as theirs:
        for table in (OUTCOME, PROMISE, UPLINK_AHEAD):
            assert sorted(map(tuple, ours.execute(select(table)))) == sorted(
                map(tuple, theirs.execute(select(table)))
            )
        assert ours.execute(select(func.count()).select_from(OUTCOME)).scalar_one() == N_MESSAGES + 2
    assert ledger.high_water() == {("b1", "s1"): N_MESSAGES, ("b2", "s1"): N_MESSAGES}
    assert max(each.up_to for each in told) == N_MESSAGES
    new = [(each.arrival.box, each.arrival.message) for each in told if each.is_new]
    assert len(
        {(box, message.attempt) for box, message in new if isinstance(message, OutcomeMessage)}
    ) == len(new)
    ledger.close()
    straight.close()


@pytest.mark.usefixtures("broker")
def test_two_readers_share_a_boxs_messages_and_the_box_may_forget_them_all(
    office: Office,
    new_place: Callable[[], Any],
    play: Callable[[Office, str], AbstractAsyncContextManager[Any]],
    outcome: Outcome,
    wait_until: Callable[..., Awaitable[None]],
) -> None:
    """A real broker deals the messages out; receipts are those of the whole, and one reader's end costs nothing."""
    place = new_place()
    filters = [shared(GROUP, up_filter("demo")), up_filter("demo", "state")]
    subscribed: list[int] = []

    async def reading(seen: list[Recorded], stop: asyncio.Event) -> None:
        ledger = Ledger(place)
        async with connected(office, filters, lasting=False) as connection:
            ingest = Ingest(
                connection=connection,
                sender=SignedSender(connection, load_signing_key(office)),
                ledger=ledger,
                tenant="demo",
                clock=SimulatedClock(NOW),
                ids=UuidV7(),
                on_recorded=seen.append,
            )
            running = asyncio.create_task(ingest.run())
            subscribed.append(len(subscribed))
            await stop.wait()
            running.cancel()
            await asyncio.wait([running])
        ledger.close()

    def receipted(box: Any) -> int:
        return max((each.up_to for each in box.heard if isinstance(each, Receipt)), default=0)

    async def story() -> None:
        seen: tuple[list[Recorded], list[Recorded]] = ([], [])
        stops = (asyncio.Event(), asyncio.Event())
        tasks = [asyncio.create_task(reading(each, stop)) for each, stop in zip(seen, stops, strict=True)]
        async with play(office, "b1") as box:
            await wait_until(lambda: len(subscribed) == len(tasks))
            for seq in range(1, 41):
                await box.say("outcome", outcome(seq))
            await wait_until(lambda: receipted(box) == 40, timeout_s=30)
            assert all(seen), "both had some"
            assert len(seen[0]) + len(seen[1]) == 40, "and nobody had another's"
            assert sum(each.is_new for part in seen for each in part) == 40
            stops[0].set()
            await asyncio.wait(tasks[:1])
            for seq in range(41, 51):
                await box.say("outcome", outcome(seq))
            await wait_until(lambda: receipted(box) == 50, timeout_s=30)
        stops[1].set()
        await asyncio.gather(*tasks)

    asyncio.run(asyncio.wait_for(story(), 90))


@pytest.mark.usefixtures("broker")
def test_the_command_keeps_receipts_and_tells_other_boxes_whom_not_to_call(
    office: Office,
    play: Callable[[Office, str], AbstractAsyncContextManager[Any]],
    outcome: Outcome,
    wait_until: Callable[..., Awaitable[None]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`ingest` alone keeps an office alive: outcomes and states kept, receipts and suppressions sent."""

    async def story() -> None:
        async with play(office, "b1") as b1, play(office, "b2") as b2:
            running = [
                asyncio.create_task(ingest_command(office, until_idle_s=None, clock=SimulatedClock(NOW)))
                for _ in range(2)
            ]
            # Both have told the boxes whom not to call: they are connected and subscribed.
            await wait_until(lambda: sum(isinstance(each, Suppress) for each in b2.heard) >= 2)
            await b1.say("state", BoxState(id="x", at=NOW, status="online", boot="b"))
            for seq in (1, 2, 3):
                await b1.say(
                    "outcome",
                    outcome(seq, disposition=Disposition.OPT_OUT, suppressed="person", reached=True),
                )
            await wait_until(lambda: any(isinstance(each, Receipt) and each.up_to == 3 for each in b1.heard))
            await wait_until(
                lambda: any(isinstance(each, Suppress) and len(each.suppressions) == 3 for each in b2.heard)
            )
            for task in running:
                task.cancel()
            await asyncio.wait(running)

    asyncio.run(asyncio.wait_for(story(), 90))
    ledger = Ledger(office.ledger)
    with ledger.reading() as connection:
        assert connection.execute(select(BOX.c.status)).scalars().all() == ["online"]
    assert ledger.high_water() == {("b1", "s1"): 3}
    ledger.close()
    assert "messages kept" in capsys.readouterr().out
