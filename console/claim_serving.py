"""Claims as they come over the broker: each judged, answered with the console's signature, then acknowledged."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
import structlog

from console.authority import load_signing_key
from console.broker import connected
from console.claim_desk import ClaimDesk
from console.errors import OfficeError
from console.office import Office
from console.signed_sender import SignedSender
from firmware.clock import Clock
from firmware.sync.claiming import requests_filter, split_request
from firmware.sync.connection import Connection, Received
from firmware.sync.messages_claim import ClaimAnswer, ClaimRequest

log = structlog.get_logger(__name__)


class ClaimServer:
    """Answers every machine that asks while it runs."""

    def __init__(
        self,
        desk: ClaimDesk,
        connection: Connection,
        sender: SignedSender,
        clock: Clock[object],
        *,
        on_answer: Callable[[ClaimRequest, ClaimAnswer | None], None] = lambda request, answer: None,
    ) -> None:
        self._desk = desk
        self._connection = connection
        self._sender = sender
        self._clock = clock
        self._on_answer = on_answer

    async def run(self) -> None:
        """Answer until cancelled."""
        async for received in self._connection.received():
            await self._take(received)
            received.ack()

    async def _take(self, received: Received) -> None:
        topics = split_request(received.topic)
        if topics is None:
            return
        try:
            request = msgspec.json.decode(received.payload, type=ClaimRequest)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            log.warning("claim_unreadable", file=topics.file, problem=str(error)[:200])
            return
        answer = await asyncio.to_thread(self._desk.judge, topics, request, self._clock.now())
        if answer is not None:
            await self._sender.send(topics.answer, msgspec.json.encode(answer))
        self._on_answer(request, answer)


@asynccontextmanager
async def serving_claims(
    office: Office,
    clock: Clock[object],
    *,
    on_answer: Callable[[ClaimRequest, ClaimAnswer | None], None] = lambda request, answer: None,
) -> AsyncIterator[ClaimDesk]:
    """Answer claims while the block runs. Raises OfficeError, BrokerError."""
    if not office.claim_port:
        raise OfficeError(
            "no door for claims is open: `branchline-console claim open`, then restart the broker"
        )
    desk = ClaimDesk(office)
    async with connected(office, [requests_filter(office.tenant)], lasting=False) as connection:
        sender = SignedSender(connection, load_signing_key(office))
        server = ClaimServer(desk, connection, sender, clock, on_answer=on_answer)
        serving = asyncio.create_task(server.run(), name="claims")
        try:
            yield desk
        finally:
            serving.cancel()
            await asyncio.wait([serving])
            if not serving.cancelled() and (fault := serving.exception()) is not None:
                raise fault
