"""A small bundle for a technician far away: how the box stands, without anybody's number, name or secret."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from firmware.host.journal import RecentEvents, masked
from firmware.lines.line import LineReport
from firmware.settings import Settings
from firmware.store.connection import Connection
from firmware.store.database import Database

_COUNTED = (
    "campaign",
    "contact",
    "attempt",
    "outcome",
    "suppression",
    "recording",
    "audit",
    "outbox",
    "inbox",
    "command",
)
_HIDDEN = frozenset({"pin_file", "pin_credential", "key", "imei", "number", "power_hook", "host", "bind"})
"""Settings that name a secret, a person's number or where the office is."""


async def bundle(
    settings: Settings,
    database: Database,
    *,
    lines: Sequence[LineReport],
    recent: RecentEvents,
    n_events: int,
    facts: dict[str, Any],
) -> dict[str, Any]:
    """Return what is known of the box as it runs."""
    counts = await database.read(_count)
    disk = shutil.disk_usage(settings.box.data_dir)
    size = sum(path.stat().st_size for path in Path(settings.box.data_dir).glob("box.db*") if path.is_file())
    shown: dict[str, Any] = masked(
        {
            **facts,
            "load": [round(each, 2) for each in os.getloadavg()],
            "disk_free_bytes": disk.free,
            "database_bytes": size,
            "rows": counts,
            "lines": [msgspec.to_builtins(each) | {"number": None} for each in lines],
            "settings": without_secrets(msgspec.to_builtins(settings)),
            "events": recent.last(n_events),
        }
    )
    return shown


def _count(con: Connection) -> dict[str, int]:
    return {table: int(con.value(f"SELECT count(*) FROM {table}")) for table in _COUNTED}


def without_secrets(value: Any) -> Any:
    """Return settings with whatever names a secret, a person's number or a place left out."""
    if isinstance(value, dict):
        return {key: "…" if key in _HIDDEN and each else without_secrets(each) for key, each in value.items()}
    if isinstance(value, list):
        return [without_secrets(each) for each in value]
    return value
