"""Answers boxes that ask for their next certificate: known ones, that were not revoked, for a key of their own."""

import asyncio

import structlog

from console.errors import OfficeError
from console.membership import NotCertifiedError, certify
from console.office import Office
from console.signed_sender import SignedSender
from firmware.clock import Clock, to_ms
from firmware.sync.connection import Received
from firmware.sync.messages import MalformedMessageError, decode_uplink, encode
from firmware.sync.messages_certificate import Certificate, CertificateRequest
from firmware.sync.topics import BoxTopics, split_up
from firmware.values import UuidV7

log = structlog.get_logger(__name__)

MAX_WAITING = 100
"""Requests that wait; a box whose request is dropped asks again."""


class Certifier:
    """Answers `up/certificate`."""

    def __init__(self, office: Office, sender: SignedSender, *, clock: Clock[object], ids: UuidV7) -> None:
        self._office = office
        self._sender = sender
        self._clock = clock
        self._ids = ids
        self._requests: asyncio.Queue[tuple[str, CertificateRequest]] = asyncio.Queue(MAX_WAITING)

    def hear(self, received: Received, tenant: str) -> None:
        """Take a message if it is a request, without waiting."""
        address = split_up(received.topic)
        if address is None or address[0] != tenant or address[2] != "certificate":
            return
        try:
            message = decode_uplink(received.payload)
        except MalformedMessageError as error:
            log.warning("certificate_request_unreadable", box=address[1], problem=str(error)[:200])
            return
        if isinstance(message, CertificateRequest) and not self._requests.full():
            self._requests.put_nowait((address[1], message))

    async def run(self) -> None:
        """Answer requests, one after the other. Raises BrokerError."""
        while True:
            box, request = await self._requests.get()
            now = self._clock.now()
            try:
                made = await asyncio.to_thread(certify, self._office, box, request.request, now=now)
            except (NotCertifiedError, OfficeError, OSError) as error:
                log.warning("certificate_not_given", box=box, reason=str(error))
                continue
            answer = Certificate(id=self._ids.new(to_ms(now)), at=now, certificate=made)
            topics = BoxTopics(self._office.tenant, box)
            await self._sender.send(topics.down("certificate"), encode(answer))
            log.info("certificate_given", box=box)
