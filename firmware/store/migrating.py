"""An opened file is brought to this version's tables, unless it has seen a later version."""

import sqlite3
from pathlib import Path

from firmware.store.errors import StoreNewerError
from firmware.store.migrations import MIGRATION_NAMES, migrations


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
