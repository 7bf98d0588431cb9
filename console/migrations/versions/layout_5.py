"""An event keeps its figures and codes apart from the box's words for them."""

import sqlalchemy as sa
from alembic import op

revision = "layout_5"
down_revision = "layout_4"


def upgrade() -> None:
    """Add the column; what is there was told in words alone."""
    op.add_column("event", sa.Column("facts", sa.Text, nullable=False, server_default="{}"))
