"""Releases of rules: what the office has sent to whom, and what came of it at each box."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Row, insert, or_, select

from console.audit_tables import POLICY
from console.errors import ConsoleError
from console.ledger_tables import ACK
from firmware.clock import to_ms
from firmware.compliance.errors import ComplianceError
from firmware.compliance.library import PackLibrary, load_packs
from firmware.compliance.overlay import read_overlay, with_overlay
from firmware.compliance.pack import Pack, read_pack
from firmware.sync.messages import MAX_MESSAGE_BYTES, decode_downlink, encode
from firmware.sync.messages_policy import ApprovalWire, PolicyRelease
from firmware.sync.signing import key_id
from firmware.sync.topics import ALL_BOXES, BoxTopics, all_boxes_down
from firmware.values import UuidV7


class ReleaseError(ConsoleError):
    """The release cannot be sent as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The newest release that concerns a box, and its answer."""

    box: str
    version: int
    packs: tuple[str, ...]
    overlay: str
    answer: str
    """``in force``, ``refused``, or ``no answer yet``."""
    detail: str


def text_of(path: Path) -> str:
    """Return a file's text. Raises ReleaseError."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ReleaseError(f"{path} cannot be read: {error}; name a pack or overlay, TOML in UTF-8") from None


def checked_pack(path: Path) -> tuple[str, Pack]:
    """Return a pack's text and what it says. Raises ReleaseError."""
    text = text_of(path)
    try:
        return text, read_pack(text, source=str(path))
    except ComplianceError as error:
        raise ReleaseError(str(error)) from None


def checked_overlay(path: Path, packs: Sequence[Pack]) -> str:
    """Return an overlay's text, held against the packs that are known here. Raises ReleaseError."""
    text = text_of(path)
    try:
        with_overlay(PackLibrary([*load_packs().packs, *packs]), read_overlay(text, source=str(path)))
    except ComplianceError as error:
        raise ReleaseError(f"{path}: {error}; every box would refuse it") from None
    return text


def approval(key: Ed25519PrivateKey, pack: Pack, by: str) -> ApprovalWire:
    """Return an approver's signature over this very version."""
    # One byte layout with the box: `firmware.rules.policy_release.approval_bytes`, which this room cannot import.
    name, version, digest = pack.pack.id, pack.pack.version, pack.digest()
    signed = "\0".join(("branchline-approval-1", name, str(version), digest, by)).encode()
    return ApprovalWire(
        pack=name,
        version=version,
        digest=digest,
        by=by,
        kid=key_id(key.public_key()),
        signature=base64.b64encode(key.sign(signed)).decode(),
    )


def newest(connection: Connection, target: str) -> PolicyRelease | None:
    """Return the newest release that went to a target: a box, or ``all``; a box has those for all too."""
    row = _newest_row(connection, target)
    if row is None:
        return None
    message = decode_downlink(row.payload)
    assert isinstance(message, PolicyRelease)
    return message


def add(
    connection: Connection,
    tenant: str,
    target: str,
    *,
    packs: Sequence[str],
    approvals: Sequence[ApprovalWire],
    overlay: str,
    ids: UuidV7,
    now: datetime,
) -> tuple[str, bytes, int]:
    """Keep a new release; return topic, payload and version. Raises ReleaseError when it is too large."""
    last = connection.execute(select(POLICY.c.version).order_by(POLICY.c.version.desc()).limit(1)).scalar()
    version = (last or 0) + 1
    release = PolicyRelease(
        id=ids.new(to_ms(now)),
        at=now,
        version=version,
        packs=list(packs),
        approvals=list(approvals),
        overlay=overlay,
    )
    payload = encode(release)
    if len(payload) > MAX_MESSAGE_BYTES:
        raise ReleaseError(f"the release has {len(payload)} bytes, {MAX_MESSAGE_BYTES} fit: leave packs out")
    is_all = target == ALL_BOXES
    topic = all_boxes_down(tenant, "policy") if is_all else BoxTopics(tenant, target).down("policy")
    connection.execute(
        insert(POLICY).values(
            version=version,
            id=release.id,
            target=target,
            topic=topic,
            payload=payload,
            pushed_at=to_ms(now),
        )
    )
    return topic, payload, version


def standing(connection: Connection, box: str) -> Standing | None:
    """Return what is the case at a box; None when nothing was ever sent to it."""
    release = newest(connection, box)
    if release is None:
        return None
    answered = connection.execute(
        select(ACK.c.accepted, ACK.c.reason, ACK.c.detail)
        .where((ACK.c.box == box) & (ACK.c.about == release.id))
        .order_by(ACK.c.at.desc())
        .limit(1)
    ).first()
    answer, detail = "no answer yet", ""
    if answered is not None:
        answer = "in force" if answered.accepted else "refused"
        detail = answered.detail if answered.accepted else f"{answered.reason}: {answered.detail}"
    return Standing(
        box=box,
        version=release.version,
        packs=tuple(read_pack(text, source="").pack.name for text in release.packs),
        overlay=read_overlay(release.overlay, source="").pack.name if release.overlay else "",
        answer=answer,
        detail=detail,
    )


def _newest_row(connection: Connection, target: str) -> Row[tuple[object, ...]] | None:
    concerns = or_(POLICY.c.target == target, POLICY.c.target == ALL_BOXES)
    return connection.execute(
        select(POLICY).where(concerns).order_by(POLICY.c.version.desc()).limit(1)
    ).first()
