"""The ledger's tables behind the web pages: who may sign in, what was looked at, cases, notes, orders, corrections."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    Table,
    Text,
    literal_column,
    text,
)

from console.ledger_tables import EVENT, METADATA, OUTCOME, REFUSAL

WEB_USER = Table(
    "web_user",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("password", Text, nullable=False),
    Column("stamp", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)
"""`password` is an Argon2id hash; a new `stamp` ends every session of the user."""

WEB_FAILURE = Table(
    "web_failure",
    METADATA,
    Column("subject", Text, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
)
"""Failed sign-ins since the last good one, by user and by user and address."""

WEB_ACCESS = Table(
    "web_access",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
)
"""Who looked at whose data, and who ordered what; rows are only ever added."""

WEB_ORDER = Table(
    "web_order",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("box", Text, nullable=False),
    Column("campaign", Text, nullable=False),
    Column("action", Text, nullable=False),
)
"""Orders about campaigns given here; the box's answer is the ack about `id`."""

CASE = Table(
    "work_case",
    METADATA,
    Column("box", Text, primary_key=True),
    Column("attempt", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("campaign", Text, nullable=False),
    Column("contact", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("is_done", Boolean, nullable=False),
    Column("assignee", Text, nullable=True),
)
CASE_NOTE = Table(
    "case_note",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("box", Text, nullable=False),
    Column("attempt", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("note", Text, nullable=False),
)
"""What was done about a case; `state` is the one that it had from then on."""

CASE_SWEEP = Table(
    "case_sweep",
    METADATA,
    Column("box", Text, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("up_to", BigInteger, nullable=False),
)
"""Up to which message of each stream outcomes were looked at for cases."""

UPDATE_ENDS = ("update_good", "update_failed")
"""Events with which a box tells what came of an update."""
# Said as SQL and not as parameters, or SQLite would not see that an index of just these serves.
ALARMING = EVENT.c.severity != literal_column("'info'")
OF_UPDATES = EVENT.c.event.in_([literal_column(f"'{name}'") for name in UPDATE_ENDS])
INDICES = (
    Index("outcome_by_end", OUTCOME.c.ended_at, OUTCOME.c.box, OUTCOME.c.attempt),
    Index(
        "outcome_by_campaign_time", OUTCOME.c.campaign, OUTCOME.c.ended_at, OUTCOME.c.box, OUTCOME.c.attempt
    ),
    Index(
        "outcome_by_disposition", OUTCOME.c.disposition, OUTCOME.c.ended_at, OUTCOME.c.box, OUTCOME.c.attempt
    ),
    Index("outcome_by_box_time", OUTCOME.c.box, OUTCOME.c.ended_at, OUTCOME.c.attempt),
    # Calls of a campaign lie far apart, between those of others; what is counted of them stands here together.
    Index(
        "outcome_of_campaign",
        OUTCOME.c.campaign,
        OUTCOME.c.box,
        OUTCOME.c.contact,
        OUTCOME.c.reserved_at,
        OUTCOME.c.final,
        OUTCOME.c.answered_at,
        OUTCOME.c.right_party,
        OUTCOME.c.reached,
        OUTCOME.c.disposition,
        OUTCOME.c.talk_ms,
        OUTCOME.c.suppressed,
    ),
    Index(
        "refusal_of_campaign",
        REFUSAL.c.campaign,
        REFUSAL.c.box,
        REFUSAL.c.contact,
        REFUSAL.c.at,
        REFUSAL.c.id,
        REFUSAL.c.rule,
    ),
    Index("outcome_by_sequence", OUTCOME.c.box, OUTCOME.c.stream, OUTCOME.c.seq),
    # Of a million events the pages want those that are no mere information, and how updates ended.
    Index("event_alarming", EVENT.c.at, EVENT.c.id, postgresql_where=ALARMING, sqlite_where=ALARMING),
    Index("event_of_updates", EVENT.c.at, postgresql_where=OF_UPDATES, sqlite_where=OF_UPDATES),
    Index("work_case_by_due", CASE.c.is_done, CASE.c.due_at, CASE.c.box, CASE.c.attempt),
    Index("work_case_by_kind", CASE.c.is_done, CASE.c.kind, CASE.c.due_at, CASE.c.box, CASE.c.attempt),
    Index("work_case_by_person", CASE.c.person),
    Index("case_note_by_case", CASE_NOTE.c.box, CASE_NOTE.c.attempt),
    Index("web_access_by_time", WEB_ACCESS.c.at, WEB_ACCESS.c.id),
    Index("web_order_by_campaign", WEB_ORDER.c.box, WEB_ORDER.c.campaign),
)


FORMER_INDICES = ("outcome_by_progress",)
"""What another index does by now."""


def add_indices(connection: Connection) -> None:
    """Make what the pages' queries lean on, where an older ledger lacks it."""
    for name in FORMER_INDICES:
        connection.execute(text(f"DROP INDEX IF EXISTS {name}"))
    for index in INDICES:
        index.create(connection, checkfirst=True)
