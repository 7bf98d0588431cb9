"""What the console's word on a legal hold does to the database; inside the transaction of the message."""

from firmware.store import legal_holds
from firmware.store.connection import Connection
from firmware.store.errors import StoreConflictError
from firmware.store.legal_holds import HoldScope, LegalHold
from firmware.sync.answers import Answer, refused
from firmware.sync.messages import Control


def apply_hold(con: Connection, control: Control) -> Answer:
    """Set or release a legal hold; a hold may name what this box does not have, or does not have yet."""
    if not control.by.strip():
        return refused("malformed", "$.by: say who orders it")
    if not control.reason.strip():
        return refused("malformed", "$.reason: say why")
    if control.action == "release":
        if not control.hold:
            return refused("malformed", "$.hold: which hold to release")
        try:
            legal_holds.release(con, control.hold, by=control.by, reason=control.reason, at=control.at)
        except StoreConflictError as error:
            return refused("unknown_hold", str(error))
        return Answer(accepted=True)
    given: list[tuple[HoldScope, str | None]] = [
        ("person", control.person),
        ("campaign", control.campaign),
        ("recording", control.recording),
    ]
    named = [(scope, subject) for scope, subject in given if subject]
    if len(named) != 1:
        return refused("malformed", "$: name one of person, campaign and recording")
    scope, subject = named[0]
    legal_holds.set_hold(
        con,
        LegalHold(
            hold=control.id,
            scope=scope,
            subject=subject,
            by=control.by,
            reason=control.reason,
            source="console",
            set_at=control.at,
        ),
    )
    return Answer(accepted=True)
