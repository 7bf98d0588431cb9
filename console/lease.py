"""Tell every box, on the hour and at once when something changed, whom it may not call.

A box stops dialling when it has not heard for its lease that the list is complete.
"""

import asyncio
from contextlib import suppress

from console.ledger import Ledger
from console.signed_sender import SignedSender
from console.suppressions import all_suppressions, as_messages
from firmware.clock import Clock
from firmware.sync.messages import SuppressionWire, encode
from firmware.sync.topics import all_boxes_down
from firmware.values import UuidV7

RENEW_AFTER_S = 3600.0
SETTLE_S = 1.0
"""Suppressions of calls that end together go out together."""


class SuppressionLease:
    """The whole list to all boxes of a tenant, again and again."""

    def __init__(
        self, *, sender: SignedSender, ledger: Ledger, tenant: str, clock: Clock[object], ids: UuidV7
    ) -> None:
        self._sender = sender
        self._ledger = ledger
        self._tenant = tenant
        self._clock = clock
        self._ids = ids
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """Note that a call brought a suppression about: other boxes must know now, not in an hour."""
        self._changed.set()

    async def renew(self) -> None:
        """Send the list once. Raises BrokerError, LedgerError."""
        self._changed.clear()
        suppressions = await asyncio.to_thread(self._read)
        for message in as_messages(suppressions, self._ids, self._clock.now()):
            await self._sender.send(all_boxes_down(self._tenant, "suppress"), encode(message))

    async def run(self) -> None:
        """Renew until cancelled."""
        while True:
            await self.renew()
            with suppress(TimeoutError):
                async with asyncio.timeout(RENEW_AFTER_S):
                    await self._changed.wait()
                    await asyncio.sleep(SETTLE_S)

    def _read(self) -> list[SuppressionWire]:
        with self._ledger.reading() as connection:
            return all_suppressions(connection)
