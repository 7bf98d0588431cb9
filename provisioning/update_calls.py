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
_AS_SERVICE = (
    "systemd-run", "--quiet", "--wait", "--pipe", "--collect", "--nice=10",
    *(f"--property={each}" for each in (
        "UMask=0077", "NoNewPrivileges=yes", "CapabilityBoundingSet=", "ProtectSystem=strict", "ProtectHome=yes",
        "PrivateTmp=yes", "PrivateDevices=yes", "PrivateNetwork=yes", "RestrictNamespaces=yes",
        "RestrictAddressFamilies=AF_UNIX", "SystemCallFilter=@system-service", "SystemCallErrorNumber=EPERM",
        f"RuntimeMaxSec={LIMIT_S:.0f}",
    )),
)  # fmt: skip


class CallsOfDaemon:
    """`StoredCalls` for the database in a data folder."""

    def __init__(self, data: Path, *, under_systemd: bool = False) -> None:
        """`under_systemd`: this machine runs, and its service manager starts what belongs to another user."""
        self._data = data
        self._under_systemd = under_systemd

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
        command = [sys.executable, "-m", "provisioning.update_calls", what, str(self._data)]
        as_whom: dict[str, Any] = {}
        if self._under_systemd:
            # The service itself may not become another user.
            command = [*_AS_SERVICE, f"--uid={owner.st_uid}", f"--gid={owner.st_gid}",
                       f"--property=ReadWritePaths={self._data}", "--", *command]  # fmt: skip
        elif os.geteuid() == 0:
            as_whom = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
        try:
            done = subprocess.run(
                command,
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
