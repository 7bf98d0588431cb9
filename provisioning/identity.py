"""What a machine is before it is a box: a key of its own, a session, and a code that it shows to whoever stands before it."""

import re
from dataclasses import dataclass
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from firmware.sync.certificate_request import (
    BadRequestError,
    load_client_key,
    new_client_key,
    private_pem,
    public_der,
)
from firmware.sync.claiming import new_code, new_session
from provisioning.disk import Disk
from provisioning.key_store import MQTT_KEY, KeyLostError, KeyStore
from provisioning.layout import Layout

CODE_SHOWN_S = 24 * 3600.0
_STATE = "claim.json"
_NO_SERIAL = re.compile(
    r"(?i)(to be filled.*|default string|none|not (specified|applicable|available)|system serial number|n/?a|0+|x+|unknown|"
    r"0?123456789.*|not present.*)?"
)


class _Kept(msgspec.Struct, kw_only=True, frozen=True):
    session: str
    code: str
    shown_s: float = 0.0
    """For how long this code was shown; a clock that jumps at the first NTP answer does not end it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who asks."""

    key: ec.EllipticCurvePrivateKey
    session: str
    code: str
    serial: str

    @property
    def public_der(self) -> bytes:
        """Return the public key as proofs are over it."""
        return public_der(self.key.public_key())


class IdentityFolder:
    """The key and the claim's state on the disk. Each step may be cut off; the next start goes on from there."""

    def __init__(self, layout: Layout, disk: Disk, *, store: KeyStore | None = None) -> None:
        self._layout = layout
        self._disk = disk
        self._store = store or KeyStore(layout, disk)
        self._path = layout.identity / _STATE

    def prepare(self) -> Identity:
        """Return the machine's identity, made where there is none yet."""
        key = self._key()
        kept = self._read()
        if kept is None or kept.shown_s >= CODE_SHOWN_S:
            kept = self._renewed()
        return Identity(
            key=key, session=kept.session, code=kept.code, serial=machine_serial(self._layout.root)
        )

    def renew(self) -> Identity:
        """Return the identity with another session and code: the old code is worth nothing from now on."""
        self._renewed()
        return self.prepare()

    @property
    def is_begun(self) -> bool:
        """Say whether there is something of a claim on the disk."""
        return self._path.exists()

    def note_shown(self, seconds: float) -> None:
        """Count how long the code was shown."""
        kept = self._read()
        if kept is not None:
            self._write(msgspec.structs.replace(kept, shown_s=kept.shown_s + seconds))

    def forget(self) -> None:
        """Remove what was needed to become a box: it is one."""
        for name in ("claim.toml", _STATE):
            self._disk.shred(self._layout.identity / name)

    def _key(self) -> ec.EllipticCurvePrivateKey:
        try:
            pem = self._store.load(MQTT_KEY)
            if pem is not None:
                return load_client_key(pem)
        except (KeyLostError, BadRequestError):
            # It opens nothing any more: this is another machine with the old one's disk, or a torn file.
            self._store.wipe(MQTT_KEY)
        key = new_client_key()
        self._store.save(MQTT_KEY, private_pem(key))
        # Whoever was told the old code was told it of another key.
        self._renewed()
        return key

    def _renewed(self) -> _Kept:
        kept = _Kept(session=new_session(), code=new_code())
        self._write(kept)
        return kept

    def _read(self) -> _Kept | None:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_Kept)
        except (OSError, msgspec.MsgspecError):
            return None

    def _write(self, kept: _Kept) -> None:
        self._disk.write(self._path, msgspec.json.encode(kept))


def machine_serial(root: Path = Path("/")) -> str:
    """Return the computer's serial number as its maker says it, empty where it says nothing that tells it from others."""
    for place in (
        "proc/device-tree/serial-number",
        "sys/class/dmi/id/product_serial",
        "sys/class/dmi/id/board_serial",
    ):
        try:
            text = (root / place).read_bytes().decode("ascii").strip("\0 \n\t")
        except (OSError, UnicodeDecodeError):
            continue
        if _NO_SERIAL.fullmatch(text) is None and re.fullmatch(r"[A-Za-z0-9._:-]{1,64}", text):
            return text
    return ""
