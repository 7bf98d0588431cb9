"""The ledger's tables about the office's own work: what its lists were like, follow-ups, corrections."""

from sqlalchemy import BigInteger, Column, Table, Text

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
