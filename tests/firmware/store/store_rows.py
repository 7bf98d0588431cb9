"""Rows with everything that a test does not care about filled in."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from firmware.store import campaigns, contacts
from firmware.store.attempts import Reservation
from firmware.store.campaigns import CampaignState, StoredCampaign, StoredContact
from firmware.store.connection import Connection
from firmware.values import E164, AttemptId, CampaignId, ContactId, LineId, PersonId

NOW = datetime(2026, 3, 4, 2, 0, tzinfo=UTC)


class Rows:
    """Makes rows with everything that a test does not care about filled in."""

    now = NOW

    def campaign(self, name: str = "c1", **changes: Any) -> StoredCampaign:
        values: dict[str, Any] = {
            "campaign": CampaignId(name),
            "name": "Reminder",
            "state": CampaignState.READY,
            "flow_text": "flow",
            "flow_sha256": "0" * 64,
            "ring_timeout_s": 30,
            "promise_max_days": 14,
            "starts_at": None,
            "expires_at": NOW + timedelta(days=30),
            "lines": (),
            "contacts": 100,
            "batches": 1,
        }
        return StoredCampaign(**{**values, **changes})

    def contact(self, name: str = "k1", campaign: str = "c1", **changes: Any) -> StoredContact:
        values: dict[str, Any] = {
            "contact": ContactId(name),
            "campaign": CampaignId(campaign),
            "person": PersonId(f"person-{name}"),
            "numbers": (E164("+8613123456789"),),
            "language": "zh-CN",
            "vars": {"callee_name": "王小明"},
        }
        return StoredContact(**{**values, **changes})

    def reservation(self, attempt: str = "a1", contact: str = "k1", **changes: Any) -> Reservation:
        values: dict[str, Any] = {
            "attempt": AttemptId(attempt),
            "campaign": CampaignId("c1"),
            "contact": ContactId(contact),
            "person": PersonId(f"person-{contact}"),
            "debt": "debt-1",
            "number": E164("+8613123456789"),
            "line": LineId("line-1"),
            "reserved_at": NOW,
        }
        return Reservation(**{**values, **changes})

    def seed(self, con: Connection, *contacts: StoredContact) -> None:
        """Write campaign c1 and contacts (k1 if none are given)."""
        campaigns.add_campaign(con, self.campaign(), raw=b"{}", received_at=NOW)
        add_contacts(con, contacts or (self.contact(),))


def add_contacts(con: Connection, rows: Iterable[StoredContact]) -> None:
    """Keep new contacts."""
    campaigns.add_rows(
        con,
        [
            contacts.new_contact(
                campaign=each.campaign,
                contact=each.contact,
                row=each.row,
                person=each.person,
                numbers=each.numbers,
                language=each.language,
                region=each.region,
                time_zone=each.time_zone,
                status=each.status,
                debt=each.debt,
                consents=each.consents,
                consented_at=each.consented_at,
                vars=each.vars,
                priority=each.priority,
                not_before=each.not_before,
                expires_at=each.expires_at,
            )
            for each in rows
        ],
    )
