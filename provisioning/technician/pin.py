"""The technician's PIN: kept as a scrypt hash in a file that others cannot read; wrong ones cost ever more time."""

import hashlib
import hmac
import os
import re
import secrets
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec

FREE_TRIES = 3
FIRST_WAIT_S = 5.0
LONGEST_WAIT_S = 900.0
_PIN = re.compile(r"[0-9]{6,12}")
_SALT_BYTES = 16
_N, _R, _P = 1 << 14, 8, 1
"""16 MiB and some 50 ms on a small ARM core."""


class PinError(ValueError):
    """The PIN cannot be used or checked; the text says what to do, never what was typed."""


class _Kept(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The file."""

    salt: bytes
    digest: bytes
    n: Annotated[int, msgspec.Meta(ge=1 << 14, le=1 << 18)]
    failed: int = 0
    failed_at: float = 0.0


class PinFile:
    """One PIN in one file. There is none until somebody sets it, and without one nobody gets in."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def is_set(self) -> bool:
        """Say whether there is a PIN."""
        return self._path.exists()

    def set(self, pin: str) -> None:
        """Keep a new PIN. Raises PinError."""
        if not _PIN.fullmatch(pin):
            raise PinError("a PIN has 6 to 12 digits")
        if pin in "01234567890123" or pin in "98765432109876" or len(set(pin)) < 3:
            raise PinError("this PIN is guessed at once: take another")
        salt = secrets.token_bytes(_SALT_BYTES)
        self._write(_Kept(salt=salt, digest=_digest(pin, salt, _N), n=_N))

    def wait_s(self, now: datetime) -> float:
        """Return how long no PIN is taken yet. Raises PinError."""
        kept = self._read()
        if kept.failed < FREE_TRIES:
            return 0.0
        pause_s: float = min(FIRST_WAIT_S * 2.0 ** min(kept.failed - FREE_TRIES, 12), LONGEST_WAIT_S)
        # A clock that went back must not lock anybody out for longer than the pause itself, nor let anybody in sooner.
        passed_s = max(now.timestamp() - kept.failed_at, 0.0)
        return max(pause_s - passed_s, 0.0)

    def is_right(self, pin: str, now: datetime) -> bool:
        """Say whether it is the PIN; a wrong one is counted on the disk before this says so. Raises PinError."""
        if self.wait_s(now) > 0:
            return False
        kept = self._read()
        # Counted first: whoever pulls the plug in between has used up a try.
        self._write(msgspec.structs.replace(kept, failed=kept.failed + 1, failed_at=now.timestamp()))
        if not hmac.compare_digest(_digest(pin, kept.salt, kept.n), kept.digest):
            return False
        self._write(msgspec.structs.replace(kept, failed=0, failed_at=0.0))
        return True

    def _read(self) -> _Kept:
        try:
            body = self._path.read_bytes()
            return msgspec.json.decode(body, type=_Kept)
        except FileNotFoundError:
            raise PinError("no PIN is set: branchline technician set-pin, as root") from None
        except (OSError, msgspec.MsgspecError) as error:
            raise PinError(
                f"{self._path} cannot be read ({type(error).__name__}): set a new PIN as root"
            ) from None

    def _write(self, kept: _Kept) -> None:
        fresh = self._path.with_name(f".{self._path.name}.new")
        try:
            fresh.unlink(missing_ok=True)
            with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(msgspec.json.encode(kept))
                file.flush()
                os.fsync(file.fileno())
                if os.geteuid() == 0:
                    # The console on a serial line is the daemon's user, as the folder is.
                    owner = self._path.parent.stat()
                    os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            fresh.replace(self._path)
        except OSError as error:
            raise PinError(f"{self._path} cannot be written: {error.strerror}") from None


def _digest(pin: str, salt: bytes, n: int) -> bytes:
    return hashlib.scrypt(pin.encode(), salt=salt, n=n, r=_R, p=_P, maxmem=64 * 1024 * 1024, dklen=32)
