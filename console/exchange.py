"""One exchange with one box: something is sent, and what the box says is kept, receipted and waited for.

It is `watch` for one box and for as long as it takes: whether a `watch` runs beside it or not, what the box sends is
committed once, and its receipts let the box go on.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from console.authority import load_signing_key
from console.broker import connected
from console.errors import BoxSilentError
from console.ingest import Ingest
from console.ledger import Ledger, Recorded
from console.ledger_facts import Fact
from console.office import Office
from console.signed_sender import SignedSender
from firmware.clock import Clock
from firmware.sync.messages import BoxState, Telemetry
from firmware.sync.topics import BoxTopics
from firmware.values import UuidV7

MAX_HEARD = 1000
ASK_AGAIN_S = 5.0


class Exchange:
    """What can be sent to the box, and what it said since."""

    def __init__(self, sender: SignedSender, topics: BoxTopics) -> None:
        self.sender = sender
        self.topics = topics
        self._heard: list[Fact] = []
        self._stirred = asyncio.Event()
        self._status = "never seen"

    def hear(self, recorded: Recorded) -> None:
        """Note what the box said, once it is committed."""
        message = recorded.arrival.message
        if recorded.arrival.box != self.topics.box:
            return
        if isinstance(message, BoxState):
            self._status = message.status
            return
        if isinstance(message, Telemetry):
            return
        self._heard = [*self._heard[-MAX_HEARD:], message]
        self._stirred.set()

    async def wait(
        self,
        is_it: Callable[[Fact], bool],
        *,
        patience_s: float,
        what: str,
        ask_again: Callable[[], Awaitable[None]] | None = None,
    ) -> Fact:
        """Return the first message that is it, asking again meanwhile: a box that was away may not have heard.

        Raises BoxSilentError.
        """
        try:
            async with asyncio.timeout(patience_s):
                while True:
                    self._stirred.clear()
                    if (found := next(filter(is_it, self._heard), None)) is not None:
                        return found
                    try:
                        async with asyncio.timeout(ASK_AGAIN_S):
                            await self._stirred.wait()
                    except TimeoutError:
                        if ask_again is not None:
                            await ask_again()
        except TimeoutError:
            raise BoxSilentError(
                f"box {self.topics.box} ({self._status}) said nothing of {what} for {patience_s:g} s; "
                "it is kept for the box at the broker: look again later"
            ) from None


@asynccontextmanager
async def exchange(office: Office, box: str, ledger: Ledger, clock: Clock[object]) -> AsyncIterator[Exchange]:
    """Yield an exchange with a box. Raises BrokerError, LedgerError."""
    topics = BoxTopics(office.tenant, box)
    async with connected(office, [topics.up("#")], lasting=False) as connection:
        sender = SignedSender(connection, load_signing_key(office))
        made = Exchange(sender, topics)
        ingest = Ingest(
            connection=connection,
            sender=sender,
            ledger=ledger,
            tenant=office.tenant,
            clock=clock,
            ids=UuidV7(),
            on_recorded=made.hear,
        )
        keeping = asyncio.create_task(ingest.run(), name="exchange-ingest")
        try:
            yield made
        finally:
            keeping.cancel()
            await asyncio.wait([keeping])
