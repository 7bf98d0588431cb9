"""Is the file whole? Looked at for some seconds before anything starts; of a large one, the rest while the box works.

`quick_check` reads every page: a gigabyte of messages on a memory card takes half a minute, and nobody may be called
meanwhile. So a look that was cut short is repeated later, on a connection and a thread of its own; what it finds is
marked beside the file, and the next start looks to the end before it goes on.
"""

import os
import sqlite3
import threading
from pathlib import Path

from firmware.store.snapshot import sync_file

PROBLEMS_NAMED = 5
LONGEST_AT_START_S = 5.0


def problems_within(sqlite: sqlite3.Connection, limit_s: float | None) -> list[str] | None:
    """Return what is wrong with a database, None if `limit_s` was over before that was known.

    Raises sqlite3.DatabaseError where the damage keeps it from being looked at.
    """
    if limit_s is None:
        return _problems(sqlite)
    if limit_s <= 0:
        return None
    clock = threading.Timer(limit_s, sqlite.interrupt)
    clock.daemon = True
    clock.start()
    try:
        return _problems(sqlite)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            return None
        raise
    finally:
        clock.cancel()
        clock.join()  # it must not interrupt what comes next


class LaterLook:
    """A look to the end beside a running database, which may be ended from another thread."""

    def __init__(self, path: Path) -> None:
        self._sqlite = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False
        )
        self._is_ended = False

    def run(self) -> list[str] | None:
        """Return what is wrong, None if it was ended before that was known. Called on a thread of its own."""
        with_least_claim()
        try:
            return None if self._is_ended else _problems(self._sqlite)
        except sqlite3.DatabaseError as error:
            return None if self._is_ended else [str(error)]
        finally:
            self._sqlite.close()

    def end(self) -> None:
        """Let it come to its end now."""
        self._is_ended = True
        try:
            self._sqlite.interrupt()
        except sqlite3.ProgrammingError:
            return  # it had ended


def with_least_claim() -> None:
    """Let this thread take what processor time nobody else wants."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)


def suspicion_of(path: Path) -> Path:
    """Return the file that says, while it is there, that the database must be looked at whole before it is used."""
    return path.with_name(f"{path.name}.suspect")


def suspect(path: Path) -> None:
    """Have the next start look to the end."""
    mark = suspicion_of(path)
    mark.touch(mode=0o600)
    sync_file(mark)
    sync_file(path.parent)


def _problems(sqlite: sqlite3.Connection) -> list[str]:
    found = [row[0] for row in sqlite.execute(f"PRAGMA quick_check({PROBLEMS_NAMED})")]
    return [] if found == ["ok"] else found
