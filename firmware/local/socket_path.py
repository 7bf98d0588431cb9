"""Where the box's Unix socket is: the daemon and who talks to it must agree."""

import os
from pathlib import Path

from firmware.settings import Settings

RUN_FOLDER = Path("/run/branchline")
NAME = "box.sock"
MAX_PATH_BYTES = 107
"""unix(7): sun_path holds 108 with its zero."""


def path_to_bind(settings: Settings) -> Path:
    """Return where the daemon makes its socket: RUNTIME_DIRECTORY is what systemd.exec(5) gives a service."""
    if settings.local.socket:
        return Path(settings.local.socket)
    runtime = os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    return Path(runtime or settings.box.data_dir) / NAME


def path_to_reach(settings: Settings, *, run_folder: Path = RUN_FOLDER) -> Path:
    """Return where a program finds the daemon's socket."""
    if settings.local.socket:
        return Path(settings.local.socket)
    of_service = run_folder / NAME
    return of_service if of_service.exists() else Path(settings.box.data_dir) / NAME
