"""Copies of the whole database to go back to: each is complete and on the disk before it has its name."""

import os
import sqlite3
from datetime import datetime
from pathlib import Path

from firmware.clock import to_ms
from firmware.store.connection import store_errors
from firmware.store.errors import StoreFailedError

KEPT = 2
"""The newest, and one more in case the damage was there already when the newest was made."""
_FOLDER = "snapshots"


def snapshots(database: Path) -> list[Path]:
    """Return this database's snapshots, newest first."""
    folder = database.parent / _FOLDER
    found = [path for path in folder.glob(f"{database.name}.*") if path.suffix[1:].isdigit()]
    return sorted(found, key=_made_ms, reverse=True)


def take_snapshot(sqlite: sqlite3.Connection, database: Path, at: datetime) -> Path:
    """Copy what is committed and return the copy, on the disk under its name. Raises StoreFailedError.

    It holds the connection for as long as the copying lasts, so choose a moment without calls.
    """
    folder = database.parent / _FOLDER
    before = snapshots(database)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        require_room(database)
        new = folder / "new"
        new.unlink(missing_ok=True)
        os.close(os.open(new, os.O_CREAT | os.O_WRONLY, 0o600))
        with store_errors():
            # An ordinary copy of a live file may be torn; this one is made inside a read transaction.
            sqlite.execute("VACUUM INTO ?", (str(new),))
        sync_file(new)
        # A clock that was set back must not make the newest snapshot look old.
        made_ms = max([to_ms(at), *(_made_ms(path) + 1 for path in before[:1])])
        named = folder / f"{database.name}.{made_ms}"
        new.rename(named)
        sync_file(folder)
        for old in snapshots(database)[KEPT:]:
            old.unlink()
    except OSError as error:
        raise StoreFailedError(f"no snapshot of {database.name}: {error.strerror or error}") from None
    return named


def forget_snapshots(database: Path, *, but: Path) -> None:
    """Delete every copy except one: what the others hold has been deleted from the database. Raises StoreFailedError."""
    try:
        for old in snapshots(database):
            if old != but:
                old.unlink()
        sync_file(but.parent)
    except OSError as error:
        raise StoreFailedError(f"old snapshots cannot be deleted: {error.strerror or error}") from None


def sync_file(path: Path) -> None:
    """Have a file, or a folder's list of names, on the disk before this returns."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _made_ms(path: Path) -> int:
    return int(path.suffix[1:])


def require_room(database: Path) -> None:
    """Raise StoreFailedError if a copy of the database would fill the disk."""
    n_bytes = 2 * database.stat().st_size
    disk = os.statvfs(database.parent)
    free = disk.f_bavail * disk.f_frsize
    if free < n_bytes:
        raise StoreFailedError(f"no snapshot: it wants {n_bytes} bytes free, the disk has {free}")
