"""The console's releases of rules on this box: judged, kept as they were signed, in force from the next decision on."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from firmware.calls.judging import Judge
from firmware.calls.reports import Reports
from firmware.compliance.errors import ComplianceError
from firmware.compliance.gate import Gate
from firmware.compliance.library import load_packs
from firmware.compliance.overlay import with_overlays
from firmware.compliance.self_check import self_check
from firmware.policy_release import ReleaseRefusedError, Rules, check_rises, release_rules
from firmware.rules_in_force import approvals_of, own_overlay
from firmware.settings_sections import ComplianceSection
from firmware.store import policy_releases
from firmware.store.connection import Connection as StoreConnection
from firmware.store.database import Database
from firmware.store.policy_releases import StoredRelease
from firmware.sync.answers import Answer, Apply, refused
from firmware.sync.connection import Received
from firmware.sync.messages import MalformedMessageError, decode_downlink
from firmware.sync.messages_policy import PolicyRelease
from firmware.sync.signing import (
    KID_PROPERTY,
    SIGNATURE_PROPERTY,
    SignatureError,
    Verifier,
    key_id,
    load_public_key,
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesAtStart:
    """What a box goes by when it starts, or why it may dial nobody."""

    rules: Rules
    overlay_refused: str
    """Why the overlay of the settings is not in force."""
    release: int
    """Version of the console's release in force, 0: none."""
    fault: str
    """Why the release that was kept cannot be used: then nothing counts as approved. Empty: it can."""


def approver_keys(section: ComplianceSection) -> dict[str, Ed25519PublicKey]:
    """Return the keys whose signature counts as an approval here. Raises KeyFileError."""
    keys = [load_public_key(Path(name)) for name in section.approver_keys]
    return {key_id(key): key for key in keys}


def rules_at_start(
    section: ComplianceSection, stored: StoredRelease | None, verifier: Verifier
) -> RulesAtStart:
    """Return the rules of this box. Raises PackError, SettingsError, KeyFileError."""
    shipped = load_packs()
    overlay, overlay_refused = own_overlay(section, shipped)
    approvals = approvals_of(section)
    library = shipped if overlay is None else with_overlays(shipped, [overlay])
    rules, version, fault = Rules(gate=Gate(library, approvals), approvals=tuple(approvals)), 0, ""
    if stored is not None:
        try:
            release = believed(stored, verifier)
            version = release.version
            rules = release_rules(shipped, overlay, approvals, release, approvers=approver_keys(section))
        except ComplianceError as error:
            # It may have been tighter than what is left: without it nobody is called.
            fault = f"the console's release {stored.version} of rules cannot be used ({error}): push another"
            rules = Rules(gate=Gate(library, []), approvals=())
    return RulesAtStart(rules=rules, overlay_refused=overlay_refused, release=version, fault=fault)


def believed(stored: StoredRelease, verifier: Verifier) -> PolicyRelease:
    """Return a release that was kept, if the console signed it. Raises ReleaseRefusedError."""
    try:
        verifier.verify(stored.topic, stored.body, stored.kid, stored.signature)
        message = decode_downlink(stored.body)
    except (SignatureError, MalformedMessageError) as error:
        raise ReleaseRefusedError("bad_signature", "$", str(error)) from None
    if not isinstance(message, PolicyRelease) or message.version != stored.version:
        raise ReleaseRefusedError("malformed", "$.version", "it is not the release that it is kept as")
    return message


class RulesDesk:
    """Puts releases in force, or refuses them whole."""

    def __init__(
        self,
        *,
        database: Database,
        section: ComplianceSection,
        judge: Judge,
        reports: Reports,
        verifier: Verifier,
        executor: Executor,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._section = section
        self._judge = judge
        self._reports = reports
        self._verifier = verifier
        self._executor = executor
        self._now = now
        self._shipped = load_packs()
        self._approvers: Mapping[str, Ed25519PublicKey] = approver_keys(section)

    def go_by(self, section: ComplianceSection) -> None:
        """Judge the next release by other approvals, overlay and approvers. Raises KeyFileError."""
        self._approvers = approver_keys(section)
        self._section = section

    async def prepare(self, release: PolicyRelease, received: Received) -> Apply:
        """Judge a release, put some seventy forbidden calls for each place to its gate, and return what it does."""
        stored = await self._database.read(policy_releases.newest)
        if stored is not None and release.version <= stored.version:
            return self._nothing_new(release, received, stored)
        try:
            rules = self._rules(release, stored)
        except ReleaseRefusedError as error:
            return self._refusal(release, error.reason, str(error))
        allowed = await asyncio.get_running_loop().run_in_executor(self._executor, self_check, rules.gate)
        if allowed:
            return self._refusal(
                release, "self_check_failed", f"$.packs: forbidden calls would be allowed: {allowed[0]}"
            )
        kept = StoredRelease(
            version=release.version,
            topic=received.topic,
            kid=received.properties[KID_PROPERTY],
            signature=received.properties[SIGNATURE_PROPERTY],
            body=received.payload,
        )

        def adopt(con: StoreConnection) -> Answer:
            policy_releases.keep(con, kept, self._now())
            self._judge.adopt(rules.gate, rules.approvals, release.version)
            waiting = ", ".join(pack.pack.name for pack in rules.waiting)
            detail = f"waiting to be approved by name on the box: {waiting}" if waiting else ""
            if waiting:
                self._reports.event(con, "policy_waiting", "warning", detail=detail)
            log.info("policy_in_force", release=release.version, waiting=waiting)
            return Answer(accepted=True, detail=detail, taken=len(release.packs) - len(rules.waiting))

        return adopt

    def _rules(self, release: PolicyRelease, stored: StoredRelease | None) -> Rules:
        before = None
        if stored is not None:
            try:
                before = believed(stored, self._verifier)
            except ReleaseRefusedError:
                before = None  # nobody's word; its version still counts
        check_rises(release, before, self._shipped)
        overlay, _ = own_overlay(self._section, self._shipped)
        return release_rules(
            self._shipped, overlay, approvals_of(self._section), release, approvers=self._approvers
        )

    def _nothing_new(self, release: PolicyRelease, received: Received, stored: StoredRelease) -> Apply:
        if received.payload == stored.body:
            return lambda _: Answer(accepted=True, detail="this release is in force already")
        return self._refusal(
            release,
            "policy_rollback",
            f"$.version: {stored.version} is in force here: the next release has a higher one",
        )

    def _refusal(self, release: PolicyRelease, reason: str, detail: str) -> Apply:
        def refuse(con: StoreConnection) -> Answer:
            log.error("policy_refused", release=release.version, reason=reason, detail=detail)
            fields = {"release": release.version, "reason": reason, "detail": detail[:500]}
            self._judge.note_when_dated(con, "policy_refused", fields)
            return refused(reason, detail)

        return refuse
