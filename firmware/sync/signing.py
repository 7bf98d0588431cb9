"""Ed25519 signatures over topic + NUL + payload: a broken-into broker can delay or drop, never command.

Every message that goes down to a box is signed, receipts too: a forged receipt would delete outcomes.
"""

import base64
import binascii
import hashlib
import os
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from firmware.sync.errors import SyncError

KID_PROPERTY = "kid"
SIGNATURE_PROPERTY = "sig"
_KID_CHARACTERS = 16


class SignatureFault(StrEnum):
    """Why a message is not the console's."""

    UNSIGNED = "unsigned"
    UNKNOWN_KEY = "unknown_key"
    BAD_SIGNATURE = "bad_signature"
    RETIRED_KEY = "retired_key"


class SignatureError(SyncError):
    """The message cannot be trusted; `reason` is a SignatureFault."""

    def __init__(self, reason: SignatureFault, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class KeyFileError(SyncError):
    """A key file cannot be read, or is not an Ed25519 key."""


def key_id(public_key: Ed25519PublicKey) -> str:
    """Return the key's short name: the first 16 hex digits of SHA-256 over the raw public key."""
    raw = public_key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return hashlib.sha256(raw).hexdigest()[:_KID_CHARACTERS]


def sign(private_key: Ed25519PrivateKey, topic: str, payload: bytes) -> tuple[str, str]:
    """Return (key id, base64 signature) for the message's `kid` and `sig` user properties."""
    signature = private_key.sign(_signed_bytes(topic, payload))
    return key_id(private_key.public_key()), base64.b64encode(signature).decode()


def signed_properties(private_key: Ed25519PrivateKey, topic: str, payload: bytes) -> dict[str, str]:
    """Return the signature as the user properties to publish with."""
    kid, signature = sign(private_key, topic, payload)
    return {KID_PROPERTY: kid, SIGNATURE_PROPERTY: signature}


class Verifier:
    """The console's public keys, as this box knows them from enrolment."""

    def __init__(self, keys: Mapping[str, Ed25519PublicKey]) -> None:
        self._keys = dict(keys)

    @property
    def keys(self) -> Mapping[str, Ed25519PublicKey]:
        """Return the keys that are known, by their key ids."""
        return self._keys

    @classmethod
    def of(cls, keys: Iterable[Ed25519PublicKey]) -> "Verifier":
        """Return a verifier that knows `keys` by their key ids."""
        return cls({key_id(key): key for key in keys})

    def verify(self, topic: str, payload: bytes, kid: str | None, signature: str | None) -> None:
        """Return if the console signed exactly this. Raises SignatureError."""
        if not kid or not signature:
            raise SignatureError(
                SignatureFault.UNSIGNED,
                "the message carries no kid and sig user properties: sign it (MQTT 5)",
            )
        key = self._keys.get(kid)
        if key is None:
            raise SignatureError(
                SignatureFault.UNKNOWN_KEY,
                f"this box does not know the key {kid[:_KID_CHARACTERS]!r}: enrol it",
            )
        try:
            key.verify(base64.b64decode(signature, validate=True), _signed_bytes(topic, payload))
        except (InvalidSignature, binascii.Error, ValueError):
            raise SignatureError(
                SignatureFault.BAD_SIGNATURE, "the signature does not fit this topic and payload"
            ) from None

    def verify_properties(self, topic: str, payload: bytes, properties: Mapping[str, str]) -> None:
        """Verify a message by its user properties. Raises SignatureError."""
        self.verify(topic, payload, properties.get(KID_PROPERTY), properties.get(SIGNATURE_PROPERTY))


def save_private_key(path: Path, key: Ed25519PrivateKey) -> None:
    """Write the key as PKCS #8 PEM that only its owner may read; refuses to replace a file."""
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())


def load_private_key(path: Path) -> Ed25519PrivateKey:
    """Return the key of a PEM file. Raises KeyFileError."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise KeyFileError(f"{path}: cannot be read as a private key ({error})") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{path}: holds another kind of key; an Ed25519 key is needed")
    return key


def save_public_key(path: Path, key: Ed25519PublicKey) -> None:
    """Write the key as SubjectPublicKeyInfo PEM."""
    path.write_text(public_pem(key), encoding="ascii")


def public_pem(key: Ed25519PublicKey) -> str:
    """Return a public key as SubjectPublicKeyInfo PEM."""
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode("ascii")


def load_public_key(path: Path) -> Ed25519PublicKey:
    """Return the key of a PEM file. Raises KeyFileError."""
    try:
        return read_public_key(path.read_bytes(), str(path))
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read as a public key ({error})") from None


def read_public_key(pem: bytes, where: str) -> Ed25519PublicKey:
    """Return the key of a PEM. Raises KeyFileError, which names `where` it was."""
    try:
        key = serialization.load_pem_public_key(pem)
    except ValueError as error:
        raise KeyFileError(f"{where}: cannot be read as a public key ({error})") from None
    if not isinstance(key, Ed25519PublicKey):
        raise KeyFileError(f"{where}: holds another kind of key; an Ed25519 key is needed")
    return key


def _signed_bytes(topic: str, payload: bytes) -> bytes:
    # A topic cannot contain NUL (MQTT 5 §1.5.4), so no other split of the bytes reads as the same message.
    return topic.encode() + b"\0" + payload
