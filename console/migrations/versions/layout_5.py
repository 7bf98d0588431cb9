"""An event keeps its figures apart from the box's words for them, and a promise knows whose call it was made in."""

import sqlalchemy as sa
from alembic import op

revision = "layout_5"
down_revision = "layout_4"

_TEXTS, _NUMBERS = ("campaign", "contact", "line", "flow"), ("flow_version", "reserved_at")


def upgrade() -> None:
    """Add the columns; events that are there were told in words alone, promises have their calls."""
    op.add_column("event", sa.Column("facts", sa.Text, nullable=False, server_default="{}"))
    for name in _TEXTS:
        op.add_column("promise", sa.Column(name, sa.Text, nullable=False, server_default=""))
    for name in _NUMBERS:
        op.add_column("promise", sa.Column(name, sa.BigInteger, nullable=False, server_default="0"))
    names = ", ".join((*_TEXTS, *_NUMBERS))
    of_call = "FROM outcome WHERE outcome.box = promise.box AND outcome.attempt = promise.attempt"
    op.execute(f"UPDATE promise SET ({names}) = (SELECT {names} {of_call}) WHERE EXISTS (SELECT 1 {of_call})")
