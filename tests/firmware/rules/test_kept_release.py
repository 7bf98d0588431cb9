"""A release in the database is the console's word while its key is obeyed; after that, if the audit log saw it in force."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from firmware.calls.auditing import Auditor
from firmware.rules.kept_release import ENTRY, entry_of, kept_release
from firmware.store import audit_log, key_sets, policy_releases
from firmware.store.connection import Connection
from firmware.store.database import Database
from firmware.store.inline_executor import InlineExecutor
from firmware.store.key_sets import StoredKeySet
from firmware.store.policy_releases import StoredRelease
from firmware.sync.key_ring import KeyRing
from firmware.sync.messages import encode
from firmware.sync.messages_keys import KeySet, SigningKey
from firmware.sync.messages_policy import PolicyRelease
from firmware.sync.signing import key_id, sign

AT = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
TOPIC, KEYS_TOPIC = "b/t/box/down/policy", "b/t/box/down/keys"
ENROLLED, SECOND, THIRD = (Ed25519PrivateKey.generate() for _ in range(3))
AUDITOR = Auditor(b"k" * 32, box="b", boot="1")


def signed(key: Ed25519PrivateKey, *, overlay: str = "") -> StoredRelease:
    body = encode(PolicyRelease(id="r1", at=AT, version=1, overlay=overlay))
    kid, signature = sign(key, TOPIC, body)
    return StoredRelease(version=1, topic=TOPIC, kid=kid, signature=signature, body=body)


def key_set(by: Ed25519PrivateKey, version: int, *keys: Ed25519PrivateKey) -> StoredKeySet:
    listed = [
        SigningKey(
            public_key=base64.b64encode(
                each.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            ).decode(),
            valid_from=AT,
        )
        for each in keys
    ]
    body = encode(KeySet(id=f"k{version}", at=AT, version=version, keys=listed))
    kid, signature = sign(by, KEYS_TOPIC, body)
    return StoredKeySet(version=version, body=body, topic=KEYS_TOPIC, kid=kid, signature=signature)


class Kept:
    """A box's database, and a daemon that starts on it."""

    def __init__(self, path: Path) -> None:
        self.database = Database.open(path, executor=InlineExecutor())

    def put(self, *sets: StoredKeySet, release: StoredRelease | None = None) -> None:
        def work(con: Connection) -> None:
            for each in sets:
                key_sets.keep(con, each, received_at=AT)
            if release is not None:
                policy_releases.keep(con, release, AT)

        self.database.run_now(work)

    def note(self, kind: str, fields: dict[str, Any]) -> None:
        body = AUDITOR.event_body(kind, fields, AT)
        self.database.run_now(lambda con: audit_log.append(con, body, AUDITOR.link))

    def ring(self) -> KeyRing:
        ring = KeyRing({key_id(ENROLLED.public_key()): ENROLLED.public_key()}, lambda: AT + timedelta(days=1))
        self.database.run_now(ring.load)
        return ring

    def fault(self) -> str:
        ring = self.ring()
        found = self.database.run_now(lambda con: kept_release(con, ring))
        assert found is not None
        assert (found.release is None) == bool(found.fault)
        return found.fault


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Kept]:
    made = Kept(tmp_path / "box.db")
    yield made
    made.database.close_now()


def test_a_release_by_the_renewed_key_is_believed_at_the_next_start(box: Kept) -> None:
    box.put(key_set(ENROLLED, 1, SECOND), release=signed(SECOND))
    assert box.fault() == ""


def test_what_was_in_force_stays_so_after_its_key_was_renewed(box: Kept) -> None:
    release = signed(ENROLLED)
    box.put(key_set(ENROLLED, 1, SECOND), key_set(SECOND, 2, THIRD), release=release)
    assert "does not know the key" in box.fault(), "nothing says that it ever was in force"
    box.note(ENTRY, entry_of(release))
    assert box.fault() == ""


def test_a_stolen_old_key_cannot_put_another_release_in_its_place(box: Kept) -> None:
    box.note(ENTRY, entry_of(signed(ENROLLED, overlay="tighter")))
    box.put(key_set(ENROLLED, 1, SECOND), release=signed(ENROLLED))
    assert "does not know the key" in box.fault()


def test_an_older_log_that_names_the_release_will_do(box: Kept) -> None:
    box.note("rules", {"release": 2})
    box.put(key_set(ENROLLED, 1, SECOND), release=signed(ENROLLED))
    assert box.fault()
    box.note("rules", {"release": 1})
    assert box.fault() == ""


def test_a_key_that_nobody_vouches_for_is_not_obeyed(box: Kept) -> None:
    """The door of the database: a key set that somebody put into it, signed by themselves."""
    box.put(key_set(THIRD, 1, THIRD), release=signed(THIRD))
    assert set(box.ring().keys) == {key_id(ENROLLED.public_key())}
    box.note(ENTRY, entry_of(signed(THIRD)))
    assert "does not know the key" in box.fault()


def test_sets_of_an_older_version_count_until_the_first_that_is_signed(box: Kept) -> None:
    bare = [
        StoredKeySet(version=each.version, body=each.body, topic=None, kid=None, signature=None)
        for each in (key_set(ENROLLED, 1, SECOND), key_set(THIRD, 3, THIRD))
    ]
    box.put(bare[0])
    assert set(box.ring().keys) == {key_id(SECOND.public_key())}
    box.put(key_set(SECOND, 2, SECOND), bare[1])
    assert set(box.ring().keys) == {key_id(SECOND.public_key())}
    broken = StoredKeySet(version=1, body=b"{", topic=None, kid=None, signature=None)

    def work(con: Connection) -> None:
        con.execute("DROP TRIGGER key_set_stays")
        con.execute("DELETE FROM key_set")
        key_sets.keep(con, broken, received_at=AT)

    box.database.run_now(work)
    assert set(box.ring().keys) == {key_id(ENROLLED.public_key())}
