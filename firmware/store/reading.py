"""A look into the box's database beside a running daemon: for commands, which write nothing."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from firmware.store.connection import Connection, store_errors
from firmware.store.errors import StoreFailedError


@contextlib.contextmanager
def read_only(path: Path) -> Iterator[Connection]:
    """Yield a connection for reading, beside a running daemon. Raises StoreFailedError, StoreDamagedError."""
    if not path.is_file():
        raise StoreFailedError(f"{path} is not there: has the box ever run?")
    how = "mode=ro"
    if path.stat().st_uid != os.geteuid() and not path.with_name(f"{path.name}-wal").exists():
        # Nobody has it open. SQLite would make the log and its index anew for the reader: root's, where a sandbox forbids
        # to give them away, and the daemon could not open its own database any more.
        how = "mode=ro&immutable=1"
    with store_errors():
        sqlite = sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, timeout=10.0)
    try:
        with store_errors():
            sqlite.execute("BEGIN")
        yield Connection(sqlite)
    finally:
        sqlite.close()
