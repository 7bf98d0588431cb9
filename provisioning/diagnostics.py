"""The diagnostics bundle: one small tar of how the box stands, without anybody's number or name and without a key."""

import io
import json
import os
import platform
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from firmware.commands.diagnostics import without_secrets
from firmware.data_dir import database_path
from firmware.host.health import host_health
from firmware.host.journal import masked
from firmware.local.client import BoxClient, BoxRefusedError, BoxSilentError
from firmware.settings import Settings
from firmware.store import outbox, today
from firmware.store.errors import StoreError
from firmware.store.reading import read_only
from firmware.version import software_version
from provisioning import network
from provisioning.check import Check

EVENTS = 200


def write_bundle(
    folder: Path, settings: Settings, checks: Sequence[Check], ask: Callable[[Settings], BoxClient]
) -> Path:
    """Write the bundle into `folder`, readable by us alone, and return its path. Raises OSError."""
    now = datetime.now(UTC)
    parts: dict[str, Any] = {
        "about": {
            "box": settings.box.id,
            "at": now.isoformat(timespec="seconds"),
            "version": software_version(),
            "python": platform.python_version(),
            "kernel": platform.release(),
            "machine": platform.machine(),
        },
        "self-check": [asdict(each) for each in checks],
        "settings": without_secrets(msgspec.to_builtins(settings)),
        "host": asdict(host_health(Path(settings.box.data_dir))),
        "network": [{"name": each.name, "is_up": each.is_up} for each in network.interfaces()],
        "files": _files(Path(settings.box.data_dir)),
        "database": _database(settings),
        **_of_daemon(settings, ask),
    }
    path = folder / f"branchline-{settings.box.id}-{now:%Y%m%dT%H%M%SZ}.tar.gz"
    with (
        open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file,
        tarfile.open(fileobj=file, mode="w:gz") as bundle,
    ):
        for name, content in parts.items():
            body = json.dumps(masked(content), ensure_ascii=False, indent=1, default=str).encode()
            entry = tarfile.TarInfo(f"{path.name.removesuffix('.tar.gz')}/{name}.json")
            entry.size, entry.mtime, entry.mode = len(body), int(now.timestamp()), 0o600
            bundle.addfile(entry, io.BytesIO(body))
    return path


def _of_daemon(settings: Settings, ask: Callable[[Settings], BoxClient]) -> dict[str, Any]:
    with ask(settings) as client:
        try:
            return {
                "state": client.ask("state"),
                "daemon": client.ask("diagnostics", events=EVENTS),
            }
        except (BoxSilentError, BoxRefusedError) as error:
            return {"daemon": {"silent": str(error)}}


def _files(folder: Path) -> list[dict[str, Any]]:
    """Return sizes and ages of what lies in the data folder, but of recordings and prompts only how many: names may speak."""
    rows: list[dict[str, Any]] = []
    for each in sorted(folder.glob("*")):
        try:
            found = each.lstat()
            n_inside = sum(1 for _ in each.iterdir()) if each.is_dir() else None
        except OSError:
            continue
        rows.append(
            {
                "name": each.name,
                "bytes": found.st_size,
                "mode": oct(found.st_mode & 0o777),
                "inside": n_inside,
            }
        )
    return rows


def _database(settings: Settings) -> dict[str, Any]:
    try:
        with read_only(database_path(settings)) as con:
            depth, waiting = outbox.depth(con), today.waiting(con)
    except StoreError as error:
        return {"unreadable": str(error)}
    return {"outbox": depth.n_waiting, "outbox_bytes": depth.n_bytes, **asdict(waiting)}
