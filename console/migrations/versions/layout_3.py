"""A promise knows its last day, its whole sum and what came in; an outcome, who took over; calls and people have indices."""

from datetime import date

import sqlalchemy as sa
from alembic import op

from console.instalments import last_due

revision = "layout_3"
down_revision = "layout_2"

_INDEXES = {
    "outcome_by_time": ("outcome", ["reserved_at"]),
    "outcome_by_contact": ("outcome", ["contact", "campaign", "box"]),
    "outcome_by_person": ("outcome", ["person", "reserved_at"]),
    "contact_by_person": ("contact", ["person", "box"]),
    "contact_by_number": ("contact", ["number", "box"]),
}


def upgrade() -> None:
    """Add the columns, fill them, and make the indexes."""
    op.add_column("promise", sa.Column("total_minor", sa.BigInteger))
    op.add_column("promise", sa.Column("last_due", sa.Text, nullable=False, server_default=""))
    op.add_column("promise", sa.Column("paid_minor", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("promise", sa.Column("kept_on", sa.Text))
    op.add_column("outcome", sa.Column("hand_over", sa.Text))
    for name, (table, columns) in _INDEXES.items():
        op.create_index(name, table, columns)
    connection = op.get_bind()
    promises = connection.execute(sa.text("SELECT box, attempt, due, instalments, every FROM promise")).all()
    for box, attempt, due, instalments, every in promises:
        last = last_due(date.fromisoformat(due), instalments, every)
        connection.execute(
            sa.text("UPDATE promise SET last_due = :last WHERE box = :box AND attempt = :attempt"),
            {"last": last.isoformat(), "box": box, "attempt": attempt},
        )
    connection.execute(sa.text("UPDATE promise SET total_minor = amount_minor * instalments"))
