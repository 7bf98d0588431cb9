"""The console's signing keys, renewed: a key that the box knows says which keys it shall know from now on."""

from typing import Annotated

import msgspec

from firmware.sync.envelope import Instant, Message, PositiveInt


class SigningKey(msgspec.Struct, kw_only=True, frozen=True):
    """One of the console's public keys."""

    public_key: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9+/]{43}=$")]
    """The 32 bytes of an Ed25519 public key, base64."""
    valid_from: Instant
    """When the console begins to sign with it; a box believes it as soon as the set is here."""
    retires_at: Instant | None = None
    """From then on nothing signed with it has any effect."""


class KeySet(Message, frozen=True, kw_only=True, tag_field="type", tag="keys"):
    """Every key that may sign, in place of all that the box knew before; signed with one of those."""

    version: PositiveInt
    """Only rises."""
    keys: Annotated[list[SigningKey], msgspec.Meta(min_length=1, max_length=8)]
