"""A database of every older version, with rows in every table, becomes the newest and keeps every row.

An older schema is what the migrations up to it make: a released migration is never edited, and the digests below
are what hold that.
"""

import hashlib
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database as SqliteUtils
from sqlite_utils import Migrations

from firmware.store.database import Database
from firmware.store.inline_executor import InlineExecutor
from firmware.store.migration_list import MigrationList
from firmware.store.migrations import MIGRATION_NAMES, migrations

RELEASED = {
    # The schema after each released migration: whoever edits one breaks every box that has applied it.
    "0001_tables": "50a31b464542d05c",
    "audit_secrets": "403c2120caaaf5f8",
}
NAMES: list[str] = [each.name for each in migrations.of_library().pending(SqliteUtils(memory=True))]
ROWS_A_TABLE = 3
# A parent stands before what refers to it; every other table follows by itself.
PARENTS = ("campaign", "contact", "attempt", "outcome")


def up_to(path: Path, last: str) -> None:
    """Make a database as the version with this newest migration made it."""
    older = Migrations("branchline")
    for each in migrations.of_library().pending(SqliteUtils(memory=True)):
        older(name=each.name)(each.fn)
        if each.name == last:
            break
    con = sqlite3.connect(path, isolation_level=None)
    con.execute("PRAGMA journal_mode=WAL")
    older.apply(SqliteUtils(con))
    con.close()


def schema(con: sqlite3.Connection) -> list[tuple[str, ...]]:
    """Return everything that the schema says, with the white space of one statement made alike."""
    found = con.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE '%migrations%' ORDER BY type, name"
    )
    return [tuple(re.sub(r"\s+", " ", str(part)) for part in row) for row in found]


def tables(con: sqlite3.Connection) -> list[str]:
    names = [
        row[0]
        for row in con.execute(
            """SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '%migrations%'
               AND name NOT LIKE 'sqlite_%' ORDER BY name"""
        )
    ]
    return [*(name for name in PARENTS if name in names), *(name for name in names if name not in PARENTS)]


def allowed(con: sqlite3.Connection, table: str, column: str) -> list[str]:
    """Return the words that a CHECK of this column allows."""
    (sql,) = con.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    found = re.search(rf"\b{column} IN \(([^)]*)\)", sql)
    return re.findall(r"'([^']*)'", found.group(1)) if found else []


def fill(con: sqlite3.Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Put rows into every table, whatever columns it has; return everything that is in there."""
    con.execute("PRAGMA foreign_keys=ON")
    for table in tables(con):
        if table == "outbox_head":
            con.execute("UPDATE outbox_head SET last_seq = 7, received_up_to = 2")
            continue
        columns = con.execute(f"SELECT name, type, pk FROM pragma_table_info('{table}')").fetchall()
        for number in range(1, ROWS_A_TABLE + 1):
            values: list[Any] = []
            for name, kind, _ in columns:
                words = allowed(con, table, name)
                if words:
                    values.append(words[number % len(words)])
                elif kind == "INTEGER":
                    values.append(number)
                elif kind == "REAL":
                    values.append(number / 2)
                elif kind == "BLOB":
                    values.append(b"\x00\xff%d" % number)
                else:
                    # The same text in every table, so that a row refers to the row of its number.
                    values.append(f"值 {number}")
            con.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values))})", values)
    assert con.execute("PRAGMA foreign_key_check").fetchall() == []
    return content(con)


def content(con: sqlite3.Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows of every table, each as sorted (column, value) pairs."""
    found = {}
    for table in tables(con):
        cursor = con.execute(f"SELECT * FROM {table}")
        names = [each[0] for each in cursor.description]
        found[table] = [tuple(zip(names, row, strict=True)) for row in cursor]
    return found


def newest(path: Path) -> sqlite3.Connection:
    """Open the file as the daemon does, close it, and return a look at it."""
    Database.open(path, executor=InlineExecutor()).close_now()
    return sqlite3.connect(path)


def test_every_migration_is_known_by_name() -> None:
    assert set(NAMES) == MIGRATION_NAMES
    assert len(NAMES) == len(set(NAMES))


@pytest.mark.parametrize("last", [name for name in NAMES if name in RELEASED])
def test_a_released_migration_makes_what_it_always_made(tmp_path: Path, last: str) -> None:
    up_to(tmp_path / "old.db", last)
    with sqlite3.connect(tmp_path / "old.db") as con:
        digest = hashlib.sha256(repr(schema(con)).encode()).hexdigest()[:16]
    con.close()
    assert digest == RELEASED[last]


@pytest.mark.parametrize("last", NAMES)
def test_a_database_of_every_older_version_keeps_its_rows(tmp_path: Path, last: str) -> None:
    up_to(tmp_path / "box.db", last)
    con = sqlite3.connect(tmp_path / "box.db")
    before = fill(con)
    con.commit()
    con.close()
    assert all(len(rows) >= 1 for rows in before.values())
    fresh = newest(tmp_path / "fresh.db")
    con = newest(tmp_path / "box.db")
    after = content(con)
    assert schema(con) == schema(fresh)
    for table, rows in before.items():
        if table == "setting":
            after[table] = [row for row in after[table] if ("key", "stream") not in row]
        kept = [set(row) for row in after[table]]
        # A later migration may add columns; what was there stands as it stood, row by row.
        assert len(kept) == len(rows)
        for row in rows:
            assert any(set(row) <= found for found in kept), f"a row of {table} is not what it was"
    assert con.execute("PRAGMA foreign_key_check").fetchall() == []
    assert con.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    con.close()
    fresh.close()


@pytest.mark.parametrize("last", NAMES[:-1])
def test_a_migration_that_fails_leaves_the_older_version_whole(
    tmp_path: Path, last: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next one writes and then dies: nothing of it is there, and the next start completes it."""
    path = tmp_path / "box.db"
    up_to(path, last)
    con = sqlite3.connect(path)
    before = fill(con)
    con.commit()
    old = schema(con)
    con.close()
    broken = NAMES[NAMES.index(last) + 1]

    failing = MigrationList("branchline")
    for each in migrations.of_library().pending(SqliteUtils(memory=True)):

        def dies(database: SqliteUtils, fn: Any = each.fn) -> None:
            fn(database)
            raise RuntimeError("the power is gone")

        failing(name=each.name)(dies if each.name == broken else each.fn)
    monkeypatch.setattr("firmware.store.migrating.migrations", failing)
    with pytest.raises(RuntimeError):
        Database.open(path, executor=InlineExecutor())
    monkeypatch.undo()
    con = sqlite3.connect(path)
    assert (schema(con), content(con)) == (old, before)
    con.close()
    newest(path).close()
