"""The console's signing keys: a new one takes over, the old one says so, and retires when every box had time to hear.

Each step is on the disk before the next: a rotation that was cut off goes on where it stopped when it is asked again.
"""

import base64
import os
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from console.authority import load_signing_key
from console.errors import OfficeError
from console.office import Office
from firmware.clock import to_ms
from firmware.sync.key_ring import public_key
from firmware.sync.messages_keys import KeySet, SigningKey
from firmware.sync.signing import key_id, load_private_key, save_private_key
from firmware.values import UuidV7

SHORTEST_OVERLAP = timedelta(days=1)


class KeyBook(msgspec.Struct, kw_only=True, frozen=True):
    """What the office folder keeps of its keys: the newest set, and the key that signed it."""

    current: KeySet
    signed_with: str
    """Key id; its private key lies beside this file until it retires."""


def read_book(office: Office) -> KeyBook | None:
    """Return the book, None before the first rotation. Raises OfficeError."""
    path = _book(office)
    try:
        return msgspec.json.decode(path.read_bytes(), type=KeyBook)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise OfficeError(f"{path} cannot be read: {error}; restore it from a backup") from None


def rotate(office: Office, *, overlap: timedelta, now: datetime) -> tuple[KeySet, Ed25519PrivateKey]:
    """Make a new key the one that signs; return the set to send and the old key to sign it with. Raises OfficeError."""
    if overlap < SHORTEST_OVERLAP:
        raise OfficeError(
            "an overlap of less than a day cuts off boxes that are away; give --overlap-days 1 or more"
        )
    old = load_signing_key(office)
    fresh = _next_key(office)
    kids = (key_id(old.public_key()), key_id(fresh.public_key()))
    book = read_book(office)
    if kids[0] == kids[1]:
        # The new key was put in place by a run that was cut off behind that.
        _next(office).unlink()
        return resend(office)
    if book is None or kids[1] not in _kids(book.current):
        before = (
            book.current.keys if book else [SigningKey(public_key=_text(old.public_key()), valid_from=now)]
        )
        kept = [each for each in before if each.retires_at is None or each.retires_at > now]
        keys = [msgspec.structs.replace(each, retires_at=each.retires_at or now + overlap) for each in kept]
        keys.append(SigningKey(public_key=_text(fresh.public_key()), valid_from=now))
        key_set = KeySet(
            id=UuidV7().new(to_ms(now)), at=now, version=book.current.version + 1 if book else 1, keys=keys
        )
        book = KeyBook(current=key_set, signed_with=kids[0])
        if not _private(office, kids[0]).exists():
            save_private_key(_private(office, kids[0]), old)
        _write(_book(office), msgspec.json.encode(book))
    os.replace(_next(office), office.signing_key)
    return book.current, old


def resend(office: Office) -> tuple[KeySet, Ed25519PrivateKey]:
    """Return the newest set and the key that signs it, for boxes that never heard of it. Raises OfficeError."""
    book = read_book(office)
    if book is None:
        raise OfficeError("no key was ever renewed here: boxes know the first one; `keys rotate` renews it")
    try:
        return book.current, load_private_key(_private(office, book.signed_with))
    except Exception as error:
        raise OfficeError(f"{error}; a box that never heard of the new key must be enrolled again") from None


def _next_key(office: Office) -> Ed25519PrivateKey:
    if not _next(office).exists():
        save_private_key(_next(office), Ed25519PrivateKey.generate())
    return load_private_key(_next(office))


def _write(path: Path, content: bytes) -> None:
    draft = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)


def _kids(keys: KeySet) -> set[str]:
    return {key_id(public_key(each)) for each in keys.keys}


def _text(key: Ed25519PublicKey) -> str:
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return base64.b64encode(raw).decode()


def _book(office: Office) -> Path:
    return office.folder / "console" / "signing-keys.json"


def _next(office: Office) -> Path:
    return office.folder / "console" / "signing-next.pem"


def _private(office: Office, kid: str) -> Path:
    return office.folder / "console" / f"signing-{kid}.pem"
