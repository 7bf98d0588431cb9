"""The ledger's tables about the office's own work: what its lists were like, follow-ups, corrections."""

from sqlalchemy import BigInteger, Column, Index, Table, Text

from console.ledger_tables import METADATA

EXAMINED = Table(
    "examined",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("digest", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("bad", BigInteger, nullable=False),
    Column("doubtful", BigInteger, nullable=False),
    Column("reasons", Text, nullable=False),
)
"""Each list that was examined, once by its content; `reasons` is rows by severity and reason, and nobody's data."""

REACHABLE = Table(
    "reachable",
    METADATA,
    Column("person", Text, primary_key=True),
    Column("email", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("consents", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)
"""Where a person can be written to, and what they agreed to, as JSON; the office vouches for both."""

FOLLOWUP = Table(
    "followup",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("rule", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("box", Text, nullable=False),
    Column("attempt", Text, nullable=False),
    Column("token", Text, nullable=False, unique=True),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("tries", BigInteger, nullable=False),
    Column("next_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger, nullable=True),
)
"""One follow-up for one rule and one attempt: its id is made of both, so there is never a second one."""

CORRECTION = Table(
    "correction",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("box", Text, nullable=False),
    Column("attempt", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("said", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("was", Text, nullable=False),
    Column("right", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)
"""What a supervisor heard, beside the record and never in it; a later one about the same thing counts instead."""
Index("correction_by_attempt", CORRECTION.c.attempt)
