"""A configuration on trial is kept if the console hears of it in time, else undone; a crash leaves no half."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from firmware.daemon.configuration import Configuration
from firmware.store import configurations, outbox
from firmware.sync.memory_connection import MemoryBroker, MemoryConnection
from firmware.sync.messages import Ack, BoxEvent, encode
from firmware.sync.messages_config import BoxConfig, BrokerConfig, ConfigSettings
from firmware.sync.uplink import Uplink
from firmware.values import UuidV7
from tests.firmware.sync.sync_world import NOW, TOPICS, BoxSide, Console, run_virtually


@pytest.fixture
def console() -> Console:
    return Console()


AWAY = ConfigSettings(broker=BrokerConfig(host="nowhere.example"))
DEBUG = ConfigSettings(log_level="debug")


class Trying:
    """A box with downlink, uplink and configuration, and a console that receipts while it is `listening`."""

    def __init__(self, folder: Path, console: Console) -> None:
        self.console = console
        self.side = BoxSide(folder, console, monotonic_s=asyncio.get_running_loop().time)
        self.broker = MemoryBroker()
        self.broker.nowhere.add("nowhere.example")
        self.used: list[ConfigSettings] = []
        self.listening = True
        ids = UuidV7()
        self.config = Configuration(
            self.side.database, now=self.side.clock.now, new_id=lambda: ids.new(1_800_000_000_000)
        )

    @contextlib.asynccontextmanager
    async def alive(self) -> AsyncIterator[None]:
        """Run until the block ends: what then happens to tasks is what a crash would do."""
        async with self.broker.connect("box", TOPICS.subscriptions()) as self.connection:
            tasks = [
                asyncio.create_task(self.config.run(self.connection, [self.used.append, self.move])),
                asyncio.create_task(Uplink(self.side.database, self.connection, TOPICS).run()),
                asyncio.create_task(self.receipts()),
            ]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)

    def move(self, settings: ConfigSettings) -> None:
        self.connection.move(settings.broker.host if settings.broker else "", 8883)

    async def receipts(self) -> None:
        n_seen = 0
        while True:
            await asyncio.sleep(1)
            if self.listening and len(self.broker.log) > n_seen:
                n_seen = len(self.broker.log)
                _, last = await self.side.database.read(outbox.heads)
                await self.side.tell(self.console.receipt(self.side.database.stream, last))

    async def say(self, message: BoxConfig) -> None:
        await self.side.tell(message)

    async def history(self) -> list[tuple[int, str]]:
        found = await self.side.database.read(lambda con: configurations.history(con, 10))
        return [(each.version, each.state.value) for each in found]

    async def answers(self) -> list[tuple[bool, str]]:
        """What the console was told and the box still keeps, or had in its outbox."""
        return [(ack.accepted, ack.reason) for ack in await self.side.acks()]


def sent(broker: MemoryBroker) -> list[Ack | BoxEvent]:
    from firmware.sync.messages import decode_uplink

    decoded = [decode_uplink(payload) for topic, payload in broker.log if "/up/" in topic]
    return [each for each in decoded if isinstance(each, Ack | BoxEvent)]


def test_a_receipt_puts_it_in_force(tmp_path: Path, console: Console) -> None:
    async def story() -> None:
        box = Trying(tmp_path, console)
        async with box.alive():
            await box.say(console.config(7, DEBUG))
            await asyncio.sleep(30)
            assert await box.history() == [(7, "in_force")]
            assert box.config.current == DEBUG
            assert (box.config.version, box.config.on_trial) == (7, 0)
            assert [(m.accepted, m.reason) for m in sent(box.broker) if isinstance(m, Ack)] == [
                (True, "on_trial"),
                (True, "in_force"),
            ]
            assert box.used == [ConfigSettings(), DEBUG, DEBUG]
        box.side.database.close_now()

    run_virtually(story())


def test_a_configuration_that_cuts_the_box_off_is_undone(tmp_path: Path, console: Console) -> None:
    """The broker it names is nowhere: after the window the box is back where it was, and says so."""

    async def story() -> None:
        box = Trying(tmp_path, console)
        async with box.alive():
            await box.say(console.config(1, DEBUG))
            await asyncio.sleep(10)
            await box.say(console.config(2, AWAY, confirm_within_s=60))
            await asyncio.sleep(30)
            assert not box.connection.connected
            assert box.config.on_trial == 2
            await asyncio.sleep(60)
            assert box.connection.connected
            assert await box.history() == [(2, "rolled_back"), (1, "in_force")]
            assert box.config.current == DEBUG
            said = sent(box.broker)
            assert [(m.accepted, m.reason) for m in said if isinstance(m, Ack)][-1] == (False, "rolled_back")
            (alarm,) = [m for m in said if isinstance(m, BoxEvent) and m.severity == "alarm"]
            assert (alarm.event, alarm.detail) == (
                "config_rolled_back",
                "version 2: the broker could not be reached under it within 60 s",
            )
        box.side.database.close_now()

    run_virtually(story())


def test_a_console_that_does_not_hear_of_it_lets_it_go(tmp_path: Path, console: Console) -> None:
    async def story() -> None:
        box = Trying(tmp_path, console)
        box.listening = False
        async with box.alive():
            message = console.config(1, DEBUG, confirm_within_s=60)
            await box.say(message)
            await asyncio.sleep(59)
            assert (box.config.current, box.config.on_trial) == (DEBUG, 1)
            await asyncio.sleep(2)
            assert box.config.current == ConfigSettings()
            box.listening = True
            await asyncio.sleep(200)
            assert await box.history() == [(1, "rolled_back")], "a late receipt does not bring it back"
            await box.say(message)
            await asyncio.sleep(1)
            again = (await box.side.acks())[-1]
            assert (again.accepted, again.reason) == (False, "rolled_back"), (
                "who asks again gets the end of it"
            )
        box.side.database.close_now()

    run_virtually(story())


def test_a_newer_one_takes_the_place_of_the_one_on_trial(tmp_path: Path, console: Console) -> None:
    async def story() -> None:
        box = Trying(tmp_path, console)
        box.listening = False
        async with box.alive():
            await box.say(console.config(1, ConfigSettings(max_call_s=60), confirm_within_s=60))
            await asyncio.sleep(50)
            await box.say(console.config(2, DEBUG, confirm_within_s=60))
            await asyncio.sleep(20)
            assert (box.config.current, box.config.on_trial) == (DEBUG, 2)
            box.listening = True
            await box.say(console.config(3, ConfigSettings(log_level="warning")))
            await asyncio.sleep(60)
            assert await box.history() == [(3, "in_force"), (2, "replaced"), (1, "replaced")]
        box.side.database.close_now()

    run_virtually(story())


@pytest.mark.parametrize("after_s", [0, 0.2, 5, 40])
def test_a_crash_in_the_window_leaves_no_half(after_s: float, tmp_path: Path, console: Console) -> None:
    """Whenever it is cut off, the next start has the last good configuration, and the console hears why."""

    async def first() -> None:
        box = Trying(tmp_path, console)
        box.listening = False
        async with box.alive():
            await box.say(console.config(4, DEBUG, confirm_within_s=60))
            await asyncio.sleep(after_s)
        box.side.database.close_now()

    async def second() -> None:
        box = Trying(tmp_path, console)
        assert box.config.current == ConfigSettings()
        assert await box.history() == [(4, "rolled_back")]
        last = (await box.side.acks())[-1]
        assert (last.accepted, last.reason, last.detail) == (
            False,
            "rolled_back",
            "the box restarted while it was tried",
        )
        box.side.database.close_now()

    run_virtually(first())
    run_virtually(second())


def test_a_crash_after_the_proof_finishes_it_at_the_next_start(tmp_path: Path, console: Console) -> None:
    async def first() -> None:
        box = Trying(tmp_path, console)
        box.listening = False
        async with box.alive():
            await box.say(console.config(4, DEBUG, confirm_within_s=60))
            await asyncio.sleep(5)
        _, last = await box.side.database.read(outbox.heads)
        await box.side.tell(console.receipt(box.side.database.stream, last))
        assert await box.history() == [(4, "on_trial")]
        box.side.database.close_now()

    async def second() -> None:
        box = Trying(tmp_path, console)
        assert box.config.current == DEBUG
        assert await box.history() == [(4, "in_force")]
        box.side.database.close_now()

    run_virtually(first())
    run_virtually(second())


def test_one_that_breaks_a_part_of_us_is_undone_at_once(tmp_path: Path, console: Console) -> None:
    async def story() -> None:
        box = Trying(tmp_path, console)

        def breaks(settings: ConfigSettings) -> None:
            if settings == DEBUG:
                raise ZeroDivisionError

        async with box.broker.connect("box", TOPICS.subscriptions()) as connection:
            running = asyncio.create_task(box.config.run(connection, [box.used.append, breaks]))
            await box.say(console.config(1, DEBUG))
            await asyncio.sleep(1)
            assert await box.history() == [(1, "rolled_back")]
            assert box.used == [ConfigSettings(), DEBUG, ConfigSettings()]
            running.cancel()
            await asyncio.wait([running])
        box.side.database.close_now()

    run_virtually(story())


def test_one_that_this_version_cannot_read_stops_the_dialling(tmp_path: Path, console: Console) -> None:
    """A limit that cannot be read must not become no limit."""

    async def story() -> None:
        side = BoxSide(tmp_path, console)
        await side.database.transact(
            lambda con: configurations.renew(con, 1, b'{"hours": "new kind"}', message="m", at=NOW)
        )
        assert Configuration(side.database, now=side.clock.now, new_id=lambda: "x").current.hours == []
        side.database.close_now()

    run_virtually(story())


def test_memory_connections_keep_the_contract(tmp_path: Path) -> None:
    """Nothing more goes over a connection that has moved."""

    async def story() -> None:
        broker = MemoryBroker()
        broker.nowhere.add("nowhere.example")
        connection: MemoryConnection
        async with broker.connect("box", []) as connection:
            connection.move("nowhere.example", 1)
            assert not connection.connected
            await asyncio.sleep(10)
            assert not connection.connected
            connection.move("", 1)
            await connection.wait_connected()

    run_virtually(story())


def test_the_messages_are_what_the_wire_says(console: Console) -> None:
    from firmware.sync.messages import decode_downlink

    message = console.config(1, DEBUG)
    assert decode_downlink(encode(message)) == message
