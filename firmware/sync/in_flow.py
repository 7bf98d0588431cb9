"""The order of the console's messages: one after the other, but for what may share a wait for the disk.

Receipts do not wait for one another: those that come while the disk is busy are committed together. And while batches
of contacts are written the next are checked, and then written together: people come in no order, so every commit writes
nearly all pages of two indexes, however many rows it has. Whatever else comes may forbid or change what stands before it, so
that is finished first.
"""

import asyncio
from collections.abc import Awaitable, Callable

from firmware.sync.connection import Connection, Received
from firmware.sync.topics import BoxTopics

MAX_RECEIPTS_AT_ONCE = 32
MAX_BATCHES_AT_ONCE = 8
"""More would keep a call's reservation waiting behind them."""


async def in_flow(
    connection: Connection, handle: Callable[[Received], Awaitable[None]], topics: BoxTopics
) -> None:
    """Have everything that is received handled, until the connection is closed; `handle` deals with its failures."""
    receipts, batches = topics.down("receipt"), topics.any_contacts
    bounds = {receipts: MAX_RECEIPTS_AT_ONCE, batches: MAX_BATCHES_AT_ONCE}
    keeping: dict[asyncio.Task[None], str] = {}

    async def handle_one(received: Received) -> None:
        await handle(received)

    try:
        async for received in connection.received():
            kind = batches if received.topic.startswith(batches) else received.topic
            if kind not in bounds:
                if keeping:
                    await asyncio.wait(keeping)
                await handle(received)
                continue
            while sum(each == kind for each in keeping.values()) >= bounds[kind]:
                await asyncio.wait(keeping, return_when=asyncio.FIRST_COMPLETED)
                keeping = {task: each for task, each in keeping.items() if not task.done()}
            task = asyncio.create_task(handle_one(received), name="downlink")
            keeping = {each: its for each, its in keeping.items() if not each.done()} | {task: kind}
    finally:
        await asyncio.gather(*keeping, return_exceptions=True)
