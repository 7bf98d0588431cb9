"""Which of the console's messages may share a wait for the disk, and which may not."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import cast

from firmware.sync.connection import Connection, Received
from firmware.sync.in_flow import MAX_BATCHES_AT_ONCE, MAX_RECEIPTS_AT_ONCE, in_flow
from tests.firmware.sync.sync_world import TOPICS, run_virtually


def test_what_may_forbid_waits_for_what_came_before_and_batches_share_the_disk() -> None:
    """Receipts and batches run together up to a bound; a control message finds all before it done, none behind it begun."""
    under_way: Counter[str] = Counter()
    most: Counter[str] = Counter()
    order: list[str] = []

    async def handle(received: Received) -> None:
        kind = received.topic.split("/")[5]
        order.append(f"{kind} begins")
        under_way[kind] += 1
        most[kind] = max(most[kind], under_way[kind])
        if kind == "control":
            assert under_way.total() == 1
        await asyncio.sleep(1)
        under_way[kind] -= 1

    class Line:
        async def received(self) -> AsyncIterator[Received]:
            for leaf, n in (("contacts/a", 12), ("receipt", 40), ("control", 2), ("contacts/b", 1)):
                for _ in range(n):
                    yield Received(topic=TOPICS.down(leaf), payload=b"", properties={})

    run_virtually(in_flow(cast(Connection, Line()), handle, TOPICS))
    assert most == {"contacts": MAX_BATCHES_AT_ONCE, "receipt": MAX_RECEIPTS_AT_ONCE, "control": 1}
    assert order[-3:] == ["control begins", "control begins", "contacts begins"]
    assert len(order) == 55
