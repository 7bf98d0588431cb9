"""Send a campaign to a box and wait until the box has answered every part."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from console.errors import BoxSilentError
from console.ledger import Arrival, Ledger
from console.packed_contacts import PackedContacts
from console.sent_campaigns import MANIFEST_PLACE, SentMessage
from console.signed_sender import SignedSender
from firmware.clock import Clock
from firmware.sync.connection import Connection
from firmware.sync.messages import Ack, BoxState, MalformedMessageError, decode_uplink
from firmware.sync.topics import BoxTopics

STATE_WITHIN_S = 0.5
"""The broker keeps a box's state and hands it over at once; after that nobody waits for it."""
RESEND_AFTER_S = 20.0
"""A box that was never connected before has no queue at the broker: what was sent to it then is gone."""


class Push:
    """One push: messages out, answers in, each answer in the ledger before it counts."""

    def __init__(
        self,
        messages: Sequence[SentMessage],
        *,
        connection: Connection,
        sender: SignedSender,
        ledger: Ledger,
        topics: BoxTopics,
        clock: Clock[object],
    ) -> None:
        self._waiting = {message.id: message for message in messages}
        self._n_messages = len(messages)
        self._connection = connection
        self._sender = sender
        self._ledger = ledger
        self._topics = topics
        self._clock = clock
        self._answered = asyncio.Event()
        self._packed = PackedContacts(topics.tenant)
        self._state_heard = asyncio.Event()
        self._box_status = "never seen"

    async def run(self, *, patience_s: float, on_progress: Callable[[int, int], None]) -> None:
        """Return when the box has answered everything, or refused the manifest.

        Raises BoxSilentError when no answer came for `patience_s`, BrokerError, LedgerError.
        """
        working = asyncio.create_task(self._send_until_answered(patience_s, on_progress), name="push-send")
        reading = asyncio.create_task(self._read(), name="push-read")
        try:
            await asyncio.wait({working, reading}, return_when=asyncio.FIRST_COMPLETED)
            for task in (reading, working):
                if task.done():
                    task.result()
        finally:
            for task in (working, reading):
                task.cancel()
            await asyncio.wait({working, reading})

    async def _send_until_answered(self, patience_s: float, on_progress: Callable[[int, int], None]) -> None:
        loop = asyncio.get_running_loop()
        progressed_s = loop.time()
        send_again_s = loop.time()
        left = len(self._waiting)
        on_progress(self._n_messages - left, self._n_messages)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STATE_WITHIN_S):
                await self._state_heard.wait()
        while self._waiting:
            if loop.time() >= send_again_s:
                try:
                    async with asyncio.timeout_at(progressed_s + patience_s):
                        await self._send_all()
                except TimeoutError:
                    raise self._silence(patience_s) from None
                send_again_s = loop.time() + RESEND_AFTER_S
            self._answered.clear()
            if len(self._waiting) == left:
                try:
                    async with asyncio.timeout_at(min(send_again_s, progressed_s + patience_s)):
                        await self._answered.wait()
                except TimeoutError:
                    if loop.time() >= progressed_s + patience_s:
                        raise self._silence(patience_s) from None
            if len(self._waiting) < left:
                left = len(self._waiting)
                progressed_s, send_again_s = loop.time(), loop.time() + RESEND_AFTER_S
                on_progress(self._n_messages - left, self._n_messages)

    async def _send_all(self) -> None:
        for message in list(self._waiting.values()):
            if message.id in self._waiting:
                await self._packed.send(self._sender, self._topics.box, message.topic, message.payload)

    async def _read(self) -> None:
        async for received in self._connection.received():
            try:
                message = decode_uplink(received.payload)
            except MalformedMessageError:
                message = None  # `watch` keeps and reports what cannot be read
            if isinstance(message, BoxState) and received.topic == self._topics.up("state"):
                self._box_status = message.status
                self._packed.note(self._topics.box, message)
                self._state_heard.set()
            if isinstance(message, Ack) and received.topic == self._topics.up("ack"):
                arrival = Arrival(box=self._topics.box, message=message)
                await asyncio.to_thread(self._ledger.record, [arrival], seen_at=self._clock.now())
                self._note(message)
            received.ack()

    def _note(self, ack: Ack) -> None:
        message = None if ack.is_too_early else self._waiting.pop(ack.about, None)
        if message is None:
            return
        if message.place <= MANIFEST_PLACE and not ack.accepted:
            self._waiting.clear()  # without its manifest the box takes no part
        self._answered.set()

    def _silence(self, patience_s: float) -> BoxSilentError:
        n_left = len(self._waiting)
        return BoxSilentError(
            f"box {self._topics.box} ({self._box_status}) left {n_left} of {self._n_messages} messages "
            f"unanswered for {patience_s:g} s; push the same again when the box is online"
        )
