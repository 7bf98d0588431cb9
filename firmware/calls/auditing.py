"""How this box's decisions become entries of its audit chain: its key, and the facts that every entry carries."""

import os
import secrets
from datetime import datetime
from pathlib import Path

from firmware.compliance import audit
from firmware.compliance.call import BoxState, CallOrder
from firmware.compliance.decision import Decision

KEY_BYTES = 32


class Auditor:
    """Writes names and numbers only as keyed hashes; destroying the key erases them from the chain."""

    def __init__(self, key: bytes, *, box: str, boot: str) -> None:
        self._key = key
        self._facts = {"box": box, "boot": boot}

    def body(self, decision: Decision, order: CallOrder, box: BoxState, now: datetime) -> str:
        """Return the entry's canonical JSON."""
        return audit.entry_body(decision, order, now=now, box=box, key=self._key, facts=self._facts)

    def link(self, previous_hash: str, body: str) -> str:
        """Return the entry's hash."""
        return audit.link(previous_hash, body)


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
