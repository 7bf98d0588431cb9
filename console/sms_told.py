"""Messages that went out count for every box that has the person: kept for them as they are reported."""

from collections.abc import Iterable

import msgspec
from sqlalchemy import Connection, select

from console.audit_tables import TOLD
from console.ledger_engine import insert_into
from console.ledger_tables import CONTACT
from firmware.sync.messages_policy import ContactElsewhere
from firmware.sync.messages_sms import SmsOutcome

_WENT_OUT = frozenset({"sent", "delivered", "uncertain"})
"""What may have reached somebody counts."""


def tell_of_messages(connection: Connection, messages: Iterable[tuple[str, SmsOutcome]]) -> None:
    """Keep what boxes sent as contacts of these people, each message once."""
    for box, message in messages:
        if message.state not in _WENT_OUT:
            continue
        here = (CONTACT.c.box == box) & (CONTACT.c.campaign == message.campaign)
        of = select(CONTACT.c.number, CONTACT.c.debt).where(here & (CONTACT.c.contact == message.contact))
        contact = connection.execute(of).first()
        if contact is None:
            continue
        # By this name the box that sent it knows its own: told of it too, it counts it once.
        name = f"sms:{message.sms}"
        fact = ContactElsewhere(
            contact=name,
            person=message.person,
            number=contact.number,
            debt=contact.debt,
            channel="sms",
            at=message.sent_at or message.at,
            connected=True,
        )
        row = {
            "fact": name,
            "kind": "contact",
            "person": message.person,
            "number": contact.number,
            "body": msgspec.json.encode(fact),
        }
        connection.execute(insert_into(connection, TOLD).on_conflict_do_nothing(), row)
