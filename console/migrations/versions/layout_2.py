"""Answers, callback times and plans, which boxes wrote into `note`, get columns."""

import json

import sqlalchemy as sa
from alembic import op

revision = "layout_2"
down_revision = "layout_1"


def upgrade() -> None:
    """Add the columns, and read them out of the notes."""
    op.add_column("outcome", sa.Column("answers", sa.Text, nullable=False, server_default="{}"))
    op.add_column("outcome", sa.Column("callback_local", sa.Text))
    op.add_column("outcome", sa.Column("callback_at", sa.BigInteger))
    op.add_column("outcome", sa.Column("transfer", sa.Text))
    op.add_column("promise", sa.Column("instalments", sa.BigInteger, nullable=False, server_default="1"))
    op.add_column("promise", sa.Column("every", sa.Text))
    connection = op.get_bind()
    told = connection.execute(
        sa.text("SELECT box, attempt, note FROM outcome WHERE note LIKE '%kept: {%'")
    ).all()
    for box, attempt, note in told:
        before, _mark, text = note.rpartition("kept: ")
        try:
            kept = json.loads(text)
        except ValueError:
            continue  # no box's words: they stay where they are
        here = {"box": box, "attempt": attempt}
        connection.execute(
            sa.text(
                "UPDATE outcome SET note = :note, answers = :answers, callback_local = :callback"
                " WHERE box = :box AND attempt = :attempt"
            ),
            {
                **here,
                "note": before.removesuffix("; "),
                "answers": json.dumps(kept.get("answers", {}), ensure_ascii=False, sort_keys=True),
                "callback": kept.get("callback"),
            },
        )
        if "every" in kept:
            connection.execute(
                sa.text(
                    "UPDATE promise SET instalments = :instalments, every = :every"
                    " WHERE box = :box AND attempt = :attempt"
                ),
                {**here, "instalments": kept["instalments"], "every": kept["every"]},
            )
