"""Only what the console signed, whole and for this topic, is the console's."""

import base64
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from firmware.sync.signing import (
    KeyFileError,
    SignatureError,
    Verifier,
    key_id,
    load_private_key,
    load_public_key,
    save_private_key,
    save_public_key,
    sign,
)

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
VERIFIER = Verifier.of([KEY.public_key()])
KID, SIGNATURE = sign(KEY, "a/b", b"payload")


def test_a_signed_message_passes() -> None:
    VERIFIER.verify("a/b", b"payload", KID, SIGNATURE)
    VERIFIER.verify_properties("a/b", b"payload", {"kid": KID, "sig": SIGNATURE, "schema": "x/1"})


def test_the_key_id_is_a_digest_of_the_raw_key() -> None:
    assert KID == key_id(KEY.public_key()) == "56475aa75463474c"


@pytest.mark.parametrize(
    ("topic", "payload", "kid", "signature", "reason"),
    [
        pytest.param("a/b", b"payload", None, SIGNATURE, "unsigned", id="no kid"),
        pytest.param("a/b", b"payload", KID, None, "unsigned", id="no signature"),
        pytest.param("a/b", b"payload", KID, "", "unsigned", id="empty signature"),
        pytest.param("a/b", b"payload", "0" * 16, SIGNATURE, "unknown_key", id="unknown key"),
        pytest.param("a/c", b"payload", KID, SIGNATURE, "bad_signature", id="another topic"),
        pytest.param("a/b", b"payload ", KID, SIGNATURE, "bad_signature", id="another payload"),
        pytest.param("a/b\0p", b"ayload", KID, SIGNATURE, "bad_signature", id="another split of the bytes"),
        pytest.param("a/bp", b"ayload", KID, SIGNATURE, "bad_signature", id="the border moved"),
        pytest.param("a/b", b"payload", KID, "no base64!", "bad_signature", id="not base64"),
        pytest.param("a/b", b"payload", KID, "ünïcode", "bad_signature", id="not ASCII"),
        pytest.param(
            "a/b", b"payload", KID, base64.b64encode(b"x").decode(), "bad_signature", id="too short"
        ),
        pytest.param(
            "a/b", b"payload", KID, sign(OTHER, "a/b", b"payload")[1], "bad_signature", id="other's"
        ),
    ],
)
def test_anything_else_is_refused_with_its_reason(
    topic: str, payload: bytes, kid: str | None, signature: str | None, reason: str
) -> None:
    with pytest.raises(SignatureError) as caught:
        VERIFIER.verify(topic, payload, kid, signature)
    assert caught.value.reason == reason


@given(payload=st.binary(max_size=200), position=st.integers(0, 199), bit=st.integers(0, 7))
def test_one_flipped_bit_is_noticed(payload: bytes, position: int, bit: int) -> None:
    kid, signature = sign(KEY, "a/b", payload)
    VERIFIER.verify("a/b", payload, kid, signature)
    if position < len(payload):
        changed = bytearray(payload)
        changed[position] ^= 1 << bit
        with pytest.raises(SignatureError):
            VERIFIER.verify("a/b", bytes(changed), kid, signature)


def test_keys_go_through_files_and_the_private_one_is_for_its_owner_only(tmp_path: Path) -> None:
    save_private_key(tmp_path / "key.pem", KEY)
    save_public_key(tmp_path / "public.pem", KEY.public_key())
    assert stat.S_IMODE((tmp_path / "key.pem").stat().st_mode) == 0o600
    assert sign(load_private_key(tmp_path / "key.pem"), "a/b", b"payload") == (KID, SIGNATURE)
    assert key_id(load_public_key(tmp_path / "public.pem")) == KID
    with pytest.raises(FileExistsError):
        save_private_key(tmp_path / "key.pem", OTHER)


def test_a_wrong_key_file_is_named(tmp_path: Path) -> None:
    wrong_kind = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "ec.pem").write_bytes(
        wrong_kind.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    (tmp_path / "text.pem").write_text("hello")
    for name in ("ec.pem", "text.pem", "none.pem"):
        with pytest.raises(KeyFileError, match=name):
            load_private_key(tmp_path / name)
        with pytest.raises(KeyFileError, match=name):
            load_public_key(tmp_path / name)
