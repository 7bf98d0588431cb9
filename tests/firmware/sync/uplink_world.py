"""Both ends of the uplink for tests: what puts messages into the outbox, and a console that keeps and receipts them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import msgspec

from firmware.store import outbox
from firmware.store.connection import Connection as StoreConnection
from firmware.store.database import Database
from firmware.sync.connection import Connection
from firmware.sync.messages import BoxEvent, Receipt, decode_uplink, encode
from firmware.sync.signing import signed_properties
from tests.firmware.sync.sync_world import NOW, TOPICS, BoxSide, Console


async def say(database: Database, *texts: str) -> None:
    """Put events into the outbox, in one transaction."""

    def numbered(event: BoxEvent, seq: int) -> bytes:
        return encode(msgspec.structs.replace(event, seq=seq))

    def work(con: StoreConnection) -> None:
        for text in texts:
            event = BoxEvent(
                id=text, at=NOW, stream=database.stream, seq=1, event="note", severity="info", detail=text
            )
            outbox.append(con, "event", partial(numbered, event), NOW)

    await database.transact(work)


class Ledger:
    """A console: keeps messages by stream and number, receipts what has no gap before it."""

    def __init__(self, console: Console, connection: Connection) -> None:
        self._console = console
        self._connection = connection
        self.texts: dict[int, str] = {}
        self.n_seen = 0
        self.is_deaf = False
        self.arrived = asyncio.Event()

    async def run(self) -> None:
        async for received in self._connection.received():
            message = decode_uplink(received.payload)
            assert isinstance(message, BoxEvent)
            self.n_seen += 1
            if self.texts.setdefault(message.seq, message.detail) != message.detail:
                raise AssertionError("one number, two messages")
            received.ack()
            self.arrived.set()
            if not self.is_deaf:
                await self.send_receipt(message.stream)

    @property
    def up_to(self) -> int:
        return next(n for n in range(len(self.texts) + 1) if n + 1 not in self.texts)

    async def send_receipt(self, stream: str) -> None:
        receipt = Receipt(id=self._console.new_id(), at=NOW, stream=stream, up_to=self.up_to)
        topic, payload = TOPICS.down("receipt"), encode(receipt)
        while True:
            await self._connection.wait_connected()
            try:
                await self._connection.publish(
                    topic, payload, properties=signed_properties(self._console.key, topic, payload)
                )
            except Exception:
                continue
            return


@asynccontextmanager
async def running(*coroutines: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(each) for each in coroutines]
    try:
        yield
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def until(condition: Callable[[], bool], *, within_s: float) -> None:
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def empty(box: BoxSide, *, within_s: float, look_every_s: float = 0.5) -> None:
    """Wait until the console has everything."""
    async with asyncio.timeout(within_s):
        while (await box.database.read(outbox.depth)).n_waiting:  # noqa: ASYNC110
            await asyncio.sleep(look_every_s)
