"""The byte budget: telemetry goes first, then events wait, an outcome never does; a crash does not forget what went."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from console.ingest import runs
from firmware.store import outbox
from firmware.store.connection import Connection
from firmware.sync.byte_budget import ByteBudget, MeteredConnection, Thrift
from firmware.sync.memory_connection import MemoryBroker
from firmware.sync.messages import Receipt, SeqRange, encode
from firmware.sync.uplink import Uplink
from tests.firmware.sync.sync_world import NOW, TOPICS, BoxSide, Console, run_virtually


@pytest.mark.parametrize(
    ("spent", "thrift"),
    [(0, Thrift.FREE), (69_000, Thrift.FREE), (71_000, Thrift.NO_TELEMETRY), (95_000, Thrift.URGENT_ONLY)],
)
def test_what_goes_first(spent: int, thrift: Thrift, box: BoxSide) -> None:
    async def story() -> None:
        budget = ByteBudget(box.database, now=box.clock.now)
        budget.bytes_per_day = 100_000
        await budget.spend(spent)
        assert budget.used == (spent, spent)
        assert budget.thrift is thrift

    asyncio.run(story())


def test_a_new_day_is_a_new_budget_and_a_month_is_not(tmp_path: Path, console: Console) -> None:
    async def story() -> None:
        side = BoxSide(tmp_path, console, monotonic_s=asyncio.get_running_loop().time)
        budget = ByteBudget(side.database, now=side.clock.now)
        budget.bytes_per_day = 100_000
        await budget.spend(95_000)
        await asyncio.sleep(24 * 3600)
        assert budget.thrift == "free"
        assert budget.used == (0, 95_000)
        budget.bytes_per_month = 100_000
        assert budget.thrift == "urgent_only"
        await asyncio.sleep(31 * 24 * 3600)
        assert budget.used == (0, 0)
        side.database.close_now()

    run_virtually(story())


def test_a_box_that_crashes_all_day_keeps_to_its_budget(box: BoxSide) -> None:
    """What was counted on the disk is never less than what was sent, and not much more."""

    async def story() -> None:
        sent = 0
        for _ in range(20):
            budget = ByteBudget(box.database, now=box.clock.now)
            budget.bytes_per_day = 1_000_000
            assert sent <= budget.used[0] <= sent + 20 * 5_000
            await budget.spend(700)
            sent += 700

    asyncio.run(story())


def fill(con: Connection, leaves: list[str]) -> None:
    for place, leaf in enumerate(leaves):
        outbox.append(con, leaf, lambda seq, place=place: f"{place}".encode(), NOW)  # type: ignore[misc]


async def receipt_what_came(side: BoxSide, broker: MemoryBroker) -> None:
    """Answer as the console does: everything up to the first gap, and what it has behind it."""
    have = {int(payload) + 1 for topic, payload in broker.log if topic.startswith(TOPICS.up(""))}
    up_to = next(number for number in range(0, 10_000) if number + 1 not in have)
    message = Receipt(
        id=side.console.new_id(),
        at=NOW,
        stream=side.database.stream,
        up_to=up_to,
        ahead=runs(number for number in have if number > up_to),
    )
    await side.downlink.handle(side.console.received(TOPICS.down("receipt"), encode(message)))


def test_events_wait_for_a_new_day_and_outcomes_go(tmp_path: Path, console: Console) -> None:
    leaves = ["event", "outcome", "event", "ack", "response/desk", "event", "outcome"]
    urgent, waiting = [1, 3, 4, 6], [0, 2, 5]

    async def story() -> None:
        side = BoxSide(tmp_path, console, monotonic_s=asyncio.get_running_loop().time)
        budget = ByteBudget(side.database, now=side.clock.now)
        budget.bytes_per_day = 100_000
        await budget.spend(95_000)
        await side.database.transact(lambda con: fill(con, leaves))
        broker = MemoryBroker()
        async with broker.connect("box", TOPICS.subscriptions()) as link:
            connection = MeteredConnection(link, budget)
            uplink = Uplink(side.database, connection, TOPICS, budget=budget)
            running = asyncio.create_task(uplink.run())
            await asyncio.sleep(10)
            assert [int(payload) for _, payload in broker.log] == urgent
            await receipt_what_came(side, broker)
            left = await side.database.read(lambda con: outbox.pending(con, 0, 100))
            assert [row.seq - 1 for row in left] == waiting, "what is safe behind a gap is not kept"
            await asyncio.sleep(6 * 3600)
            assert len(broker.log) == len(urgent), "nothing is sent again for what waits on purpose"
            await asyncio.sleep(24 * 3600)
            assert sorted({int(payload) for _, payload in broker.log}) == list(range(len(leaves)))
            await receipt_what_came(side, broker)
            assert (await side.database.read(outbox.depth)).n_waiting == 0
            running.cancel()
            await asyncio.wait([running])
        side.database.close_now()

    run_virtually(story())


def test_thousands_of_outcomes_pass_an_event_that_waits(tmp_path: Path, console: Console) -> None:
    """More than may be out unreceipted: the console's word about what it has behind the gap keeps them moving."""

    async def story() -> None:
        side = BoxSide(tmp_path, console, monotonic_s=asyncio.get_running_loop().time)
        budget = ByteBudget(side.database, now=side.clock.now)
        budget.bytes_per_day = 100_000
        await budget.spend(95_000)
        await side.database.transact(lambda con: fill(con, ["event"] + ["outcome"] * 1500))
        broker = MemoryBroker()
        async with broker.connect("box", TOPICS.subscriptions()) as link:
            uplink = Uplink(side.database, link, TOPICS, budget=budget, max_unreceipted=256)
            running = asyncio.create_task(uplink.run())
            for _ in range(20):
                await asyncio.sleep(5)
                await receipt_what_came(side, broker)
            assert {int(payload) for _, payload in broker.log} == set(range(1, 1501))
            assert len(broker.log) == 1500, "each once"
            running.cancel()
            await asyncio.wait([running])
        side.database.close_now()

    run_virtually(story())


def test_a_lost_outcome_is_sent_again_though_the_budget_is_spent(tmp_path: Path, console: Console) -> None:
    async def story() -> None:
        side = BoxSide(tmp_path, console, monotonic_s=asyncio.get_running_loop().time)
        budget = ByteBudget(side.database, now=side.clock.now)
        budget.bytes_per_day = 100_000
        await budget.spend(95_000)
        await side.database.transact(lambda con: fill(con, ["event", "outcome"]))
        broker = MemoryBroker()
        async with broker.connect("box", TOPICS.subscriptions()) as link:
            uplink = Uplink(side.database, link, TOPICS, budget=budget)
            running = asyncio.create_task(uplink.run())
            await asyncio.sleep(300)
            times = [int(payload) for _, payload in broker.log].count(1)
            assert 2 <= times <= 6, "ever more rarely"
            running.cancel()
            await asyncio.wait([running])
        side.database.close_now()

    run_virtually(story())


def test_a_receipt_for_what_was_never_sent_is_refused(box: BoxSide) -> None:
    async def story() -> None:
        await box.database.transact(lambda con: fill(con, ["event", "outcome"]))
        message = Receipt(
            id="r",
            at=NOW + timedelta(0),
            stream=box.database.stream,
            up_to=0,
            ahead=[SeqRange(first=2, last=9)],
        )
        await box.downlink.handle(box.console.received(TOPICS.down("receipt"), encode(message)))
        left = await box.database.read(lambda con: outbox.pending(con, 0, 100))
        assert b'"conflict"' in left[-1].body
        assert [row.seq for row in left][:2] == [1, 2]

    asyncio.run(story())
