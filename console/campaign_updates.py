"""A campaign that boxes already have, changed: other terms, further contacts, under a higher version of its manifest.

A box takes the newer manifest in the place of the one it has, for the same flow and no fewer contacts; whoever is not
to be called any more is recalled. What the box refuses is taken out of the ledger again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, func, select, update

from console.contacts_file import FileRow
from console.errors import CampaignError
from console.ledger_tables import ACK, BATCH, CAMPAIGN, CONTACT, CONTACT_NUMBER, ENDED
from console.owners import release
from console.sent_campaigns import MANIFEST_PLACE, SentCampaign, add_parts, announced, was_refused
from firmware.clock import to_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A campaign as a box has it, or will have it when it has answered."""

    version: int
    contacts: int
    batches: int
    name: str
    digest: str
    expires_at: int


def standing(connection: Connection, box: str, campaign: str) -> Standing:
    """Return what a newer manifest builds on. Raises CampaignError where there is nothing to change."""
    row = connection.execute(
        select(CAMPAIGN).where((CAMPAIGN.c.box == box) & (CAMPAIGN.c.campaign == campaign))
    ).one_or_none()
    if row is None or was_refused(connection, box, campaign):
        raise CampaignError(f"{box} has no campaign {campaign} to change; push it without --update")
    manifests = _of(box, campaign) & (BATCH.c.place <= MANIFEST_PLACE)
    first = select(BATCH.c.payload).where(manifests & (BATCH.c.place == MANIFEST_PLACE))
    if connection.execute(first).scalar_one_or_none() is not None:
        raise CampaignError(f"{box} has not answered campaign {campaign} yet; push the same again first")
    newest = connection.execute(select(func.min(BATCH.c.place)).where(manifests)).scalar_one()
    return Standing(
        version=1 - (newest or 0),
        contacts=row.contacts,
        batches=row.batches,
        name=row.name,
        digest=row.digest,
        expires_at=row.expires_at,
    )


def new_rows(connection: Connection, box: str, campaign: str, rows: Sequence[FileRow]) -> list[FileRow]:
    """Return the rows of contacts that the campaign does not have."""
    here = (CONTACT.c.box == box) & (CONTACT.c.campaign == campaign)
    known = set(connection.execute(select(CONTACT.c.contact).where(here)).scalars())
    return [row for row in rows if row.contact.contact not in known]


def begin_update(connection: Connection, sent: SentCampaign, *, pushed_at: datetime) -> None:
    """Note a newer manifest and its further contacts. One that was never answered is overtaken by this one."""
    here = _of(sent.box, sent.campaign)
    overtaken = here & (BATCH.c.place < MANIFEST_PLACE) & BATCH.c.payload.is_not(None)
    connection.execute(delete(BATCH).where(overtaken))
    _change(connection, sent, announced(sent) | {"pushed_at": to_ms(pushed_at)})
    add_parts(connection, sent)


def undo_if_refused(connection: Connection, sent: SentCampaign, before: Standing, *, now: datetime) -> bool:
    """Take an update out of the ledger that its box refused; say whether it did."""
    manifest = sent.messages[0].id
    answer = select(ACK.c.accepted).where((ACK.c.box == sent.box) & (ACK.c.about == manifest))
    if connection.execute(answer).scalars().first() is not False:
        return False
    for contact in sent.contacts:
        release(connection, sent.box, sent.campaign, now, contact=contact.contact)
    names = [contact.contact for contact in sent.contacts]
    for table in (CONTACT, CONTACT_NUMBER, ENDED):
        here = (table.c.box == sent.box) & (table.c.campaign == sent.campaign)
        for start in range(0, len(names), 500):
            connection.execute(delete(table).where(here & table.c.contact.in_(names[start : start + 500])))
    ids = [message.id for message in sent.messages]
    for start in range(0, len(ids), 500):
        connection.execute(delete(BATCH).where(BATCH.c.id.in_(ids[start : start + 500])))
    fields = ("name", "digest", "contacts", "batches", "expires_at")
    _change(connection, sent, {name: getattr(before, name) for name in fields})
    return True


def _change(connection: Connection, sent: SentCampaign, fields: dict[str, object]) -> None:
    mine = (CAMPAIGN.c.box == sent.box) & (CAMPAIGN.c.campaign == sent.campaign)
    connection.execute(update(CAMPAIGN).where(mine).values(fields))


def _of(box: str, campaign: str) -> ColumnElement[bool]:
    return (BATCH.c.box == box) & (BATCH.c.campaign == campaign)
