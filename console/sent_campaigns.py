"""The ledger's record of what was sent to boxes: campaigns, whom they hold, and messages until answered."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from console.errors import CampaignError
from console.ledger_tables import ACK, BATCH, CAMPAIGN, CONTACT, CONTACT_NUMBER, ENDED
from firmware.clock import to_ms

MANIFEST_PLACE = 0
SETTLES = ~((ACK.c.kind == "contacts") & (ACK.c.reason == "unknown_campaign"))
"""An answer, and not that a batch came before its manifest (`Ack.is_too_early`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentContact:
    """One contact as it was sent."""

    contact: str
    place: int
    """Index within the campaign, by which a box names a rejected row."""
    row: int
    """Row of the spreadsheet."""
    person: str
    number: str
    debt: str | None
    status: str
    other_numbers: tuple[str, ...] = ()
    """Under which else they may be called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMessage:
    """One message of a campaign; place 0 is the manifest, a newer version of it lies below."""

    id: str
    place: int
    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SentCampaign:
    """A campaign as it goes to one box."""

    box: str
    campaign: str
    name: str
    digest: str
    """Of flow, contacts and terms: the same push again is a continuation, another content is an error."""
    expires_at: datetime
    messages: tuple[SentMessage, ...]
    contacts: tuple[SentContact, ...]
    contacts_before: int = 0
    """How many the box has of it already, when this changes a campaign."""
    batches_before: int = 0

    @property
    def n_contacts(self) -> int:
        """Return how many contacts its manifest announces."""
        return self.contacts_before + len(self.contacts)

    @property
    def n_batches(self) -> int:
        """Return how many batches its manifest announces."""
        return self.batches_before + len(self.messages) - 1


def begin_or_resume(connection: Connection, sent: SentCampaign, *, pushed_at: datetime) -> bool:
    """Insert a campaign that is about to be sent. Return False if the same one was begun before: it goes on.

    Raises CampaignError if another one has its name. One whose manifest the box refused is no campaign: it is
    replaced.
    """
    mine = (CAMPAIGN.c.box == sent.box) & (CAMPAIGN.c.campaign == sent.campaign)
    digest = connection.execute(select(CAMPAIGN.c.digest).where(mine)).scalar_one_or_none()
    if digest is not None:
        if not was_refused(connection, sent.box, sent.campaign):
            if digest == sent.digest:
                return False
            raise CampaignError(
                f"{sent.box} has another campaign {sent.campaign} already; choose another --campaign name"
            )
        for table in (CAMPAIGN, BATCH, CONTACT, CONTACT_NUMBER, ENDED):
            here = (table.c.box == sent.box) & (table.c.campaign == sent.campaign)
            connection.execute(delete(table).where(here))
    _add(connection, sent, pushed_at)
    return True


def unanswered(connection: Connection, box: str, campaign: str) -> list[SentMessage]:
    """Return the campaign's messages that the box has not answered, in order, as they were first sent."""
    answered = select(ACK.c.about).where((ACK.c.box == box) & SETTLES)
    rows = connection.execute(
        select(BATCH)
        .where((BATCH.c.box == box) & (BATCH.c.campaign == campaign))
        .where(BATCH.c.payload.is_not(None) & BATCH.c.id.not_in(answered))
        .order_by(BATCH.c.place)
    )
    return [SentMessage(id=row.id, place=row.place, topic=row.topic, payload=row.payload) for row in rows]


def _add(connection: Connection, sent: SentCampaign, pushed_at: datetime) -> None:
    where = {"box": sent.box, "campaign": sent.campaign}
    connection.execute(insert(CAMPAIGN).values(**where, **announced(sent), pushed_at=to_ms(pushed_at)))
    add_parts(connection, sent)


def announced(sent: SentCampaign) -> dict[str, object]:
    """Return what a campaign's manifest says of it, as columns."""
    return {
        "name": sent.name,
        "digest": sent.digest,
        "contacts": sent.n_contacts,
        "batches": sent.n_batches,
        "expires_at": to_ms(sent.expires_at),
    }


def add_parts(connection: Connection, sent: SentCampaign) -> None:
    """Note what is about to be sent, and whom it is about."""
    where = {"box": sent.box, "campaign": sent.campaign}
    messages = [{**where, **_fields(message)} for message in sent.messages]
    contacts = [{**where, **_fields(contact, but="other_numbers")} for contact in sent.contacts]
    connection.execute(insert(BATCH), messages)
    if contacts:
        connection.execute(insert(CONTACT), contacts)
    others = [
        {**where, "contact": contact.contact, "number": number}
        for contact in sent.contacts
        for number in contact.other_numbers
    ]
    if others:
        connection.execute(insert(CONTACT_NUMBER), others)


def was_refused(connection: Connection, box: str, campaign: str) -> bool:
    """Say whether the box took no part in the campaign."""
    manifest = (BATCH.c.box == box) & (BATCH.c.campaign == campaign) & (BATCH.c.place == MANIFEST_PLACE)
    answer = select(ACK.c.accepted).join(BATCH, (BATCH.c.id == ACK.c.about) & (BATCH.c.box == ACK.c.box))
    return connection.execute(answer.where(manifest)).scalars().first() is False


def _fields(item: SentMessage | SentContact, *, but: str = "") -> dict[str, object]:
    return {name: getattr(item, name) for name in item.__dataclass_fields__ if name != but}
