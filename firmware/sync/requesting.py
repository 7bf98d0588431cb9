"""Asking the console again for batches that did not come: a broker's queue is finite, and drops without a word."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from firmware.store import campaigns
from firmware.store.connection import Connection as StoreConnection
from firmware.store.database import Database
from firmware.store.errors import StoreError
from firmware.sync.connection import Connection
from firmware.sync.errors import NotConnectedError, PublishRefusedError
from firmware.sync.messages import Request, encode
from firmware.sync.topics import BoxTopics
from firmware.values import CampaignId

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 30.0
QUIET = timedelta(seconds=60)
"""Nothing of the campaign came for this long: what is missing is not on its way any more."""
_RARELY_S = 3600.0
_MAX_BATCHES = 1000


class Requester:
    """Says which batches are missing, each time after twice the silence, at most once an hour."""

    def __init__(
        self,
        database: Database,
        connection: Connection,
        topics: BoxTopics,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._database = database
        self._connection = connection
        self._topics = topics
        self._now = now
        self._new_id = new_id
        self._asked: dict[CampaignId, tuple[int, float, float]] = {}
        """How many were missing when we last asked, when to ask again, and after how long that is (loop time)."""

    async def run(self) -> None:
        """Look now and then, for as long as the box runs."""
        while True:
            await self._connection.wait_connected()
            try:
                await self._look()
            except (NotConnectedError, PublishRefusedError, StoreError) as error:
                log.info("request_not_sent", reason=str(error))
            await asyncio.sleep(LOOK_EVERY_S)

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        quiet_before = self._now() - QUIET
        missing = await self._database.read(lambda con: _missing(con, quiet_before))
        self._asked = {campaign: asked for campaign, asked in self._asked.items() if campaign in missing}
        for campaign, batches in missing.items():
            n_before, again_s, wait_s = self._asked.get(campaign, (0, 0.0, LOOK_EVERY_S))
            if n_before != len(batches):
                again_s, wait_s = 0.0, LOOK_EVERY_S  # something came since: the console is listening
            if loop.time() < again_s:
                continue
            request = Request(
                id=self._new_id(), at=self._now(), campaign=campaign, batches=batches[:_MAX_BATCHES]
            )
            await self._connection.publish(self._topics.up("request"), encode(request), qos=1)
            log.info("batches_asked_for", campaign=campaign, n_missing=len(batches))
            wait_s = min(2 * wait_s, _RARELY_S)
            self._asked[campaign] = (len(batches), loop.time() + wait_s, wait_s)


def _missing(con: StoreConnection, quiet_before: datetime) -> dict[CampaignId, list[int]]:
    return {
        campaign: batches
        for campaign in campaigns.receiving(con, quiet_before)
        if (batches := campaigns.batch_missing(con, campaign))
    }
