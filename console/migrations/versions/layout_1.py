"""The first layout: where a ledger stands that was never changed."""

revision = "layout_1"
down_revision = None


def upgrade() -> None:
    """Do nothing: it is there."""
