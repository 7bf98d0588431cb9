"""An opened file is brought to this version's tables, unless it has seen a later version."""

import sqlite3
from pathlib import Path

from sqlite_utils import Database as SqliteUtils

from firmware.store.errors import StoreNewerError
from firmware.store.migrations import MIGRATION_NAMES, migrations


def migrate(sqlite: sqlite3.Connection, path: Path) -> None:
    """Bring a database to this version's tables. Raises StoreNewerError if it has seen a later one."""
    database = SqliteUtils(sqlite, execute_plugins=False)
    unknown = {applied.name for applied in migrations.applied(database)} - MIGRATION_NAMES
    if unknown:
        raise StoreNewerError(
            f"{path} was written by a newer version ({', '.join(sorted(unknown))}): update first"
        )
    migrations.apply(database)
