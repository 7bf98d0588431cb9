"""One process at a time for a database."""

import fcntl
from pathlib import Path
from typing import IO

from firmware.store.errors import StoreLockedError


def locked(path: Path) -> IO[bytes]:
    """Return the lock, held until it is closed. Raises StoreLockedError."""
    file = path.with_name(path.name + ".lock").open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise StoreLockedError(f"{path} is in use by another process: stop that one first") from None
    return file
