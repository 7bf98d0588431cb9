"""A box made what it was when it left the factory: keys first, then settings, then data. What a power cut stops, the next start ends."""

import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from provisioning.disk import Disk
from provisioning.installing import put_system_files
from provisioning.key_store import DEVICE_KEY, MQTT_KEY, KeyStore
from provisioning.layout import Layout
from provisioning.machine import Machine

_CREDENTIAL = re.compile("[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_KEPT_SETTINGS = {"box.toml.example"}
_SECRET_FILES = frozenset({"key", "device_key", "pin_file", "password_file"})
_SECRET_CREDENTIALS = frozenset(
    {"key_credential", "device_key_credential", "pin_credential", "password_credential"}
)


def is_reset_begun(layout: Layout) -> bool:
    """Say whether a factory reset was begun and is not finished: the daemon must not run."""
    return (layout.identity / "resetting").exists()


def ask_for_reset(layout: Layout) -> None:
    """Ask root for a factory reset (branchline-factory-reset.path watches). Raises OSError."""
    layout.reset_asked.touch(mode=0o600)


def factory_reset(layout: Layout, machine: Machine, disk: Disk) -> None:
    """Wipe this machine, or go on wiping it. Raises MachineError, OSError: begun and not finished, the next start goes on."""
    disk.write(layout.identity / "resetting", b"")
    machine.stop_updates()
    machine.stop_daemon()
    settings = _settings(layout)
    store = KeyStore(layout, disk)
    for name in [MQTT_KEY, DEVICE_KEY, *_named(settings, _SECRET_CREDENTIALS)]:
        if _CREDENTIAL.fullmatch(name):
            store.wipe(name)
    elsewhere = _data_elsewhere(layout, settings)
    for place, _, names in (found for data in (layout.data, *elsewhere) for found in os.walk(data)):
        # The device's key, and pairs that the box renewed by itself.
        for name in sorted(names):
            if name.endswith((".key", ".pem")):
                disk.shred(Path(place) / name)
    for file in _named(settings, _SECRET_FILES):
        disk.shred(_below(layout, file))
    for folder in elsewhere:
        # Before the settings that name it, and last in it what it is known by.
        disk.empty(folder, last="box.db")
    disk.remove(layout.drop_in)
    if layout.settings.is_dir():
        # box.toml last: it says where secrets lie.
        for path in sorted(layout.settings.iterdir(), key=lambda path: path.name == "box.toml"):
            if path.name not in _KEPT_SETTINGS:
                disk.remove(path) if path.is_dir() else disk.shred(path)
    disk.empty(layout.data)
    if layout.good.is_symlink() and layout.current.readlink() != layout.good.readlink():
        # A release on trial would be left without anybody who could go back from it.
        disk.link(layout.current, layout.good.readlink())
        put_system_files(layout)
    disk.empty(layout.updates)
    for path in sorted(layout.identity.iterdir()):
        if path.name != "resetting":
            disk.shred(path) if path.is_file() else disk.remove(path)
    disk.remove(layout.identity / "resetting")


def _below(layout: Layout, name: str) -> Path:
    """Return what the settings name as the machine sees it: a tree's files are below its root."""
    return layout.root / Path(name).relative_to("/") if name.startswith("/") else layout.settings / name


def _data_elsewhere(layout: Layout, settings: dict[str, Any]) -> list[Path]:
    """Return a data folder that somebody moved; only if there is a box's database in it."""
    named = settings.get("box", {}).get("data_dir")
    if not isinstance(named, str) or not named:
        return []
    folder = _below(layout, named)
    return [folder] if folder != layout.data and (folder / "box.db").is_file() else []


def _settings(layout: Layout) -> dict[str, Any]:
    try:
        return tomllib.loads((layout.settings / "box.toml").read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        return {}


def _named(content: Any, keys: frozenset[str]) -> Iterator[str]:
    """Yield what the settings name under these keys, in whatever section."""
    if isinstance(content, dict):
        for key, value in content.items():
            if key in keys and isinstance(value, str) and value:
                yield value
            else:
                yield from _named(value, keys)
    elif isinstance(content, list):
        for value in content:
            yield from _named(value, keys)


def box_name(layout: Layout) -> str:
    """Return the box's name, as somebody types it who means it; empty where there is none."""
    name = _settings(layout).get("box", {}).get("id", "")
    return name if isinstance(name, str) else ""
