"""A new file has this version's tables; an older one is brought to them, unless it has seen a later version."""

import functools
import os
import sqlite3
from pathlib import Path

from firmware.store.errors import StoreNewerError
from firmware.store.migrations import MIGRATION_NAMES, migrations
from firmware.store.snapshot import sync_file


def migrate(sqlite: sqlite3.Connection, path: Path) -> None:
    """Bring a database to this version's tables. Raises StoreNewerError if it has seen a later one."""
    applied = applied_migrations(sqlite)
    if unknown := applied - MIGRATION_NAMES:
        raise StoreNewerError(
            f"{path} was written by a newer version ({', '.join(sorted(unknown))}): update first"
        )
    if applied == MIGRATION_NAMES:
        return
    # With what it brings along 3 MB, which stay: once in the life of a release.
    from sqlite_utils import Database as SqliteUtils  # noqa: PLC0415

    migrations.of_library().apply(SqliteUtils(sqlite, execute_plugins=False))


def applied_migrations(sqlite: sqlite3.Connection) -> set[str]:
    """Return the names of the migrations that a database has seen."""
    if not sqlite.execute("SELECT count(*) FROM sqlite_master WHERE name = '_sqlite_migrations'").fetchone()[
        0
    ]:
        return set()
    found = sqlite.execute("SELECT name FROM _sqlite_migrations WHERE migration_set = ?", (migrations.name,))
    return {str(name) for (name,) in found}


def create(path: Path) -> None:
    """Put a database with this version's tables and nothing in it at `path`: whole after a power cut, or not there."""
    for leftover in ("-wal", "-shm", ".new"):
        # Of a database that is gone, or never was: SQLite would read that log as this one's.
        path.with_name(f"{path.name}{leftover}").unlink(missing_ok=True)
    made = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(_empty_database())
        file.flush()
        os.fsync(file.fileno())
    made.rename(path)
    sync_file(path.parent)


@functools.cache
def _empty_database() -> bytes:
    # In memory: every step of a migration is a commit, and twenty of them take a card seconds at the first start.
    sqlite = sqlite3.connect(":memory:", isolation_level=None)
    try:
        migrate(sqlite, Path(":memory:"))
        return sqlite.serialize()
    finally:
        sqlite.close()
