"""Contact batches, compressed for those boxes that say they can read it: most of what a mobile network is paid for."""

from console.signed_sender import SignedSender
from firmware.sync.content_encoding import ENCODING_PROPERTY, WORTH_BYTES, ZSTD, compressed
from firmware.sync.messages import BoxState
from firmware.sync.topics import BoxTopics

MAX_BOXES = 100_000
"""Whose word is remembered; of one that is not, batches go plain."""


class PackedContacts:
    """Knows what boxes said they can read, from their states, and sends batches accordingly."""

    def __init__(self, tenant: str) -> None:
        self._tenant = tenant
        self._readers: set[str] = set()

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
