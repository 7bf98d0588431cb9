"""Orders for short messages, signed and sent down to the boxes that have these people."""

from collections.abc import Sequence
from datetime import timedelta

from console.authority import load_signing_key
from console.broker import connected
from console.followup_outbox import Due
from console.followup_rules import Rule
from console.office import Office
from console.signed_sender import SignedSender
from firmware.clock import Clock
from firmware.sync.messages import encode
from firmware.sync.messages_sms import SmsOrder
from firmware.sync.topics import BoxTopics


async def send_orders(office: Office, dues: Sequence[tuple[Due, Rule]], *, clock: Clock[object]) -> None:
    """Return when the broker has every order. Raises BrokerError.

    An order has the follow-up's id, as message and as order: sent again after a crash, it has no effect.
    """
    async with connected(office, [], lasting=False) as connection:
        sender = SignedSender(connection, load_signing_key(office))
        for due, rule in dues:
            now = clock.now()
            order = SmsOrder(
                id=due.id,
                at=now,
                sms=due.id,
                campaign=due.outcome["campaign"],
                contact=due.outcome["contact"],
                text=rule.text,
                attempt=due.attempt,
                expires_at=now + timedelta(hours=min(rule.within_hours, 72)),
            )
            await sender.send(BoxTopics(office.tenant, due.box).down("sms"), encode(order))
