"""The seal beside a file of evidence: a list of digests, signed by the box's own key. Pure; no file is read here.

Whoever has the box's public key (the office keeps it, see the heads of the audit log) can tell that this box wrote these
very files, also far from the box and years later.
"""

import base64
import hashlib
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from firmware.evidence.facts import Evidence
from firmware.sync.device_key import public_text
from firmware.sync.signing import key_id

FORMAT = "branchline-evidence-seal-1"
SUFFIX = ".seal.json"
"""Behind the name of the file that is sealed."""


class Digest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file, by its content."""

    what: Literal["evidence", "recording"]
    name: str
    sha256: str
    n_bytes: int


class Seal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the box vouches for."""

    format: Literal["branchline-evidence-seal-1"] = "branchline-evidence-seal-1"
    box: str
    call: str
    made_at: datetime
    head: str
    """SEQ:HASH of the audit log when this was made."""
    files: tuple[Digest, ...]
    key: Annotated[str, msgspec.Meta(min_length=44, max_length=44)]
    """The box's Ed25519 public key, base64."""
    signature: str = ""
    """Base64, over ``branchline-evidence-seal-1``, a NUL, and this object as compact JSON with an empty signature."""


def seal_of(key: Ed25519PrivateKey, evidence: Evidence, *, name: str, content: bytes) -> Seal:
    """Return the seal of a file of evidence, and of the recording that it speaks of."""
    files = [Digest(what="evidence", name=name, sha256=_sha256(content), n_bytes=len(content))]
    if (recording := evidence.recording) is not None:
        files.append(
            Digest(
                what="recording",
                name=recording.recording,
                sha256=recording.sha256,
                n_bytes=recording.n_bytes,
            )
        )
    bare = Seal(
        box=evidence.box,
        call=evidence.call.attempt,
        made_at=evidence.made_at,
        head=evidence.head,
        files=tuple(files),
        key=public_text(key.public_key()),
    )
    return msgspec.structs.replace(bare, signature=base64.b64encode(key.sign(_signed(bare))).decode())


def encode_seal(seal: Seal) -> bytes:
    """Return the file beside the evidence."""
    return msgspec.json.format(msgspec.json.encode(seal), indent=1) + b"\n"


def seal_problem(data: bytes, evidence: Evidence, content: bytes) -> tuple[str, str]:
    """Return the id of the key that sealed a file of evidence, and why the seal is not of this file; ``""``: it is."""
    try:
        seal = msgspec.json.decode(data, type=Seal)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return "", f"the seal cannot be read: {error}"
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(seal.key, validate=True))
        bare = msgspec.structs.replace(seal, signature="")
        key.verify(base64.b64decode(seal.signature, validate=True), _signed(bare))
    except (ValueError, InvalidSignature):
        return "", "the seal is not signed by the key it carries: somebody changed it"
    kid = key_id(key)
    digests = {each.what: each for each in seal.files}
    page, recording = digests.get("evidence"), digests.get("recording")
    if page is None or page.sha256 != _sha256(content):
        return kid, "the file is not the one that was sealed"
    if (seal.box, seal.call, seal.head) != (evidence.box, evidence.call.attempt, evidence.head):
        return kid, "the seal is of another call, or of another box"
    shown = evidence.recording
    if (shown and shown.sha256) != (recording and recording.sha256):
        return kid, "the seal is of another recording"
    return kid, ""


def _signed(bare: Seal) -> bytes:
    return FORMAT.encode() + b"\0" + msgspec.json.encode(bare)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
