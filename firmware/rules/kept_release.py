"""The console's release of rules as this box keeps it: is it still the console's word?

It is, if the key that signed it is obeyed today, or was obeyed once and the release was in force before: a console that
renews its key takes nothing back. What was in force stands in the audit log, which nobody can write anew unnoticed.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from firmware.settings_sections import ConsoleSection
from firmware.store import audit_log, policy_releases
from firmware.store.connection import Connection
from firmware.store.policy_releases import StoredRelease
from firmware.sync.key_ring import KeyRing
from firmware.sync.messages import MalformedMessageError, decode_downlink
from firmware.sync.messages_policy import PolicyRelease
from firmware.sync.signing import SignatureError, key_id, load_public_key

ENTRY = "policy_release"
"""The audit log's word for a release that took effect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRelease:
    """The newest release in the database."""

    stored: StoredRelease
    release: PolicyRelease | None
    """None: nobody's word."""
    fault: str = ""
    """Why it cannot be believed."""


def enrolled_ring(section: ConsoleSection, now: Callable[[], datetime]) -> KeyRing:
    """Return whom a box obeys by its settings alone; what the database knows is still to be loaded. Raises KeyFileError."""
    keys = [load_public_key(Path(name)) for name in section.keys]
    return KeyRing({key_id(key): key for key in keys}, now)


def kept_release(con: Connection, keys: KeyRing) -> KeptRelease | None:
    """Return the newest release that is kept, None when the console has never sent one; inside a transaction that reads."""
    stored = policy_releases.newest(con)
    if stored is None:
        return None
    try:
        keys.verify_kept(
            stored.topic,
            stored.body,
            stored.kid,
            stored.signature,
            was_in_force=lambda: _was_in_force(con, stored),
        )
        message = decode_downlink(stored.body)
    except (SignatureError, MalformedMessageError) as error:
        return KeptRelease(stored=stored, release=None, fault=str(error))
    if not isinstance(message, PolicyRelease) or message.version != stored.version:
        return KeptRelease(stored=stored, release=None, fault="it is not the release that it is kept as")
    return KeptRelease(stored=stored, release=message)


def entry_of(stored: StoredRelease) -> dict[str, object]:
    """Return what the audit log says of a release that took effect."""
    return {"release": stored.version, "sha256": hashlib.sha256(stored.body).hexdigest(), "kid": stored.kid}


def _was_in_force(con: Connection, stored: StoredRelease) -> bool:
    taken = [json.loads(body)["fields"] for body in audit_log.bodies_of(con, ENTRY)]
    digests = [fields["sha256"] for fields in taken if fields["release"] == stored.version]
    if digests:
        return entry_of(stored)["sha256"] in digests
    # Older versions wrote only which release the rules of a run came with.
    rules = (json.loads(body)["fields"] for body in audit_log.bodies_of(con, "rules"))
    return any(fields.get("release") == stored.version for fields in rules)
