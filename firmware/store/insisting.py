"""A transaction that has to come about: tried again while the disk refuses it."""

import asyncio
from collections.abc import Callable

from firmware.store.connection import Connection
from firmware.store.database import Database
from firmware.store.errors import StoreError

PAUSE_S = 2.0


async def transact_for_certain(database: Database, work: Callable[[Connection], None]) -> None:
    """Run `work` in a transaction until one is committed; only its owner's cancelling ends it before."""
    while True:
        try:
            await database.transact(work)
        except StoreError:
            await asyncio.sleep(PAUSE_S)
        else:
            return
