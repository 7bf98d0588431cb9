"""A box's older outcomes kept answers, times and plans as JSON in their note: the migration gives them columns."""

import asyncio
import sqlite3
from pathlib import Path

from firmware.store.database import Database
from firmware.store.inline_executor import InlineExecutor

ADDED = {
    "outcome": ("answers", "callback_local", "callback_at", "transfer"),
    "promise": ("instalments", "every", "total_minor"),
}
OLD = {
    "a1": 'disk was full; kept: {"answers": {"score": "4"}, "callback": "2026-11-27T15:30"}',
    "a2": 'kept: {"every": "month", "instalments": 6}',
    "a3": "kept: {not JSON",
}


def older(path: Path) -> None:
    """Make a database as it was before the migration."""
    Database.open(path, executor=InlineExecutor()).close_now()
    con = sqlite3.connect(path)
    con.execute("PRAGMA foreign_keys = OFF")
    for table, columns in ADDED.items():
        for column in columns:
            con.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    con.execute("DELETE FROM _sqlite_migrations WHERE name IN ('outcome_fields', 'promise_totals')")
    for attempt, note in OLD.items():
        con.execute(
            "INSERT INTO outcome (attempt, campaign, contact, person, disposition, reached, right_party, final,"
            " ended_at, talk_ms, confidence, flow, flow_version, digits_heard, note)"
            " VALUES (?, 'c', 'k', 'p', 'completed', 1, 1, 1, 1, 1, 1.0, 'f', 1, 0, ?)",
            (attempt, note),
        )
    con.execute("INSERT INTO promise VALUES ('a2', '2026-12-01', 20000, 'CNY', 1)")
    con.commit()
    con.close()


def test_older_notes_become_fields(tmp_path: Path) -> None:
    older(tmp_path / "box.db")
    opened = Database.open(tmp_path / "box.db", executor=InlineExecutor())
    rows = asyncio.run(
        opened.read(
            lambda con: con.rows("SELECT * FROM outcome LEFT JOIN promise USING (attempt) ORDER BY attempt")
        )
    )
    opened.close_now()
    assert [(row["note"], row["answers"], row["callback_local"]) for row in rows] == [
        ("disk was full", '{"score": "4"}', "2026-11-27T15:30"),
        ("", "{}", None),
        ("kept: {not JSON", "{}", None),
    ]
    assert (rows[1]["instalments"], rows[1]["every"], rows[1]["due"]) == (6, "month", "2026-12-01")
