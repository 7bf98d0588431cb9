"""The machine's private keys: sealed to this machine by systemd-creds (its TPM where there is one), else in a file of root's."""

import subprocess
from pathlib import Path

from provisioning.disk import Disk
from provisioning.installing import SHARE
from provisioning.layout import Layout

SEAL_LIMIT_S = 60.0
MQTT_KEY = "mqtt-key"
DEVICE_KEY = "device-key"


class KeyLostError(Exception):
    """A key is there and this machine cannot open it: another mainboard, or another TPM."""


class KeyStore:
    """Keys by name, where the service's unit looks for its credentials."""

    def __init__(self, layout: Layout, disk: Disk, *, seals: bool | None = None) -> None:
        """`seals`: whether this machine is the one that shall open the keys; None: if it is the one that runs."""
        self._layout = layout
        self._disk = disk
        self._seals = layout.is_live if seals is None else seals

    def sealed(self, name: str) -> Path:
        """Return where a sealed key lies."""
        return self._layout.root / "etc/credstore.encrypted" / name

    def plain(self, name: str) -> Path:
        """Return where a key lies as it is."""
        return self._layout.root / "etc/credstore" / name

    def save(self, name: str, key: bytes) -> str:
        """Keep a key; say how it is kept."""
        sealed = self._seal(name, key) if self._seals else None
        if sealed is None:
            return self._save_plain(name, key)
        self._disk.write(self.sealed(name), sealed)
        self._disk.remove(self._layout.drop_in)
        self._disk.shred(self.plain(name))
        return f"sealed to this machine in {self.sealed(name)}"

    def load(self, name: str) -> bytes | None:
        """Return a key, None where there is none. Raises KeyLostError."""
        try:
            return self.plain(name).read_bytes()
        except FileNotFoundError:
            pass
        try:
            body = self.sealed(name).read_bytes()
        except FileNotFoundError:
            return None
        opened = _run(["systemd-creds", "decrypt", f"--name={name}", "-", "-"], body)
        if opened is None:
            raise KeyLostError(f"{self.sealed(name)} cannot be opened on this machine")
        return opened

    def wipe(self, name: str) -> None:
        """Have a key be nowhere, also what an interrupted `save` left."""
        for path in (self.plain(name), self.sealed(name)):
            self._disk.shred(path.with_name(f".{path.name}.new"))
            self._disk.shred(path)

    def _seal(self, name: str, key: bytes) -> bytes | None:
        return _run(["systemd-creds", "encrypt", "--with-key=auto", f"--name={name}", "-", "-"], key)

    def _save_plain(self, name: str, key: bytes) -> str:
        path = self.plain(name)
        self._disk.write(path, key)
        self._disk.remove(self.sealed(name))
        drop_in = self._layout.current / SHARE / "systemd/plain-credentials.conf"
        self._disk.write(self._layout.drop_in, drop_in.read_bytes(), mode=0o644)
        return f"as it is in {path}, which root alone can read: whoever takes the disk has it"


def _run(command: list[str], body: bytes) -> bytes | None:
    """Return what a program makes of its input; the secret is never on a command line. None if it fails."""
    try:
        done = subprocess.run(command, input=body, capture_output=True, timeout=SEAL_LIMIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 and done.stdout else None
