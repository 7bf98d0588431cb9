"""Whom the box obeys: the keys of its enrolment until the console sends a set, then that set alone.

Each set is kept as it was signed, by a key of the set before it. A set that does not follow so is not believed: somebody
put it into the database, or the box was enrolled anew since.
"""

import base64
from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from firmware.store import key_sets
from firmware.store.connection import Connection
from firmware.store.key_sets import StoredKeySet
from firmware.sync.answers import Answer, refused
from firmware.sync.messages_keys import KeySet, SigningKey
from firmware.sync.signing import SignatureError, SignatureFault, Verifier, key_id

log = structlog.get_logger(__name__)


class KeyRing(Verifier):
    """A verifier whose keys are replaced and retire."""

    def __init__(self, enrolled: Mapping[str, Ed25519PublicKey], now: Callable[[], datetime]) -> None:
        super().__init__(enrolled)
        self._now = now
        self._enrolled = dict(enrolled)
        self._ever = dict(enrolled)
        """Every key that was ever obeyed: what was in force by its word stays so."""
        self._retires_at: dict[str, datetime] = {}
        self._latest: datetime | None = None

    def load(self, con: Connection) -> None:
        """Know what the database knows; inside a transaction that reads."""
        self.note_time(key_sets.latest_time(con))
        self._keys, self._ever = dict(self._enrolled), dict(self._enrolled)
        self._retires_at = {}
        is_signed = False
        for stored in key_sets.every(con):
            if self._follows(stored) if is_signed or stored.signature else _is_readable(stored):
                self.adopt(msgspec.json.decode(stored.body, type=KeySet))
                is_signed = is_signed or stored.signature is not None
            else:
                log.warning("key_set_not_believed", version=stored.version)

    def adopt(self, keys: KeySet) -> None:
        """Obey this set alone from now on."""
        self._keys = {key_id(public_key(each)): public_key(each) for each in keys.keys}
        self._ever |= self._keys
        self._retires_at = {
            key_id(public_key(each)): each.retires_at for each in keys.keys if each.retires_at is not None
        }

    def note_time(self, at: datetime | None) -> None:
        """Take note of an instant that has passed; it never goes back."""
        if at is not None:
            self._latest = max(at, self._latest or at)

    def heard(self, kid: str, at: datetime) -> None:
        """Take note of what a key says the time is, unless that key is on its way out itself."""
        if kid in self._keys and kid not in self._retires_at:
            self.note_time(at)

    def is_retired(self, kid: str) -> bool:
        """Say whether a key's time is over."""
        self.note_time(self._now())
        retires_at = self._retires_at.get(kid)
        return retires_at is not None and self._latest is not None and retires_at <= self._latest

    def verify(self, topic: str, payload: bytes, kid: str | None, signature: str | None) -> None:
        """Return if a key that is obeyed signed exactly this. Raises SignatureError."""
        super().verify(topic, payload, kid, signature)
        if kid is not None and self.is_retired(kid):
            raise SignatureError(
                SignatureFault.RETIRED_KEY,
                f"the key {kid[:16]!r} is retired: sign with the one that followed it",
            )

    def verify_kept(
        self, topic: str, payload: bytes, kid: str, signature: str, *, was_in_force: Callable[[], bool]
    ) -> None:
        """Return if what was kept is the console's word. Raises SignatureError.

        A key that was obeyed once and is no longer still vouches for what was in force by its word; `was_in_force`
        is asked only then.
        """
        try:
            self.verify(topic, payload, kid, signature)
        except SignatureError as error:
            is_superseded = error.reason in (SignatureFault.UNKNOWN_KEY, SignatureFault.RETIRED_KEY)
            if not is_superseded or kid not in self._ever or not was_in_force():
                raise
            Verifier(self._ever).verify(topic, payload, kid, signature)

    def _follows(self, stored: StoredKeySet) -> bool:
        try:
            Verifier(self._keys).verify(stored.topic or "", stored.body, stored.kid, stored.signature)
        except SignatureError:
            return False
        return True

    def apply(self, con: Connection, message: KeySet, signed: StoredKeySet, *, now: datetime) -> Answer:
        """Keep a set that follows on the newest; whoever calls this has verified it, and loads it after the commit."""
        known = key_sets.every(con)
        newest = known[-1] if known else None
        if newest is not None and message.version <= newest.version:
            same = msgspec.json.decode(newest.body, type=KeySet).keys == message.keys
            if same and message.version == newest.version:
                return Answer(accepted=True, detail="this set is here already")
            return refused(
                "old_version", f"$.version: this box has had version {newest.version}: send a newer one"
            )
        kids = [key_id(public_key(each)) for each in message.keys]
        for place, kid in enumerate(kids):
            if kid in kids[:place]:
                return refused("malformed", f"$.keys[{place}].public_key: stands twice in the set")
            retires_at = message.keys[place].retires_at
            if self.is_retired(kid) and (retires_at is None or retires_at > now):
                return refused("key_retired", f"$.keys[{place}]: a key that has retired does not come back")
        if all(each.retires_at is not None and each.retires_at <= now for each in message.keys):
            return refused("no_valid_key", "$.keys: with none of them could anybody speak to this box again")
        key_sets.keep(con, signed, received_at=now)
        return Answer(accepted=True, detail=f"{len(kids)} keys are obeyed from now on")


def _is_readable(stored: StoredKeySet) -> bool:
    """Say whether a set can be read that an older version kept: it checked the signature, and kept it not."""
    try:
        msgspec.json.decode(stored.body, type=KeySet)
    except msgspec.DecodeError:
        return False
    return True


def public_key(key: SigningKey) -> Ed25519PublicKey:
    """Return the key."""
    return Ed25519PublicKey.from_public_bytes(base64.b64decode(key.public_key))
