"""Sends legal holds to the boxes: at once when they are ordered, and again until each box has answered."""

import asyncio
from collections.abc import Sequence
from functools import partial

from console.elsewhere import LOOK_EVERY_S, note_sent
from console.errors import BoxSilentError
from console.exchange import exchange
from console.ledger import Ledger
from console.ledger_facts import Fact
from console.legal_holds import boxes_of_orders, unanswered
from console.office import Office
from console.signed_sender import SignedSender
from firmware.clock import Clock
from firmware.sync.messages import Ack, Control, encode
from firmware.sync.topics import BoxTopics

AT_ONCE = 8
"""Boxes that are spoken to at a time."""


class HoldSender:
    """Reminds boxes of orders that they have not answered."""

    def __init__(self, *, sender: SignedSender, ledger: Ledger, tenant: str, clock: Clock[object]) -> None:
        self._sender = sender
        self._ledger = ledger
        self._tenant = tenant
        self._clock = clock

    async def run(self) -> None:
        """Look again and again."""
        while True:
            for box, message in await asyncio.to_thread(self._due):
                await self._sender.send(BoxTopics(self._tenant, box).down("control"), encode(message))
            await asyncio.sleep(LOOK_EVERY_S)

    def _due(self) -> list[tuple[str, Control]]:
        now = self._clock.now()
        with self._ledger.transaction() as connection:
            boxes = sorted(boxes_of_orders(connection))
            return [(box, message) for box in boxes for message in unanswered(connection, box, now)]


async def send_now(
    office: Office,
    ledger: Ledger,
    message: Control,
    boxes: Sequence[str],
    *,
    patience_s: float,
    clock: Clock[object],
) -> list[str]:
    """Send an order and wait for the answers; return the boxes that gave none. Raises BrokerError, LedgerError."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(box: str) -> bool:
        async with turn, exchange(office, box, ledger, clock) as with_box:

            def is_answer(fact: Fact) -> bool:
                return isinstance(fact, Ack) and fact.about == message.id

            def note() -> None:
                with ledger.transaction() as connection:
                    note_sent(connection, box, [message.id], message.id, clock.now())

            send = partial(with_box.sender.send, with_box.topics.down("control"), encode(message))
            await asyncio.to_thread(note)
            await send()
            try:
                await with_box.wait(is_answer, patience_s=patience_s, what=message.action, ask_again=send)
            except BoxSilentError:
                return False
            return True

    answered = await asyncio.gather(*(one(box) for box in boxes))
    return [box for box, has_answered in zip(boxes, answered, strict=True) if not has_answered]
