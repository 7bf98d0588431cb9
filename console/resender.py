"""Sends a box those parts of a campaign again that it says it has not got."""

import asyncio

import structlog

from console.ledger import Ledger
from console.packed_contacts import PackedContacts
from console.sent_campaigns import SentMessage, unanswered
from console.signed_sender import SignedSender
from firmware.sync.connection import Received
from firmware.sync.messages import BoxState, MalformedMessageError, Request, decode_uplink
from firmware.sync.topics import split_up

log = structlog.get_logger(__name__)

MAX_WAITING = 100
"""Requests that wait; a box whose request is dropped asks again."""
NOT_AGAIN_S = 20.0
"""A box that asks faster than this is answered once."""


class Resender:
    """Answers `up/request`; what a box has answered once is not kept, and is not sent again."""

    def __init__(self, sender: SignedSender, ledger: Ledger, tenant: str) -> None:
        self._sender = sender
        self._ledger = ledger
        self._tenant = tenant
        self._packed = PackedContacts(tenant)
        self._requests: asyncio.Queue[tuple[str, Request]] = asyncio.Queue(MAX_WAITING)
        self._answered_s: dict[tuple[str, str], float] = {}

    def note(self, box: str, state: BoxState) -> None:
        """Remember what a box can read."""
        self._packed.note(box, state)

    def hear(self, received: Received) -> None:
        """Take a message if it is a request, without waiting."""
        address = split_up(received.topic)
        if address is None or address[0] != self._tenant or address[2] != "request":
            return
        try:
            message = decode_uplink(received.payload)
        except MalformedMessageError as error:
            log.warning("request_unreadable", box=address[1], problem=str(error)[:200])
            return
        if isinstance(message, Request) and not self._requests.full():
            self._requests.put_nowait((address[1], message))

    async def run(self) -> None:
        """Answer requests, one after the other. Raises BrokerError, LedgerError."""
        loop = asyncio.get_running_loop()
        while True:
            box, request = await self._requests.get()
            key = (box, request.campaign)
            if loop.time() < self._answered_s.get(key, -NOT_AGAIN_S) + NOT_AGAIN_S:
                continue
            self._answered_s[key] = loop.time()
            wanted = {batch + 1 for batch in request.batches}
            parts = await asyncio.to_thread(self._unanswered, box, request.campaign)
            sent = [part for part in parts if part.place in wanted]
            for part in sent:
                await self._packed.send(self._sender, box, part.topic, part.payload)
            log.info(
                "batches_sent_again", box=box, campaign=request.campaign, asked=len(wanted), sent=len(sent)
            )
            while len(self._answered_s) > MAX_WAITING:
                self._answered_s.pop(next(iter(self._answered_s)))

    def _unanswered(self, box: str, campaign: str) -> list[SentMessage]:
        with self._ledger.reading() as connection:
            return unanswered(connection, box, campaign)
