"""The box's own Ed25519 key: made on the box, never leaves it, and signs the heads of its audit log."""

import base64
import stat
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from firmware.sync.messages_audit import AuditHead
from firmware.sync.signing import KeyFileError, key_id, load_private_key, save_private_key

HEAD_FORMAT = "branchline-audit-head-1"


class HeadForgedError(ValueError):
    """A head that its own key did not sign."""


def device_key(path: Path) -> Ed25519PrivateKey:
    """Return the key in `path`, made if it is not there. Raises KeyFileError."""
    if not path.exists():
        try:
            save_private_key(path, Ed25519PrivateKey.generate())
        except OSError as error:
            raise KeyFileError(f"{path}: the device key cannot be made: {error.strerror}") from None
    key = load_private_key(path)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise KeyFileError(f"{path} can be read by others: chmod 0600 it, or let it be made anew")
    return key


def public_text(key: Ed25519PublicKey) -> str:
    """Return a public key as messages carry it: base64 of its 32 bytes."""
    return base64.b64encode(
        key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    ).decode()


def head_bytes(*, box: str, chain: str, entry: int, hash: str, signed_at: datetime) -> bytes:
    """Return what a head's signature is over."""
    at = signed_at.astimezone(UTC).isoformat(timespec="microseconds")
    return "\0".join((HEAD_FORMAT, box, chain, str(entry), hash, at)).encode()


def sign_head(
    key: Ed25519PrivateKey, *, box: str, chain: str, entry: int, hash: str, signed_at: datetime
) -> str:
    """Return the signature for `AuditHead.signature`."""
    signed = head_bytes(box=box, chain=chain, entry=entry, hash=hash, signed_at=signed_at)
    return base64.b64encode(key.sign(signed)).decode()


def head_kid(head: AuditHead) -> str:
    """Return the id of the key that signed a head. Raises HeadForgedError if it did not."""
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(head.key, validate=True))
        key.verify(
            base64.b64decode(head.signature, validate=True),
            head_bytes(
                box=head.box,
                chain=head.chain,
                entry=head.entry,
                hash=head.hash,
                signed_at=head.signed_at,
            ),
        )
    except (ValueError, InvalidSignature):
        raise HeadForgedError(f"the head at entry {head.entry} is not signed by the key it carries") from None
    return key_id(key)
