"""The ledger's tables about rules and audit logs: heads and entries that boxes sent, their keys, releases of rules."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text

from console.ledger_tables import METADATA

ANCHOR = Table(
    "audit_anchor",
    METADATA,
    Column("box", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("stream", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("chain", Text, nullable=False),
    Column("entry", BigInteger, nullable=False),
    Column("hash", Text, nullable=False),
    Column("signed_at", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("kid", Text, nullable=False),
    Column("signature", Text, nullable=False),
)
"""Every signed head of a box's audit log; `kid` is empty where the signature is none."""

AUDIT_ENTRY = Table(
    "audit_entry",
    METADATA,
    Column("box", Text, primary_key=True),
    Column("chain", Text, primary_key=True),
    Column("entry", BigInteger, primary_key=True),
    Column("hash", Text, primary_key=True),
    Column("previous", Text, nullable=False),
    Column("body", Text, nullable=False),
)
"""Entries that were asked for; two hashes for one number are kept both, and are a finding."""

SEGMENT = Table(
    "audit_segment",
    METADATA,
    Column("box", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("stream", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("about", Text, nullable=False),
    Column("is_last", Integer, nullable=False),
)
BOX_KEY = Table(
    "box_key",
    METADATA,
    Column("box", Text, primary_key=True),
    Column("kid", Text, primary_key=True),
    Column("key", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("how", Text, nullable=False),
)
"""Keys that a box may sign with: the first one seen (``first``), and those a person here accepted (``accepted``)."""

FINDING = Table(
    "audit_finding",
    METADATA,
    Column("box", Text, primary_key=True),
    Column("what", Text, primary_key=True),
    Column("severity", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)
"""What is wrong with a box's audit log; never taken back."""

POLICY = Table(
    "policy",
    METADATA,
    Column("version", Integer, primary_key=True),
    Column("id", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("pushed_at", BigInteger, nullable=False),
)
"""Releases of rules; `target` is a box, or ``all``."""

ELSEWHERE_SENT = Table(
    "elsewhere_sent",
    METADATA,
    Column("box", Text, primary_key=True),
    Column("fact", Text, primary_key=True),
    Column("message", Text, nullable=False),
    Column("sent_at", BigInteger, nullable=False),
)
"""Which facts a box has been told of, and in which message: told for good once it answered that."""

TOLD = Table(
    "told",
    METADATA,
    Column("fact", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("number", Text, nullable=True),
    Column("body", LargeBinary, nullable=False),
)
"""What a person here told the office: contacts over other channels (``contact``), facts of people (``person``), legal
holds (``hold``) and their ends (``lift``)."""

Index("audit_anchor_by_chain", ANCHOR.c.box, ANCHOR.c.chain, ANCHOR.c.entry)
