"""Have what coming calls will say rendered before they are due: after the start, and whenever lists have changed.

One phrase at a time, by engines of low priority: a call that needs a phrase now waits for at most one that was begun
for later. What it does not get done is rendered by the call's own preparation, before it dials.
"""

import asyncio
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Protocol

import structlog

from audio.errors import AudioError
from firmware.dialogue.errors import DialogueError
from firmware.store.campaigns import StoredCampaign, StoredContact
from firmware.store.errors import StoreError
from firmware.values import ContactId

log = structlog.get_logger()

AHEAD = timedelta(hours=12)
MOST_CONTACTS = 24
"""Those who are called next; with the values of some hundreds the clips of the first would be forgotten again."""
EVERY_S = 60.0


class ComingCalls(Protocol):
    """Knows who is called next."""

    async def due(self, now: datetime, limit: int) -> list[StoredContact]:
        """Return who is to be called by `now`."""
        ...

    async def campaign_of(self, contact: StoredContact) -> StoredCampaign:
        """Return the campaign."""
        ...


class Renders(Protocol):
    """Renders what a call to a contact may say."""

    async def render_ahead(self, contact: StoredContact, campaign: StoredCampaign) -> int:
        """Return how many phrases are ready. Raises AudioError, DialogueError."""
        ...


class PromptsAhead:
    """Looks who is called next, and has their prompts rendered."""

    def __init__(self, *, desk: ComingCalls, placer: Renders, now: Callable[[], datetime]) -> None:
        self._desk = desk
        self._placer = placer
        self._now = now
        self._done: dict[ContactId, date] = {}
        """Whose prompts are ready, and for which day: what is said of days changes with it."""
        self._is_failing = False

    async def run(self) -> None:
        """Look again and again; ends only when cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY_S)

    async def look(self) -> int:
        """Render for those who are called next and return for how many it was done."""
        now = self._now()
        try:
            coming = await self._desk.due(now + AHEAD, MOST_CONTACTS)
        except StoreError:
            return 0  # the scheduler says so
        self._done = {one.contact: self._done[one.contact] for one in coming if one.contact in self._done}
        count = 0
        for contact in coming:
            if self._done.get(contact.contact) == now.date():
                continue
            try:
                phrases = await self._placer.render_ahead(contact, await self._desk.campaign_of(contact))
            except (DialogueError, StoreError):
                phrases = 0  # the call's own preparation refuses it and tells the console
            except AudioError as error:
                if not self._is_failing:
                    log.warning("prompts_not_ahead", reason=str(error))
                self._is_failing = True
                return count  # no engine speaks now: another look finds out
            self._is_failing = False
            self._done[contact.contact] = now.date()
            count += phrases > 0
        if count:
            log.info("prompts_ahead", contacts=count)
        return count
