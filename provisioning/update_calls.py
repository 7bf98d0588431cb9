"""The database while an update changes hands, worked on by a process of the daemon's own user: root follows none of its links."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from firmware.store.errors import StoreError
from firmware.store.going_back import copy_before, go_back
from firmware.sync.reports import renumbered
from provisioning.update_source import UpdateLaterError

LIMIT_S = 1800.0
COPY = "before-update.db"


class CallsOfDaemon:
    """`StoredCalls` for the database in a data folder."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def copy(self) -> None:
        """Copy the database as it is. Raises UpdateLaterError."""
        self._run("copy")

    def go_back(self) -> str:
        """Make it one that this release can use; say how. Raises UpdateLaterError."""
        return self._run("go-back")

    def forget(self) -> None:
        """Delete the copy."""
        self._run("forget")

    def _run(self, what: str) -> str:
        if not self._data.is_dir():
            return ""  # it has never run
        owner = self._data.stat()
        # A process of another user only where we are root, as in the service.
        as_whom: dict[str, Any] = (
            {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
        )
        try:
            done = subprocess.run(
                [sys.executable, "-m", "provisioning.update_calls", what, str(self._data)],
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
                timeout=LIMIT_S,
                check=False,
                cwd="/" if "site-packages" in __file__ else Path(__file__).resolve().parents[1],
                **as_whom,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UpdateLaterError(f"the database cannot be worked on: {error}") from None
        if done.returncode:
            last = (done.stderr.strip() or "no word of why").splitlines()[-1]
            raise UpdateLaterError(f"the database: {last}")
        said: str = done.stdout.strip()
        return said


def work(what: str, data: Path) -> str:
    """Do one of copy, go-back, forget, as whoever owns the folder. Raises StoreError, OSError."""
    database, copy = data / "box.db", data / "before-update" / COPY
    match what:
        case "copy":
            copy_before(database, copy)
        case "go-back":
            return go_back(database, copy, at=datetime.now(UTC), renumber=renumbered)
        case "forget":
            for path in copy.parent.glob(f"{COPY}*"):
                path.unlink()
            if copy.parent.is_dir():
                copy.parent.rmdir()
        case _:
            raise ValueError(what)
    return ""


if __name__ == "__main__":
    try:
        print(work(sys.argv[1], Path(sys.argv[2])))
    except (StoreError, OSError) as error:
        sys.exit(f"{error}")
