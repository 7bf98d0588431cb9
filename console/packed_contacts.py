"""Contact batches, compressed for those boxes that say they can read it: most of what a mobile network is paid for."""

from console.signed_sender import SignedSender
from firmware.sync.connection import Received
from firmware.sync.content_encoding import ENCODING_PROPERTY, WORTH_BYTES, ZSTD, compressed
from firmware.sync.messages import BoxState, MalformedMessageError, decode_uplink
from firmware.sync.topics import BoxTopics, split_up

MAX_BOXES = 100_000
"""Whose word is remembered; of one that is not, batches go plain."""


class PackedContacts:
    """Knows what boxes said they can read, from their states, and sends batches accordingly."""

    def __init__(self, tenant: str) -> None:
        self._tenant = tenant
        self._readers: set[str] = set()

    def hear(self, received: Received) -> None:
        """Take a message if it is the state of a box of this tenant."""
        address = split_up(received.topic)
        if address is None or address[0] != self._tenant or address[2] != "state":
            return
        try:
            message = decode_uplink(received.payload)
        except MalformedMessageError:
            return  # the ledger keeps and reports what cannot be read
        if isinstance(message, BoxState):
            self.note(address[1], message)

    def note(self, box: str, state: BoxState) -> None:
        """Remember what a box can read; the last will of one that went says nothing about that."""
        if state.status != "online":
            return
        if ZSTD in state.encodings and len(self._readers) < MAX_BOXES:
            self._readers.add(box)
        elif ZSTD not in state.encodings:
            self._readers.discard(box)  # an older version runs there now

    async def send(self, sender: SignedSender, box: str, topic: str, payload: bytes) -> None:
        """Send one message of a campaign; a batch packed if that is worth it. Raises BrokerError."""
        is_batch = topic.startswith(BoxTopics(self._tenant, box).any_contacts)
        if is_batch and box in self._readers and len(payload) >= WORTH_BYTES:
            await sender.send(topic, compressed(payload), properties={ENCODING_PROPERTY: ZSTD})
        else:
            await sender.send(topic, payload)
