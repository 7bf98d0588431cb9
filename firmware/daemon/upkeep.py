"""What the daemon does beside calls and messages: forget old ids, copy the database, follow modems, feed the watchdog."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator
from datetime import timedelta
from functools import partial
from typing import Any, Generic, TypeVar

import structlog

from firmware.compliance.gate import Gate
from firmware.daemon.worlds import World
from firmware.host import systemd
from firmware.host.heartbeats import Heartbeats
from firmware.store import commands, inbound, inbox, orders
from firmware.store import suppressions as suppression_list
from firmware.store.database import Database
from firmware.store.errors import StoreDamagedError, StoreError

log = structlog.get_logger()
WorldT = TypeVar("WorldT")

INBOX_KEPT = timedelta(days=30)
"""Ids of applied messages: the replay protection. A broker keeps a message for 7 days at most."""
INBOUND_KEPT = timedelta(days=30)
"""Who called in, as this box keeps it to count by; what came of it is the console's."""
ORDERS_KEPT = timedelta(days=400)
"""What the console forbade: longer than any campaign runs that could have been held back on its way."""
SNAPSHOT_EVERY_S = 24 * 3600.0
FIRST_SNAPSHOT_AFTER_S = 600.0
"""A box that restarts often must not spend its disk on copies."""
CALLS_RETRY_S = 60.0
LONGEST_CALLS_MIN = 15
"""No call lasts longer than this."""
CHECK_AFTER_S = 120.0
"""First the lines come up and what waits goes out."""


class Upkeep(Generic[WorldT]):
    """Loops that run as long as the daemon; each is a task of its own."""

    def __init__(
        self,
        database: Database,
        world: World[WorldT],
        *,
        gate: Callable[[], Gate],
        is_busy: Callable[[], bool],
        heartbeats: Heartbeats,
    ) -> None:
        """`gate` is the one in force; `is_busy`: a call is up."""
        self._database = database
        self._world = world
        self._gate = gate
        self._is_busy = is_busy
        self._heartbeats = heartbeats

    def tasks(self) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
        """Yield what runs until it is cancelled, by name."""
        yield "watchdog", self.feed_watchdog()
        yield "tidy", self.tidy()
        yield "snapshots", self.keep_snapshots()
        yield "hotplug", self.follow_hotplug()
        yield "store-check", self.finish_check()

    async def tidy(self) -> None:
        """Say which rule packs need a person soon, and forget ids that no replay can bring back; once a day."""
        while True:
            now = self._world.clock.now()
            for warning in self._gate().warnings(now):
                log.warning("rules_need_attention", what=warning)
            with contextlib.suppress(StoreError):  # a full disk: tomorrow is soon enough
                await self._database.transact(partial(inbox.forget_before, before=now - INBOX_KEPT))
                await self._database.transact(partial(orders.forget_before, before=now - ORDERS_KEPT))
                await self._database.transact(partial(inbound.forget_before, before=now - INBOUND_KEPT))
                await self._database.transact(partial(commands.forget_before, before=now - INBOX_KEPT))
            await asyncio.sleep(24 * 3600)

    async def finish_check(self) -> None:
        """Look at the rest of a database too large to be looked at whole before the start.

        Raises StoreDamagedError: this ends the service, and its next start sets the file aside and restores it.
        """
        if self._database.is_checked:
            return
        await asyncio.sleep(CHECK_AFTER_S)
        try:
            await self._database.check_rest()
        except StoreDamagedError as error:
            log.error("database_damaged", reason=str(error), next="restarting to restore it")
            for _ in range(LONGEST_CALLS_MIN):
                if not self._is_busy():
                    break
                await asyncio.sleep(CALLS_RETRY_S)
            raise
        log.info("database_checked")

    async def keep_snapshots(self) -> None:
        """Copy the database once a day, when no call is up: what a damaged one is restored from."""
        await asyncio.sleep(FIRST_SNAPSHOT_AFTER_S)
        while True:
            while self._is_busy():  # noqa: ASYNC110 - a minute more or less is nothing to a copy a day
                await asyncio.sleep(CALLS_RETRY_S)
            try:
                await self._database.snapshot(at=self._world.clock.now())
            except StoreError as error:
                log.warning("snapshot_failed", reason=str(error))
            await asyncio.sleep(SNAPSHOT_EVERY_S)

    async def follow_hotplug(self) -> None:
        """Wake the lines whenever a modem came, went or moved: one of them may have waited for that."""
        if self._world.hotplug is None:
            return
        async for _change in self._world.hotplug():
            for line in self._world.lines:
                line.ports_changed()

    async def feed_watchdog(self) -> None:
        """Feed it while every supervised loop goes round, and name once what is stuck."""
        interval_s = systemd.watchdog_interval_s()
        said: list[str] = []
        while True:
            await asyncio.sleep(interval_s or 3600.0)
            # A stuck disk must not look alive; one that only refuses is told of elsewhere, and no restart mends it.
            with contextlib.suppress(StoreError):
                await self._database.read(suppression_list.confirmed_at)
            late = self._heartbeats.late()
            if late != said:
                log.error("loops_stuck", loops=late) if late else log.info("loops_going_again")
                said = late
            if not late:
                systemd.feed_watchdog()
