"""An outcome knows how long the callee waited for the first word."""

import sqlalchemy as sa
from alembic import op

revision = "layout_4"
down_revision = "layout_3"


def upgrade() -> None:
    """Add the column; boxes did not say it before, so it stays empty for what is there."""
    op.add_column("outcome", sa.Column("first_word_ms", sa.BigInteger))
