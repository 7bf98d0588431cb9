"""Orders from the pages to the boxes, through the office's signed sender; each has a deadline."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, cast

from console.command_control import Order, send_orders
from console.command_recording import fetch_recording
from console.command_suppress import tell_suppressed
from console.errors import BoxSilentError
from console.exchange import exchange
from console.ledger import Ledger
from console.ledger_facts import Fact
from console.office import Office
from firmware.clock import Clock
from firmware.sync.messages import Ack, Control, encode

ANSWER_S = 4.0
"""A person waits at the page; a box that is away answers later, and the page shows it then."""
LEAST_ANSWER_S = 0.5
PART_S = 15.0
CampaignAction = Literal["pause", "resume", "cancel"]
ACTIONS: tuple[CampaignAction, ...] = ("pause", "resume", "cancel")


def recording_file(office: Office, recording: str) -> Path:
    """Return where a fetched recording lies, sealed."""
    return office.folder / "recordings" / f"{recording}.blrec"


class BrokerOrders:
    """Connects to the broker for each order."""

    def __init__(self, office: Office, ledger: Ledger, clock: Clock[object]) -> None:
        self._office = office
        self._ledger = ledger
        self._clock = clock

    def control(self, box: str, campaign: str, action: str, order: str) -> str:
        """Send the order with id `order`. Return ``done``, ``waits`` or why the box refuses. Raises ConsoleError."""
        return asyncio.run(self._control(box, campaign, action, order))

    def recall(self, contacts: Sequence[tuple[str, str, str]]) -> list[str]:
        """Take (box, campaign, contact) off lists. Return what became of each. Raises ConsoleError."""
        orders = [
            Order(box=box, action="recall", campaign=campaign, contact=contact)
            for box, campaign, contact in contacts
        ]
        patience_s = max(LEAST_ANSWER_S, ANSWER_S / len(orders))
        sending = send_orders(self._office, self._ledger, orders, patience_s=patience_s, clock=self._clock)
        answers = asyncio.run(sending)
        said = {"silent": "waits"}
        return [
            each.detail if each.status == "refused" else said.get(each.status, each.status)
            for each in answers
        ]

    def tell_suppressed(self) -> None:
        """Tell every box whom it may not call. Raises ConsoleError."""
        asyncio.run(tell_suppressed(self._office, self._ledger, self._clock))

    def fetch(self, box: str, recording: str) -> None:
        """Bring a sealed recording to the office. Raises ConsoleError."""
        target = recording_file(self._office, recording)
        target.parent.mkdir(mode=0o700, exist_ok=True)
        asyncio.run(
            fetch_recording(self._office, box, recording, target, patience_s=PART_S, clock=self._clock)
        )

    async def _control(self, box: str, campaign: str, action: str, order: str) -> str:
        message = Control(
            id=order, at=self._clock.now(), action=cast(CampaignAction, action), campaign=campaign
        )

        def is_answer(fact: Fact) -> bool:
            return isinstance(fact, Ack) and fact.about == order

        async with exchange(self._office, box, self._ledger, self._clock) as with_box:
            await with_box.sender.send(with_box.topics.down("control"), encode(message))
            try:
                answer = await with_box.wait(is_answer, patience_s=ANSWER_S, what=action)
            except BoxSilentError:
                return "waits"
        assert isinstance(answer, Ack)
        return "done" if answer.accepted else answer.reason or "refused"
