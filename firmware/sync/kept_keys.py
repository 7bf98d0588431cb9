"""Private keys that this box made itself, kept under the one it was issued with.

The service cannot seal a credential: systemd-creds wants root. But it is handed the issued key opened, and what lies on the
disk under a secret drawn from that is as safe as the issued key is: sealed to the machine where that one is.
"""

import os
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from firmware.sync.errors import SyncError

_PURPOSE = b"branchline: keys that this box made itself"


class KeptKeyError(SyncError):
    """A private key cannot be read; the text says which, and why."""


class KeptKeys:
    """Writes and reads them. `issued` is the key that the box came with; it is read whenever it is needed."""

    def __init__(self, issued: Path) -> None:
        self._issued = issued

    def password(self) -> str:
        """Return what they are kept under. Raises KeptKeyError."""
        try:
            issued = serialization.load_pem_private_key(self._issued.read_bytes(), password=None)
        except (OSError, ValueError, TypeError) as error:
            raise KeptKeyError(f"{self._issued}: cannot be read as a private key ({error})") from None
        secret = issued.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return HKDF(hashes.SHA256(), length=32, salt=None, info=_PURPOSE).derive(secret).hex()

    def write(self, path: Path, key: ec.EllipticCurvePrivateKey) -> None:
        """Keep a key in a new file, on the disk when this returns. Raises KeptKeyError, OSError."""
        write_new(
            path,
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(self.password().encode()),
            ),
        )

    def read(self, path: Path) -> ec.EllipticCurvePrivateKey:
        """Return a kept key, or one that an older version kept as it is. Raises KeptKeyError."""
        try:
            body = path.read_bytes()
            password = self.password().encode() if is_kept(body) else None
            key = serialization.load_pem_private_key(body, password=password)
        except (OSError, ValueError, TypeError) as error:
            raise KeptKeyError(f"{path}: cannot be read as a private key ({error})") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise KeptKeyError(f"{path}: holds another kind of key")
        return key

    def keep_older(self, path: Path) -> bool:
        """Keep a key that lies as it is; say whether there was one. Raises KeptKeyError, OSError."""
        if not path.is_file() or is_kept(path.read_bytes()):
            return False
        draft = path.with_name(f"{path.name}.new")
        draft.unlink(missing_ok=True)
        self.write(draft, self.read(path))
        draft.rename(path)
        return True


def is_kept(pem: bytes) -> bool:
    """Say whether a key of a file is kept under another."""
    return b"ENCRYPTED" in pem


def write_new(path: Path, content: bytes) -> None:
    """Write a file that is not there yet and that its owner alone may read, on the disk when this returns."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
