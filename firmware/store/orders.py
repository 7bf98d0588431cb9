"""What the console last forbade, by subject: an order that a broker held back cannot undo a later one.

MQTT keeps order within a topic only, and a hostile broker in nothing at all. So a stop, a pause, a cancellation and
a recall leave the instant at which the console gave them, also where there is nothing yet that they could stop.
"""

import json
from collections.abc import Iterable
from datetime import datetime

from firmware.clock import to_ms
from firmware.store.connection import Connection
from firmware.values import CampaignId, ContactId

EVERYTHING = "all"


def campaign_subject(campaign: str) -> str:
    """Return the subject of orders about a campaign."""
    return f"campaign/{campaign}"


def note(con: Connection, subject: str, action: str, at: datetime) -> None:
    """Remember that the console forbade this at `at`; an earlier order than the one known changes nothing."""
    con.execute(
        """INSERT INTO console_order VALUES (?, ?, ?) ON CONFLICT (subject, action)
           DO UPDATE SET at = max(at, excluded.at)""",
        (subject, action, to_ms(at)),
    )


def stands(con: Connection, subject: str, action: str, at: datetime) -> bool:
    """Say whether the console forbade this at `at` or later."""
    latest = con.value("SELECT at FROM console_order WHERE subject = ? AND action = ?", (subject, action))
    return latest is not None and latest >= to_ms(at)


def is_outdated(con: Connection, subject: str, action: str, at: datetime) -> bool:
    """Say whether a permission given at `at` is older than the last `action` that forbade."""
    latest = con.value("SELECT at FROM console_order WHERE subject = ? AND action = ?", (subject, action))
    return latest is not None and latest > to_ms(at)


def lift(con: Connection, subject: str, action: str) -> None:
    """Forget an order that the console has taken back."""
    con.execute("DELETE FROM console_order WHERE subject = ? AND action = ?", (subject, action))


def note_recall(con: Connection, contact: str, campaign: str | None, at: datetime) -> None:
    """Remember that a contact is not to be called in one campaign, or in any that was sent before `at`."""
    note(con, _contact_subject(contact, campaign), "recall", at)


def recalled(
    con: Connection, campaign: CampaignId, contacts: Iterable[ContactId], sent_at: datetime
) -> list[ContactId]:
    """Return which of `contacts` the console recalled after it sent them."""
    since = to_ms(sent_at)
    # Hardly ever is there one, and a list of 100 000 comes in two hundred parts.
    if con.value("SELECT 1 FROM console_order WHERE action = 'recall' AND at >= ? LIMIT 1", (since,)) is None:
        return []
    subjects = {
        _contact_subject(contact, where): contact for contact in contacts for where in (None, campaign)
    }
    rows = con.rows(
        """SELECT subject FROM console_order WHERE action = 'recall' AND at >= ?
           AND subject IN (SELECT value FROM json_each(?))""",
        (since, json.dumps(list(subjects))),
    )
    return sorted({subjects[row["subject"]] for row in rows})


def forget_before(con: Connection, before: datetime) -> int:
    """Forget what was forbidden so long ago that no list from before it can still come; return how many."""
    return con.execute("DELETE FROM console_order WHERE at < ?", (to_ms(before),))


def _contact_subject(contact: str, campaign: str | None) -> str:
    return json.dumps(["contact", contact, campaign])
