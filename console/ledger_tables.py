"""The ledger's tables: what was sent to boxes, and what boxes report (instants are integer ms UTC)."""

from typing import Any

from sqlalchemy import (
    TEXT,
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

METADATA = MetaData()


LEDGER_TEXT = Text().with_variant(TEXT(collation="C"), "postgresql")
"""Text in the order of its letters' numbers, which is SQLite's: which of two ids is older is no matter of language."""


def _text(name: str, *, key: bool = False, null: bool = False) -> Column[Any]:
    return Column(name, LEDGER_TEXT, primary_key=key, nullable=null)


def _number(name: str, *, key: bool = False, null: bool = False) -> Column[Any]:
    return Column(name, BigInteger, primary_key=key, nullable=null, autoincrement=False)


def fact_columns() -> list[Column[Any]]:
    """Return the columns of everything that a box reports durably, once per message id."""
    return [_text("box", key=True), _text("id", key=True), _text("stream"), _number("seq"), _number("at")]


def _of_call() -> list[Column[Any]]:
    return [
        *(
            Column(name, LEDGER_TEXT, nullable=False, server_default="")
            for name in ("campaign", "contact", "line", "flow")
        ),
        *(
            Column(name, BigInteger, nullable=False, server_default="0")
            for name in ("flow_version", "reserved_at")
        ),
    ]


BOX = Table(
    "box",
    METADATA,
    _text("box", key=True),
    _text("status"),
    _text("boot"),
    _text("version"),
    _text("clock"),
    _text("dialling"),
    _number("outbox"),
    _text("lines"),
    _number("at"),
    _number("seen_at"),
)
"""Each box as its last `up/state` described it."""

TELEMETRY = Table(
    "telemetry",
    METADATA,
    _text("box", key=True),
    _number("slot", key=True),
    _number("seen_at"),
    _text("body"),
)
"""The last telemetry of each box in each quarter of an hour (`slot`, since 1970); a week of it is kept."""

CAMPAIGN = Table(
    "campaign",
    METADATA,
    _text("box", key=True),
    _text("campaign", key=True),
    _text("name"),
    _text("digest"),
    _number("contacts"),
    _number("batches"),
    _number("expires_at"),
    _number("pushed_at"),
)
BATCH = Table(
    "batch",
    METADATA,
    _text("id", key=True),
    _text("box"),
    _text("campaign"),
    _number("place"),
    _text("topic"),
    Column("payload", LargeBinary, nullable=True),
)
"""What makes up a campaign: place 0 is the manifest, version 2 of it is -1, and so on. `payload` goes when the box has answered."""

CONTACT = Table(
    "contact",
    METADATA,
    _text("box", key=True),
    _text("campaign", key=True),
    _text("contact", key=True),
    _number("place"),
    _number("row"),
    _text("person"),
    _text("number"),
    _text("debt", null=True),
    _text("status"),
)
"""Who was sent: `place` is the index within the campaign, `row` that of the spreadsheet."""

CONTACT_NUMBER = Table(
    "contact_number",
    METADATA,
    _text("box", key=True),
    _text("campaign", key=True),
    _text("contact", key=True),
    _text("number", key=True),
)
"""Under which numbers besides the first a contact may be called."""

ENDED = Table(
    "ended",
    METADATA,
    _text("box", key=True),
    _text("campaign", key=True),
    _text("contact", key=True),
    _number("at"),
)
"""Whom a box said it will not call any more, cancelled or recalled; `contact` is empty for a whole campaign."""

SUPPRESSION = Table(
    "suppression",
    METADATA,
    _text("scope", key=True),
    _text("value", key=True),
    _text("reason"),
    _number("at"),
)
"""What a person here suppressed; what calls suppressed follows from the outcomes."""

ACK = Table(
    "ack",
    METADATA,
    *fact_columns(),
    _text("about"),
    _text("kind"),
    Column("accepted", Boolean, nullable=False),
    _text("reason"),
    _text("detail"),
    _text("campaign", null=True),
    Column("batch", Integer, nullable=True),
    _number("taken"),
    _text("rejected"),
)
OUTCOME = Table(
    "outcome",
    METADATA,
    _text("box", key=True),
    _text("attempt", key=True),
    _text("id"),
    _text("stream"),
    _number("seq"),
    _number("at"),
    _text("campaign"),
    _text("contact"),
    _text("person"),
    _text("line"),
    _text("disposition"),
    Column("reached", Boolean, nullable=False),
    Column("right_party", Boolean, nullable=False),
    Column("final", Boolean, nullable=False),
    _number("reserved_at"),
    _number("answered_at", null=True),
    _number("ended_at"),
    _number("talk_ms"),
    _number("cause_q850", null=True),
    _text("cause"),
    Column("confidence", Float, nullable=False),
    _text("suppressed", null=True),
    _text("recording", null=True),
    _text("recording_sha256", null=True),
    _text("flow"),
    _number("flow_version"),
    _number("digits_heard"),
    _text("note"),
    Column("answers", Text, nullable=False, server_default="{}"),
    _text("callback_local", null=True),
    _number("callback_at", null=True),
    _text("transfer", null=True),
    _text("hand_over", null=True),
    _number("first_word_ms", null=True),
)
PROMISE = Table(
    "promise",
    METADATA,
    _text("box", key=True),
    _text("attempt", key=True),
    _text("due"),
    _number("amount_minor", null=True),
    _text("currency", null=True),
    Column("confirmed", Boolean, nullable=False),
    Column("instalments", BigInteger, nullable=False, server_default="1"),
    _text("every", null=True),
    _number("total_minor", null=True),
    Column("last_due", LEDGER_TEXT, nullable=False, server_default=""),
    Column("paid_minor", BigInteger, nullable=False, server_default="0"),
    _text("kept_on", null=True),
    *_of_call(),
)
"""`due` and `amount_minor` are of one instalment, `last_due` and `total_minor` of all; `paid_minor` and `kept_on` follow
from the payments (`promise_settling`). Whose call it is stands here too, as it never changes: promises are few, and sums
over them need not look at every call."""
EVENT = Table(
    "event",
    METADATA,
    *fact_columns(),
    _text("event"),
    _text("severity"),
    _text("detail"),
    _text("line", null=True),
    _text("campaign", null=True),
    Column("facts", LEDGER_TEXT, nullable=False, server_default="{}"),
)
REFUSAL = Table(
    "refusal",
    METADATA,
    *fact_columns(),
    _text("campaign"),
    _text("contact"),
    _text("verdict"),
    _text("rule"),
    _number("until", null=True),
    _text("explanation"),
)
UNREAD = Table(
    "unread",
    METADATA,
    *fact_columns(),
    _text("problem"),
    Column("payload", LargeBinary, nullable=False),
)
"""Durable messages that this console cannot read (a newer box's): kept whole, so nothing is lost."""

CONFIG = Table(
    "config",
    METADATA,
    _text("box", key=True),
    _number("version", key=True),
    _text("id"),
    _text("settings"),
    _number("at"),
)
"""Configurations sent to each box; what became of one says the last answer about its id."""
COMMAND = Table(
    "command",
    METADATA,
    _text("box", key=True),
    _text("id", key=True),
    _text("name"),
    _text("arguments"),
    _number("at"),
    _number("expires_at"),
)
RESPONSE = Table(
    "response",
    METADATA,
    *fact_columns(),
    _text("about"),
    _text("name"),
    _text("status"),
    _text("reason"),
    _text("detail"),
    _number("started_at", null=True),
    _number("finished_at"),
    _text("result"),
)
"""What boxes answered to commands; a command that was repeated is answered again."""

UPLINK = Table("uplink", METADATA, _text("box", key=True), _text("stream", key=True), _number("up_to"))
"""High-water mark: every sequence number up to `up_to` is in the ledger."""
UPLINK_AHEAD = Table(
    "uplink_ahead", METADATA, _text("box", key=True), _text("stream", key=True), _number("seq", key=True)
)
"""Sequence numbers in the ledger above the first missing one."""

Index("outcome_by_time", OUTCOME.c.reserved_at)
Index("outcome_by_contact", OUTCOME.c.contact, OUTCOME.c.campaign, OUTCOME.c.box)
Index("outcome_by_person", OUTCOME.c.person, OUTCOME.c.reserved_at)
Index("contact_by_person", CONTACT.c.person, CONTACT.c.box)
Index("contact_by_number", CONTACT.c.number, CONTACT.c.box)
Index("contact_number_by_number", CONTACT_NUMBER.c.number, CONTACT_NUMBER.c.box)
Index("outcome_by_campaign", OUTCOME.c.campaign, OUTCOME.c.box)
Index("refusal_by_contact", REFUSAL.c.campaign, REFUSAL.c.contact)
Index("response_by_subject", RESPONSE.c.about)
Index("ack_by_subject", ACK.c.about)
Index("batch_by_campaign", BATCH.c.box, BATCH.c.campaign)

FACTS = (ACK, OUTCOME, PROMISE, EVENT, REFUSAL, RESPONSE, UNREAD)
