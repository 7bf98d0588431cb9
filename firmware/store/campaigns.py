"""Campaigns and the batches of contacts that arrive for them."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from firmware.clock import from_ms, to_ms
from firmware.store.connection import Connection, Row
from firmware.store.contacts import (
    ContactState,
    NewContact,
    StoredContact,
    add_rows,
    due_contacts,
    get_contact,
    next_due_at,
    recall,
    set_done,
    set_in_call,
    set_waiting,
)
from firmware.store.errors import StoreConflictError
from firmware.values import CampaignId, LineId, Money

__all__ = [
    "CampaignState",
    "ContactState",
    "NewContact",
    "StoredCampaign",
    "StoredContact",
    "add_campaign",
    "add_rows",
    "batch_missing",
    "due_contacts",
    "expire",
    "finish_completed",
    "get_campaign",
    "get_campaigns",
    "get_contact",
    "has_expired",
    "is_batch_received",
    "is_stopped",
    "next_due_at",
    "recall",
    "record_batch",
    "set_done",
    "set_in_call",
    "set_state",
    "set_stopped",
    "set_waiting",
    "update_campaign",
]


class CampaignState(StrEnum):
    """Where a campaign stands; only a ready one is dialled."""

    RECEIVING = "receiving"
    READY = "ready"
    PAUSED = "paused"
    DONE = "done"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def is_over(self) -> bool:
        """Say whether nothing can change it any more."""
        return self in {CampaignState.DONE, CampaignState.CANCELLED, CampaignState.EXPIRED}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCampaign:
    """One accepted manifest."""

    campaign: CampaignId
    name: str
    state: CampaignState
    flow_text: str
    flow_sha256: str
    ring_timeout_s: int
    promise_max_days: int
    starts_at: datetime | None
    expires_at: datetime
    lines: tuple[LineId, ...]
    """Lines that may be used; empty means any."""
    contacts: int
    """How many contacts the manifest announces."""
    batches: int
    promise_min_part: Money | None = None
    """The least part or instalment that may be agreed; None: the contact's own limits alone."""
    version: int = 1
    texts: str = field(repr=False, default="")
    """The texts that may be sent, JSON; empty: none."""


def add_campaign(con: Connection, campaign: StoredCampaign, *, raw: bytes, received_at: datetime) -> None:
    """Keep a new campaign with the signed bytes it came in. Raises StoreConflictError if its id is known."""
    con.insert(
        "campaign",
        {
            "campaign": campaign.campaign,
            "name": campaign.name,
            "state": campaign.state,
            "flow_text": campaign.flow_text,
            "flow_sha256": campaign.flow_sha256,
            "ring_timeout_s": campaign.ring_timeout_s,
            "promise_max_days": campaign.promise_max_days,
            "promise_min_minor": campaign.promise_min_part.minor if campaign.promise_min_part else None,
            "promise_min_currency": campaign.promise_min_part.currency if campaign.promise_min_part else None,
            "starts_at": None if campaign.starts_at is None else to_ms(campaign.starts_at),
            "expires_at": to_ms(campaign.expires_at),
            "lines": json.dumps(campaign.lines),
            "texts": campaign.texts,
            "contacts": campaign.contacts,
            "batches": campaign.batches,
            "version": campaign.version,
            "raw": raw,
            "received_at": to_ms(received_at),
        },
    )
    con.touch("campaign")


def update_campaign(con: Connection, campaign: StoredCampaign, *, raw: bytes) -> None:
    """Replace what a newer manifest may change; its state follows from whether every batch is here."""
    con.execute(
        """UPDATE campaign SET name = ?, ring_timeout_s = ?, promise_max_days = ?, starts_at = ?, expires_at = ?,
           lines = ?, texts = ?, contacts = ?, batches = ?, version = ?, raw = ? WHERE campaign = ?""",
        (
            campaign.name,
            campaign.ring_timeout_s,
            campaign.promise_max_days,
            None if campaign.starts_at is None else to_ms(campaign.starts_at),
            to_ms(campaign.expires_at),
            json.dumps(campaign.lines),
            campaign.texts,
            campaign.contacts,
            campaign.batches,
            campaign.version,
            raw,
            campaign.campaign,
        ),
    )
    con.execute(
        "UPDATE campaign SET state = ? WHERE campaign = ? AND state IN ('ready','receiving')",
        (
            CampaignState.RECEIVING if batch_missing(con, campaign.campaign) else CampaignState.READY,
            campaign.campaign,
        ),
    )
    con.touch("campaign")


def get_campaign(con: Connection, campaign: CampaignId) -> StoredCampaign | None:
    """Return one campaign."""
    row = con.row("SELECT * FROM campaign WHERE campaign = ?", (campaign,))
    return _campaign(row) if row else None


def get_campaigns(con: Connection) -> list[StoredCampaign]:
    """Return every campaign, oldest first."""
    return [_campaign(row) for row in con.rows("SELECT * FROM campaign ORDER BY received_at, campaign")]


def set_state(con: Connection, campaign: CampaignId, state: CampaignState) -> None:
    """Change where a campaign stands. Raises StoreConflictError if it is unknown or over."""
    changed = con.execute(
        "UPDATE campaign SET state = ? WHERE campaign = ? AND state NOT IN ('done','cancelled','expired')",
        (state, campaign),
    )
    if not changed:
        raise StoreConflictError(f"campaign {campaign} is unknown or over")
    con.touch("campaign")


def record_batch(
    con: Connection, campaign: CampaignId, batch: int, *, taken: int, rejected: int, received_at: datetime
) -> None:
    """Note that a batch is in; the last one makes a receiving campaign ready."""
    con.insert(
        "contact_batch",
        {
            "campaign": campaign,
            "batch": batch,
            "taken": taken,
            "rejected": rejected,
            "received_at": to_ms(received_at),
        },
    )
    con.touch("campaign")
    if not batch_missing(con, campaign):
        con.execute(
            "UPDATE campaign SET state = 'ready' WHERE campaign = ? AND state = 'receiving'", (campaign,)
        )


def is_batch_received(con: Connection, campaign: CampaignId, batch: int) -> bool:
    """Say whether a batch is in already."""
    found = con.value("SELECT 1 FROM contact_batch WHERE campaign = ? AND batch = ?", (campaign, batch))
    return found is not None


def batch_missing(con: Connection, campaign: CampaignId) -> list[int]:
    """Return the indices of the batches that have not come yet."""
    announced = con.value("SELECT batches FROM campaign WHERE campaign = ?", (campaign,)) or 0
    rows = con.rows("SELECT batch FROM contact_batch WHERE campaign = ?", (campaign,))
    return sorted(set(range(announced)) - {row["batch"] for row in rows})


def receiving(con: Connection, quiet_before: datetime) -> list[CampaignId]:
    """Return the campaigns that wait for batches and have had none since `quiet_before`."""
    rows = con.rows(
        """SELECT campaign FROM campaign WHERE state = 'receiving' AND received_at <= :before AND NOT EXISTS (
               SELECT 1 FROM contact_batch
               WHERE contact_batch.campaign = campaign.campaign AND contact_batch.received_at > :before)
           ORDER BY received_at""",
        {"before": to_ms(quiet_before)},
    )
    return [CampaignId(row["campaign"]) for row in rows]


def has_expired(con: Connection, now: datetime) -> bool:
    """Say whether `expire` has something to do."""
    found = con.value(
        "SELECT 1 FROM campaign WHERE expires_at <= ? AND state IN ('receiving','ready','paused')",
        (to_ms(now),),
    )
    return found is not None


def expire(con: Connection, now: datetime) -> list[CampaignId]:
    """End every campaign whose time is over and return which those were."""
    rows = con.rows(
        """UPDATE campaign SET state = 'expired'
           WHERE expires_at <= ? AND state IN ('receiving','ready','paused') RETURNING campaign""",
        (to_ms(now),),
    )
    if rows:
        con.touch("campaign")
    return [CampaignId(row["campaign"]) for row in rows]


def finish_completed(con: Connection, now: datetime) -> list[CampaignId]:
    """End every ready campaign in which nobody is left to call and return which those were."""
    rows = con.rows(
        # Two questions, as each has an index of the few that it asks for.
        """UPDATE campaign SET state = 'done' WHERE state = 'ready'
           AND NOT EXISTS (SELECT 1 FROM contact
               WHERE contact.campaign = campaign.campaign AND contact.state = 'in_call')
           AND NOT EXISTS (SELECT 1 FROM contact
               WHERE contact.campaign = campaign.campaign AND contact.state IN ('open','waiting')
               AND (contact.expires_at IS NULL OR contact.expires_at > ?))
           RETURNING campaign""",
        (to_ms(now),),
    )
    if rows:
        con.touch("campaign")
    return [CampaignId(row["campaign"]) for row in rows]


def set_stopped(con: Connection, stopped: bool) -> None:
    """Stop all dialling, or allow it again; survives a restart."""
    con.execute(
        "INSERT INTO setting VALUES ('stopped', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        ("yes" if stopped else "no",),
    )
    con.touch("campaign")


def is_stopped(con: Connection) -> bool:
    """Say whether the console has stopped all dialling."""
    return bool(con.value("SELECT value FROM setting WHERE key = 'stopped'") == "yes")


def _campaign(row: Row) -> StoredCampaign:
    return StoredCampaign(
        campaign=CampaignId(row["campaign"]),
        name=row["name"],
        state=CampaignState(row["state"]),
        flow_text=row["flow_text"],
        flow_sha256=row["flow_sha256"],
        ring_timeout_s=row["ring_timeout_s"],
        promise_max_days=row["promise_max_days"],
        starts_at=None if row["starts_at"] is None else from_ms(row["starts_at"]),
        expires_at=from_ms(row["expires_at"]),
        lines=tuple(json.loads(row["lines"])),
        contacts=row["contacts"],
        batches=row["batches"],
        promise_min_part=None
        if row["promise_min_currency"] is None
        else Money(row["promise_min_minor"], row["promise_min_currency"]),
        version=row["version"],
        texts=row["texts"],
    )
