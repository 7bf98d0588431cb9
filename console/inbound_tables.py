"""The ledger's table of calls that came in to the boxes."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Table, Text

from console.ledger_tables import LEDGER_TEXT, METADATA, fact_columns

INBOUND = Table(
    "inbound",
    METADATA,
    *fact_columns(),
    Column("call", LEDGER_TEXT, nullable=False),
    Column("line", LEDGER_TEXT, nullable=False),
    Column("caller", LEDGER_TEXT),
    Column("people", Text, nullable=False),
    Column("disposition", LEDGER_TEXT, nullable=False),
    Column("reached", Boolean, nullable=False),
    Column("rang_at", BigInteger, nullable=False),
    Column("answered_at", BigInteger),
    Column("ended_at", BigInteger, nullable=False),
    Column("talk_ms", BigInteger, nullable=False),
    Column("suppressed", LEDGER_TEXT),
    Column("callback_local", LEDGER_TEXT),
    Column("callback_at", BigInteger),
    Column("transfer", LEDGER_TEXT),
    Column("hand_over", LEDGER_TEXT),
    Column("answers", Text, nullable=False),
    Column("flow", LEDGER_TEXT, nullable=False),
    Column("flow_version", BigInteger, nullable=False),
    Column("digits_heard", BigInteger, nullable=False),
    Column("cause", LEDGER_TEXT, nullable=False),
    Column("note", LEDGER_TEXT, nullable=False),
)
"""`people` is a JSON list of ids: whom the box has called at the number, or has on a list with it."""

Index("inbound_by_time", INBOUND.c.ended_at)
Index("inbound_by_caller", INBOUND.c.caller)
