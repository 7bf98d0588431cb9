"""How this box's decisions become entries of its audit chain: its key, and the facts that every entry carries."""

import base64
import os
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from firmware.compliance import audit
from firmware.compliance.decision import Decision
from firmware.compliance.gate import Gate
from firmware.compliance.library import Approval
from firmware.compliance.replay import Inputs, inputs_from_bytes, inputs_to_bytes

KEY_BYTES = 32
NONCE_BYTES = 12
TEXT_PURPOSE = b"branchline-sms-1"
"""What a sealed text is bound to: it is none of the chain's inputs."""
ENGINE = ("branchline", "phonenumbers", "holidays", "tzdata")
"""What else than the packs an answer depends on."""


class SealError(ValueError):
    """A sealed payload does not open with this key."""


class Auditor:
    """Writes names and numbers only as keyed hashes, and sealed; destroying a key erases them from the chain."""

    def __init__(self, key: bytes, *, box: str, boot: str) -> None:
        self._key = key
        self._facts = {"box": box, "boot": boot}

    def person_ref(self, person: str) -> str:
        """Return what stands for a person in the chain."""
        return self.ref("person", person)

    def ref(self, kind: str, value: str) -> str:
        """Return what stands for a person, a number, a debt in the chain."""
        return audit.keyed_ref(self._key, kind, value)

    def seal(self, inputs: Inputs, secret: bytes) -> str:
        """Return what a decision was made from, sealed with its person's own key."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = AESGCM(secret).encrypt(nonce, inputs_to_bytes(inputs), audit.FORMAT.encode())
        return base64.b64encode(nonce + sealed).decode()

    def seal_text(self, text: str, secret: bytes) -> bytes:
        """Return what was written to a person, sealed with that person's own key."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + AESGCM(secret).encrypt(nonce, text.encode(), TEXT_PURPOSE)

    def body(self, decision: Decision, inputs: Inputs, facts: Mapping[str, str]) -> str:
        """Return the entry's canonical JSON."""
        return audit.entry_body(
            decision,
            inputs.order,
            now=inputs.now,
            box=inputs.box,
            key=self._key,
            facts={**self._facts, **facts},
        )

    def rules_body(
        self, gate: Gate, approvals: Sequence[Approval], now: datetime, *, release: int = 0
    ) -> str:
        """Return the entry that says by which rules and libraries the decisions after it are made."""
        fields: dict[str, object] = {
            **self._facts,
            "packs": {pack.pack.name: pack.digest() for pack in gate.library.packs},
            "approvals": [[given.pack, given.version, given.by, given.digest] for given in approvals],
            "engine": {name: _version(name) for name in ENGINE},
        }
        if release:
            fields["release"] = release
        return audit.event_body("rules", fields, now=now)

    def event_body(self, kind: str, fields: Mapping[str, object], now: datetime) -> str:
        """Return the entry of anything else that an auditor will want to see."""
        return audit.event_body(kind, {**self._facts, **fields}, now=now)

    def link(self, previous_hash: str, body: str) -> str:
        """Return the entry's hash."""
        return audit.link(previous_hash, body)


def open_sealed_text(sealed: bytes, secret: bytes) -> str:
    """Return what `Auditor.seal_text` was given. Raises SealError."""
    try:
        return AESGCM(secret).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], TEXT_PURPOSE).decode()
    except (ValueError, InvalidTag):
        raise SealError("a text does not open with its person's key") from None


def open_sealed(text: str, secret: bytes) -> Inputs:
    """Return what `Auditor.seal` was given. Raises SealError, ReplayError."""
    try:
        data = base64.b64decode(text, validate=True)
        plain = AESGCM(secret).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], audit.FORMAT.encode())
    except (ValueError, InvalidTag):
        raise SealError("the inputs of a decision do not open with their person's key") from None
    return inputs_from_bytes(plain)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "0+checkout"


def load_audit_key(path: Path) -> bytes:
    """Return this box's key, made at the first start; readable by its owner alone."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(handle, "wb") as file:
        file.write(secrets.token_bytes(KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    return path.read_bytes()
