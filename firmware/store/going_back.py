"""The database for an older version of this program, after a newer one had it: nothing that was written is lost.

Three cases. The newer version changed no layout: the file stays as it is. It changed the layout and wrote nothing
else: the copy from before is put back. It changed the layout and worked: every row goes into the old layout, as after
a damage (firmware.store.restoring), which stops dialling until a person has looked.
"""

import os
import shutil
from datetime import datetime
from pathlib import Path
from typing import Literal

from firmware.clock import to_ms
from firmware.store.connection import Connection, Row
from firmware.store.database import Database, mark_of
from firmware.store.errors import StoreError, StoreFailedError
from firmware.store.inline_executor import InlineExecutor
from firmware.store.migrations import MIGRATION_NAMES
from firmware.store.reading import read_only
from firmware.store.restoring import restore
from firmware.store.salvage import SALVAGED_OTHERWISE, TABLES, Renumber
from firmware.store.snapshot import require_room, snapshots, sync_file

WentBack = Literal["kept", "put_back", "rebuilt"]
_BESIDE = ("-wal", "-shm", "-journal")
_WRITTEN = sorted({table for table, _ in TABLES} | (SALVAGED_OTHERWISE - {"setting"}))
"""Tables with what happened; settings change at every start and say nothing of that."""


def copy_before(database: Path, copy: Path) -> None:
    """Copy the database of a stopped daemon to one whole, sound file. Raises StoreError."""
    if not database.exists():
        return
    try:
        require_room(database)
        copy.parent.mkdir(mode=0o700, exist_ok=True)
        fresh = copy.with_name(f"{copy.name}.new")
        _remove(fresh)
        for suffix in ("", *_BESIDE):
            source = database.with_name(database.name + suffix)
            if source.exists() and suffix != "-shm":
                shutil.copyfile(source, fresh.with_name(fresh.name + suffix))
        # Opening folds the log into the file, and says whether it is sound.
        Database.open(fresh, executor=InlineExecutor()).close_now()
        _remove(fresh, only=_BESIDE)
        sync_file(fresh)
        fresh.replace(copy)
        sync_file(copy.parent)
    except OSError as error:
        raise StoreFailedError(f"no copy of {database.name}: {error.strerror or error}") from None


def go_back(database: Path, copy: Path, *, at: datetime, renumber: Renumber) -> WentBack:
    """Make the database one that this version can use, from what the newer one left and the copy. Raises StoreError.

    Cut off anywhere, it is done again from the beginning.
    """
    if mark_of(database).exists():
        restore(database, at=at, renumber=renumber)  # it was cut off in there
        return "rebuilt"
    if not copy.exists() or (database.exists() and not newer_migrations(database)):
        return "kept"
    try:
        if not database.exists() or same_rows(database, copy):
            fresh = database.with_name(f"{database.name}.back")
            shutil.copyfile(copy, fresh)
            fresh.chmod(0o600)
            sync_file(fresh)
            # The log first: it belongs to the file that goes.
            _remove(database, only=_BESIDE)
            fresh.replace(database)
            sync_file(database.parent)
            return "put_back"
        _lay_down(copy, database, at)
    except OSError as error:
        raise StoreFailedError(f"{database.name} cannot be put back: {error.strerror or error}") from None
    restore(database, at=at, renumber=renumber)
    return "rebuilt"


def same_rows(one: Path, other: Path) -> bool:
    """Say whether both hold the same of what happened, as far as both have columns for it."""
    try:
        with read_only(one) as here, read_only(other) as there:
            for table in _WRITTEN:
                columns = sorted(_columns(here, table) & _columns(there, table))
                if not columns or _rows(here, table, columns) != _rows(there, table, columns):
                    return False
    except StoreError:
        return False
    return True


def _lay_down(copy: Path, database: Path, at: datetime) -> None:
    """Make the copy the newest snapshot: what restoring begins with."""
    known = snapshots(database)
    made_ms = max([to_ms(at), *(int(path.suffix[1:]) + 1 for path in known[:1])])
    target = database.parent / "snapshots" / f"{database.name}.{made_ms}"
    target.parent.mkdir(mode=0o700, exist_ok=True)
    fresh = target.with_name("new")
    shutil.copyfile(copy, fresh)
    fresh.chmod(0o600)
    sync_file(fresh)
    os.replace(fresh, target)
    sync_file(target.parent)


def _columns(con: Connection, table: str) -> set[str]:
    return {str(row["name"]) for row in con.rows(f"SELECT name FROM pragma_table_info('{table}')")}


def _rows(con: Connection, table: str, columns: list[str]) -> list[Row]:
    names = ", ".join(columns)
    return list(con.rows(f"SELECT {names} FROM {table} ORDER BY {names}"))


def _remove(path: Path, *, only: tuple[str, ...] = ("", *_BESIDE)) -> None:
    for suffix in only:
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def newer_migrations(path: Path) -> set[str]:
    """Return the changes of layout that a newer version made and this one does not know. Raises StoreError."""
    with read_only(path) as con:
        if not con.value("SELECT count(*) FROM sqlite_master WHERE name = '_sqlite_migrations'"):
            return set()
        applied = {str(row["name"]) for row in con.rows("SELECT name FROM _sqlite_migrations")}
        return applied - MIGRATION_NAMES
