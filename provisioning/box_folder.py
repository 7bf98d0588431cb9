"""What the console issued for a box, put in place: settings readable by the daemon alone, the key as a credential."""

import re
from collections.abc import Mapping
from pathlib import Path

from provisioning.disk import Disk
from provisioning.installing import InstallError
from provisioning.key_store import MQTT_KEY, KeyStore
from provisioning.layout import Layout

_DATA_DIR = re.compile(r'(?m)^data_dir = "data"$')
_KEY = re.compile(r'(?m)^key = "(box\.key)"$')
_TECHNICIAN = re.compile(r"(?m)^\[technician\]")
_COMMANDS = re.compile(r"(?m)^\[commands\]")
_NAME = re.compile(r"(box\.toml|box\.crt|ca\.crt|release-root\.json|console-keys/[0-9a-f]{16}\.pem)")
FACTORY_RESET = ["/usr/local/bin/branchline", "factory-reset", "--yes"]
REBOOT = ["/usr/local/bin/branchline", "reboot"]


def put_box(folder: Path, layout: Layout, *, disk: Disk | None = None) -> str:
    """Take over an issued folder that `branchline-console box add` made; say how the key is kept. Raises InstallError."""
    disk = disk or Disk()
    files: dict[str, str] = {}
    try:
        for path in (folder / "box.toml", folder / "ca.crt", folder / "box.crt"):
            files[path.name] = path.read_text(encoding="utf-8")
        if (folder / "release-root.json").exists():
            files["release-root.json"] = (folder / "release-root.json").read_text(encoding="utf-8")
        for path in sorted((folder / "console-keys").glob("*.pem")):
            files[f"console-keys/{path.name}"] = path.read_text(encoding="ascii")
        key = (folder / "box.key").read_bytes()
    except (OSError, UnicodeDecodeError) as error:
        raise InstallError(f"{folder} is no folder that the console issued for a box: {error}") from None
    _check_free(layout)
    settings = installed_settings(files["box.toml"], folder / "box.toml", layout)
    kept = KeyStore(layout, disk).save(MQTT_KEY, key)
    _put(files | {"box.toml": settings}, layout, disk)
    return kept


def put_granted(files: Mapping[str, str], layout: Layout, *, disk: Disk) -> None:
    """Take over what the console granted to the key that is kept here already. Raises InstallError."""
    _check_free(layout)
    unknown = [name for name in files if not _NAME.fullmatch(name)]
    if unknown or not {"box.toml", "box.crt", "ca.crt"} <= set(files):
        raise InstallError(f"the console sent no whole box: {', '.join(unknown or files) or 'nothing'}")
    settings = installed_settings(files["box.toml"], Path("box.toml"), layout)
    _put(dict(files) | {"box.toml": settings}, layout, disk)


def installed_settings(text: str, source: Path, layout: Layout) -> str:
    """Return issued settings as an installed box goes by them. Raises InstallError."""
    text, n_data = _DATA_DIR.subn('data_dir = "/var/lib/branchline"', text)
    text, n_key = _KEY.subn(f'key_credential = "{MQTT_KEY}"', text)
    if (n_data, n_key) != (1, 1):
        raise InstallError(f"{source} was changed by hand: put its files into {layout.settings} yourself")
    if not _TECHNICIAN.search(text):
        text += f"\n[technician]\nfactory_reset = {_quoted(FACTORY_RESET)}\n"
    if not _COMMANDS.search(text):
        text += f"\n[commands]\nreboot = {_quoted(REBOOT)}\n"
    return text


def _quoted(program: list[str]) -> str:
    return "[" + ", ".join(f'"{part}"' for part in program) + "]"


def _check_free(layout: Layout) -> None:
    settings = layout.settings / "box.toml"
    if settings.exists():
        raise InstallError(
            f"{settings} is there already: this machine is a box; `branchline factory-reset` makes it none"
        )


def _put(files: dict[str, str], layout: Layout, disk: Disk) -> None:
    layout.settings.mkdir(parents=True, exist_ok=True)
    (layout.settings / "console-keys").mkdir(exist_ok=True)
    # The settings are the last: with them the daemon may start.
    for name in sorted(files, key=lambda name: name == "box.toml"):
        disk.write(layout.settings / name, files[name].encode(), mode=0o644)
