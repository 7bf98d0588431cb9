"""From an older layout of the ledger to the present one; each step runs once, in the transaction that opens the file."""

import json

from sqlalchemy import Connection

_OUTCOME_FIELDS = (
    "ALTER TABLE outcome ADD COLUMN answers TEXT NOT NULL DEFAULT '{}'",
    "ALTER TABLE outcome ADD COLUMN callback_local TEXT",
    "ALTER TABLE outcome ADD COLUMN callback_at BIGINT",
    "ALTER TABLE outcome ADD COLUMN transfer TEXT",
    "ALTER TABLE promise ADD COLUMN instalments BIGINT NOT NULL DEFAULT 1",
    "ALTER TABLE promise ADD COLUMN every TEXT",
)


def outcomes_get_hand_over(connection: Connection) -> None:
    """Bring layout 2 to 3: what became of a callee's wish for a person."""
    connection.exec_driver_sql("ALTER TABLE outcome ADD COLUMN hand_over TEXT")


def outcomes_get_fields(connection: Connection) -> None:
    """Bring layout 1 to 2: answers, callback times and plans, which boxes wrote into `note`, get columns."""
    for statement in _OUTCOME_FIELDS:
        connection.exec_driver_sql(statement)
    told = connection.exec_driver_sql(
        "SELECT box, attempt, note FROM outcome WHERE note LIKE '%kept: {%'"
    ).all()
    for box, attempt, note in told:
        before, _mark, text = note.rpartition("kept: ")
        try:
            kept = json.loads(text)
        except ValueError:
            continue  # no box's words: they stay where they are
        answers = json.dumps(kept.get("answers", {}), ensure_ascii=False, sort_keys=True)
        connection.exec_driver_sql(
            "UPDATE outcome SET note = ?, answers = ?, callback_local = ? WHERE box = ? AND attempt = ?",
            (before.removesuffix("; "), answers, kept.get("callback"), box, attempt),
        )
        if "every" in kept:
            connection.exec_driver_sql(
                "UPDATE promise SET instalments = ?, every = ? WHERE box = ? AND attempt = ?",
                (kept["instalments"], kept["every"], box, attempt),
            )
