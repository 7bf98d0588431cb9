"""What a release of the console puts in force on this box: packs that somebody approved, and an overlay that only tightens."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from firmware.compliance.errors import ComplianceError, PackError, WideningError
from firmware.compliance.gate import Gate, has_approval
from firmware.compliance.library import Approval, PackLibrary
from firmware.compliance.overlay import read_overlay, with_overlays
from firmware.compliance.pack import Pack, read_pack
from firmware.sync.messages_policy import ApprovalWire, PolicyRelease

APPROVAL_FORMAT = "branchline-approval-1"
_WRITTEN_AS = {
    "week": "time.windows",
    "end_guard_s": "time.end_guard_s",
    "automation": "gate.automation",
    "recording_notice": "recording.notice",
    "recording_if_refused": "recording.if_refused",
    "optout_scope": "optout.scope",
    "suppression_lease_s": "optout.lease_s",
    "voicemail": "third_party.voicemail",
    "caller_number_classes": "caller_id.number_class",
    "numbers_per_callee_30d": "caller_id.numbers_per_callee_30d",
    "min_ring_s": "abandon.min_ring_s",
    "silent_after_ms": "abandon.silent_after_ms",
}
"""Where in an overlay's TOML a field of the merged policy is written."""


class ReleaseRefusedError(ComplianceError):
    """The release changes nothing: a named reason, and the JSON path of what is wrong with it."""

    def __init__(self, reason: str, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a box goes by."""

    gate: Gate
    approvals: tuple[Approval, ...]
    waiting: tuple[Pack, ...] = ()
    """Packs of the release that nobody has approved yet: they govern nothing, and what they would replace goes on."""


def release_rules(
    shipped: PackLibrary,
    own_overlay: Pack | None,
    approvals: Sequence[Approval],
    release: PolicyRelease,
    *,
    approvers: Mapping[str, Ed25519PublicKey],
) -> Rules:
    """Return the rules under a release, for a box with these packs, overlay and approvals. Raises ReleaseRefusedError.

    `approvers` are the keys whose signature this box takes for an approval, by key id.
    """
    given = [*approvals, *_signed_approvals(release.approvals, approvers)]
    in_force: list[Pack] = []
    waiting: list[Pack] = []
    for path, pack in _packs(release):
        if pack.pack.layer == "overlay":
            raise ReleaseRefusedError("pack_refused", path, f"{pack.pack.name} is an overlay: send it as one")
        if any(pack.pack.id == other.pack.id for other in (*in_force, *waiting)):
            raise ReleaseRefusedError("pack_refused", path, f"{pack.pack.id} is here twice")
        if _is_behind(pack, shipped):
            continue
        # A pack that is withdrawn dials nowhere: no approval is needed to obey that.
        obeyed = pack.pack.status != "published" or has_approval(pack, given)
        (in_force if obeyed else waiting).append(pack)
    try:
        library = PackLibrary([*shipped.packs, *in_force])
    except PackError as error:
        raise ReleaseRefusedError("pack_refused", "$.packs", str(error)) from None
    overlays = tuple(_overlays(own_overlay, release.overlay))
    try:
        library = with_overlays(library, overlays)
    except WideningError as error:
        named = ", ".join(_WRITTEN_AS.get(name, name) for name in error.fields)
        raise ReleaseRefusedError(
            "overlay_widens",
            "$.overlay",
            f"{named} would be wider than the packs; an overlay can only tighten",
        ) from None
    except ComplianceError as error:
        raise ReleaseRefusedError("overlay_refused", "$.overlay", str(error)) from None
    return Rules(gate=Gate(library, given), approvals=tuple(given), waiting=tuple(waiting))


def check_rises(release: PolicyRelease, before: PolicyRelease | None, shipped: PackLibrary) -> None:
    """Refuse a release that would take a pack or overlay back to an older version. Raises ReleaseRefusedError."""
    known = {pack.pack.id: pack for pack in shipped.packs}
    if before is not None:
        for _, pack in _packs(before):
            if pack.pack.id not in known or pack.pack.version > known[pack.pack.id].pack.version:
                known[pack.pack.id] = pack
    for path, pack in _packs(release):
        _check_one(path, pack, known.get(pack.pack.id), "pack_rollback")
    if release.overlay and before is not None and before.overlay:
        now = _read_overlay(release.overlay)
        then = _read_overlay(before.overlay)
        _check_one("$.overlay", now, then if then.pack.id == now.pack.id else None, "overlay_rollback")


def approval_bytes(pack: str, version: int, digest: str, by: str) -> bytes:
    """Return what the signature of an approval is over."""
    return "\0".join((APPROVAL_FORMAT, pack, str(version), digest, by)).encode()


def _check_one(path: str, pack: Pack, known: Pack | None, reason: str) -> None:
    if known is None or pack == known:
        return
    if pack.pack.version < known.pack.version:
        raise ReleaseRefusedError(
            reason, path, f"{pack.pack.name} is older than {known.pack.name}: versions only rise"
        )
    if pack.pack.version == known.pack.version:
        raise ReleaseRefusedError(
            reason, path, f"{pack.pack.name} says something else than before: give it a higher version"
        )


def _packs(release: PolicyRelease) -> Iterator[tuple[str, Pack]]:
    for place, text in enumerate(release.packs):
        path = f"$.packs[{place}]"
        try:
            yield path, read_pack(text, source=path)
        except ComplianceError as error:
            raise ReleaseRefusedError("pack_refused", path, str(error)) from None


def _read_overlay(text: str) -> Pack:
    try:
        return read_overlay(text, source="$.overlay")
    except ComplianceError as error:
        raise ReleaseRefusedError("overlay_refused", "$.overlay", str(error)) from None


def _overlays(own: Pack | None, text: str) -> Iterator[Pack]:
    if own is not None:
        yield own
    if text:
        yield _read_overlay(text)


def _is_behind(pack: Pack, shipped: PackLibrary) -> bool:
    """Say whether the firmware has been updated past this pack since it was sent."""
    return any(
        known.pack.id == pack.pack.id and known.pack.version >= pack.pack.version for known in shipped.packs
    )


def _signed_approvals(
    wires: Sequence[ApprovalWire], approvers: Mapping[str, Ed25519PublicKey]
) -> Iterator[Approval]:
    for place, wire in enumerate(wires):
        path = f"$.approvals[{place}]"
        key = approvers.get(wire.kid)
        if key is None:
            raise ReleaseRefusedError(
                "unknown_approver",
                path,
                f"this box knows no approver with the key {wire.kid}: approve on the box, or name the key in "
                "[compliance] approver_keys",
            )
        signed = approval_bytes(wire.pack, wire.version, wire.digest, wire.by)
        try:
            key.verify(base64.b64decode(wire.signature, validate=True), signed)
        except (ValueError, InvalidSignature):
            raise ReleaseRefusedError(
                "bad_approval", path, "the signature is not the approver's over this version"
            ) from None
        yield Approval(pack=wire.pack, version=wire.version, by=f"{wire.by} ({wire.kid})", digest=wire.digest)
