"""The ledger's tables of short messages: what boxes say became of each, and what people wrote to them."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Table, Text

from console.ledger_tables import LEDGER_TEXT, METADATA, fact_columns

SMS = Table(
    "sms",
    METADATA,
    *fact_columns(),
    Column("sms", LEDGER_TEXT, nullable=False),
    Column("origin", LEDGER_TEXT, nullable=False),
    Column("campaign", LEDGER_TEXT, nullable=False),
    Column("contact", LEDGER_TEXT, nullable=False),
    Column("person", LEDGER_TEXT, nullable=False),
    Column("attempt", LEDGER_TEXT),
    Column("text", LEDGER_TEXT, nullable=False),
    Column("language", LEDGER_TEXT, nullable=False),
    Column("state", LEDGER_TEXT, nullable=False),
    Column("reason", LEDGER_TEXT, nullable=False),
    Column("line", LEDGER_TEXT, nullable=False),
    Column("n_parts", BigInteger, nullable=False),
    Column("ordered_at", BigInteger, nullable=False),
    Column("sent_at", BigInteger),
    Column("ended_at", BigInteger),
)
"""Each word of a box on a message; the newest by its id counts, whatever the order in which they came."""

SMS_REPLY = Table(
    "sms_reply",
    METADATA,
    *fact_columns(),
    Column("reply", LEDGER_TEXT, nullable=False),
    Column("line", LEDGER_TEXT, nullable=False),
    Column("number", LEDGER_TEXT),
    Column("people", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("is_opt_out", Boolean, nullable=False),
    Column("suppressed", LEDGER_TEXT),
)
"""`people` is a JSON list of ids: whom the box has a list entry or a call with that number for."""

Index("sms_by_person", SMS.c.person)
Index("sms_by_message", SMS.c.sms)
Index("sms_reply_by_time", SMS_REPLY.c.received_at)
