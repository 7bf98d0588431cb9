"""What the console issued for a box, put in place: settings readable by the daemon alone, the key as a credential."""

import re
import shutil
import subprocess
from pathlib import Path

from provisioning.installing import SHARE, InstallError
from provisioning.layout import Layout

SEAL_LIMIT_S = 60.0
KEY_NAME = "mqtt-key"
_DATA_DIR = re.compile(r'(?m)^data_dir = "data"$')
_KEY = re.compile(r'(?m)^key = "(box\.key)"$')


def put_box(folder: Path, layout: Layout) -> str:
    """Take over an issued folder that `branchline-console box add` made; say how the key is kept. Raises InstallError."""
    settings = layout.settings / "box.toml"
    if settings.exists():
        raise InstallError(
            f"{settings} is there already: this machine is a box; remove it to make it another"
        )
    try:
        text = (folder / "box.toml").read_text(encoding="utf-8")
        key = (folder / "box.key").read_bytes()
    except OSError as error:
        raise InstallError(f"{folder} is no folder that the console issued for a box: {error}") from None
    text, n_data = _DATA_DIR.subn('data_dir = "/var/lib/branchline"', text)
    text, n_key = _KEY.subn(f'key_credential = "{KEY_NAME}"', text)
    if (n_data, n_key) != (1, 1):
        raise InstallError(
            f"{folder / 'box.toml'} was changed by hand: put its files into {layout.settings} yourself"
        )
    layout.settings.mkdir(parents=True, exist_ok=True)
    kept = seal(key, layout) if layout.is_live else keep_plain(key, layout)
    for name in ("ca.crt", "box.crt"):
        shutil.copyfile(folder / name, layout.settings / name)
    shutil.copytree(folder / "console-keys", layout.settings / "console-keys", dirs_exist_ok=True)
    fresh = settings.with_name(".box.toml.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(settings)  # the last: with it the daemon may start
    return kept


def seal(key: bytes, layout: Layout) -> str:
    """Seal a key to this machine (to its TPM where there is one), or keep it plain where that cannot be done."""
    store = layout.root / "etc/credstore.encrypted"
    store.mkdir(mode=0o700, parents=True, exist_ok=True)
    command = [
        "systemd-creds",
        "encrypt",
        "--with-key=auto",
        f"--name={KEY_NAME}",
        "-",
        str(store / KEY_NAME),
    ]
    try:
        done = subprocess.run(command, input=key, capture_output=True, timeout=SEAL_LIMIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return keep_plain(key, layout)
    if done.returncode:
        return keep_plain(key, layout)
    return f"sealed to this machine in {store / KEY_NAME}"


def keep_plain(key: bytes, layout: Layout) -> str:
    """Keep a key as it is, readable by root alone, and have the unit take it so."""
    store = layout.root / "etc/credstore"
    store.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = store / KEY_NAME
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(key)
    layout.drop_in.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(layout.current / SHARE / "systemd/plain-credentials.conf", layout.drop_in)
    return f"as it is in {path}, which root alone can read: whoever takes the disk has it"
