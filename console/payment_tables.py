"""The ledger's tables about money that came in, and about which box may call whom."""

from sqlalchemy import BigInteger, Column, Index, Table, Text

from console.ledger_tables import METADATA

PAYMENT = Table(
    "payment",
    METADATA,
    Column("payment", Text, primary_key=True),
    Column("person", Text, nullable=False),
    Column("debt", Text, nullable=True),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("paid_on", Text, nullable=False),
    Column("imported_at", BigInteger, nullable=False),
)
"""What the office's books say was paid; `payment` is their own reference, `paid_on` a day ``YYYY-MM-DD``."""

OWNER = Table(
    "owner",
    METADATA,
    Column("kind", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("box", Text, nullable=False),
    Column("until", BigInteger, nullable=False),
)
"""Which box alone may call a ``person`` or a ``number``, and until when; two boxes never hold one at a time."""

Index("payment_by_person", PAYMENT.c.person, PAYMENT.c.debt)
Index("owner_by_box", OWNER.c.box, OWNER.c.until)
