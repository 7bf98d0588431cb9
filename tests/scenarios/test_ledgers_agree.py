"""After random faults the console has exactly one outcome for every attempt that the box has one for, and no other.

The box's half is its database, its reports, uplink and downlink; the console's is its ingest and ledger. Links break,
messages are lost, doubled and overtaken, PUBACKs are hidden, and box and console are dropped and started again.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from console.ingest import Ingest
from console.ledger import Ledger
from console.ledger_tables import OUTCOME
from console.signed_sender import SignedSender
from firmware.store import attempts, campaigns, outbox, outcomes
from firmware.store.connection import Connection
from firmware.store.outcomes import Outcome
from firmware.sync.memory_connection import MemoryBroker, Mishaps
from firmware.sync.reports import Reports
from firmware.sync.topics import up_filter
from firmware.sync.uplink import Uplink
from firmware.values import AttemptId, ContactId, Disposition, UuidV7
from tests.firmware.store.store_rows import Rows, add_contacts
from tests.firmware.sync.sync_world import NOW, TOPICS, BoxSide
from tests.firmware.sync.sync_world import Console as Signer
from tests.firmware.sync.uplink_world import running
from tests.scenarios.virtual_time import run_virtually

N_CALLS = 24
IDS = UuidV7()


class World:
    """Both ends over one bad broker; `trusts_puback` is the fault that the check must see."""

    def __init__(self, folder: Path, seed: int, *, trusts_puback: bool = False) -> None:
        self.chance = random.Random(seed)
        self.folder = folder
        self.signer = Signer()
        self.trusts_puback = trusts_puback
        self.broker = MemoryBroker(
            Mishaps(seed=seed, duplicate=0.2, lose=0.15, hide_puback=0.1, max_delay_s=1.5)
        )
        self.ledger = Ledger(folder / "ledger.db")
        self.box = BoxSide(folder, self.signer)
        self.n_called = 0

    @asynccontextmanager
    async def box_running(self) -> AsyncIterator[None]:
        async with self.broker.connect("box", TOPICS.subscriptions()) as link:
            uplink = Uplink(
                self.box.database, link, TOPICS, window=8, expects_receipts=not self.trusts_puback
            )
            async with running(uplink.run(), self.box.downlink.run(link)):
                yield

    @asynccontextmanager
    async def console_running(self) -> AsyncIterator[None]:
        async with self.broker.connect("console", [up_filter("acme")]) as link:
            ingest = Ingest(
                connection=link,
                sender=SignedSender(link, self.signer.key),
                ledger=self.ledger,
                tenant="acme",
                clock=self.box.clock,
                ids=IDS,
                on_recorded=lambda _recorded: None,
            )
            async with running(ingest.run()):
                yield

    async def call_somebody(self) -> None:
        """End one call: attempt, outcome and message in one transaction, as the desk does."""
        self.n_called += 1
        name = f"{self.n_called:03d}"
        await self.box.database.transact(partial(self._call, name=name))

    def _call(self, con: Connection, *, name: str) -> None:
        rows = Rows()
        contact = rows.contact(f"k{name}")
        if self.n_called == 1:
            rows.seed(con, contact)
        else:
            add_contacts(con, [contact])
        campaigns.set_in_call(con, contact.campaign, contact.contact)
        attempts.reserve(con, rows.reservation(f"a{name}", f"k{name}"))
        attempts.finish(con, AttemptId(f"a{name}"), ended_at=NOW, disposition=Disposition.NO_ANSWER)
        outcome = Outcome(
            attempt=AttemptId(f"a{name}"),
            campaign=contact.campaign,
            contact=ContactId(f"k{name}"),
            person=contact.person,
            disposition=Disposition.NO_ANSWER,
            reached=False,
            right_party=False,
            final=False,
            ended_at=NOW,
        )
        outcomes.add_outcome(con, outcome)
        attempt = attempts.get_attempt(con, AttemptId(f"a{name}"))
        assert attempt is not None
        reports = Reports(self.box.database.stream, lambda: NOW, lambda: IDS.new(0))
        reports.outcome(con, attempt, outcome)

    async def live(self) -> None:
        """Both ends come and go while calls end; then the line is good until the box has nothing left to say."""
        while self.n_called < N_CALLS:
            async with self.box_running():
                async with self.console_running():
                    await self._busy(self.chance.randrange(1, 6))
                await self._busy(self.chance.randrange(3))  # the console is away
            self.box.database.close_now()
            self.box = BoxSide(self.folder, self.signer)  # dropped, and started on what the disk has
        async with self.box_running(), self.console_running():
            async with asyncio.timeout(7 * 24 * 3600):
                while (await self.box.database.read(outbox.depth)).n_waiting:  # noqa: ASYNC110
                    await asyncio.sleep(10)
            await asyncio.sleep(60)

    async def _busy(self, n: int) -> None:
        for _ in range(n):
            await self.call_somebody()
            await asyncio.sleep(self.chance.uniform(0, 20))
            if self.chance.random() < 0.2:
                self.broker.stop()
                await asyncio.sleep(self.chance.uniform(1, 90))
                self.broker.start()

    def differences(self) -> tuple[Counter[Any], Counter[Any]]:
        """Return what only the box has, and what only the console has."""
        ours = self.box.database.run_now(
            lambda con: Counter(
                (each.attempt, each.contact, each.disposition.value) for each in outcomes.list_outcomes(con)
            )
        )
        with self.ledger.reading() as rows:
            found = rows.execute(select(OUTCOME.c.attempt, OUTCOME.c.contact, OUTCOME.c.disposition))
            theirs = Counter((row.attempt, row.contact, row.disposition) for row in found)
        assert set(theirs.values()) <= {1}
        return ours - theirs, theirs - ours


def play(world: World) -> tuple[Counter[Any], Counter[Any]]:
    try:
        run_virtually(world.live())
        return world.differences()
    finally:
        world.box.database.close_now()
        world.ledger.close()


@pytest.mark.parametrize("seed", range(4))
def test_every_attempt_has_its_one_outcome_at_the_console(tmp_path: Path, seed: int) -> None:
    world = World(tmp_path, seed)
    assert play(world) == (Counter(), Counter())
    assert world.n_called >= N_CALLS


def test_the_check_sees_a_box_that_takes_a_puback_for_a_receipt(tmp_path: Path) -> None:
    """The negative control: over the same broker such a box loses outcomes."""
    missing, invented = play(World(tmp_path, 0, trusts_puback=True))
    assert missing
    assert not invented
