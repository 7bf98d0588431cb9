"""The console's releases of rules on this box: judged, kept as they were signed, in force from the next decision on."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from datetime import datetime

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from firmware.calls.judging import Judge
from firmware.calls.reports import Reports
from firmware.compliance.library import load_packs
from firmware.compliance.self_check import self_check
from firmware.rules.at_start import approver_keys
from firmware.rules.in_force import approvals_of, own_overlay
from firmware.rules.kept_release import ENTRY, KeptRelease, entry_of, kept_release
from firmware.rules.policy_release import ReleaseRefusedError, Rules, check_rises, release_rules
from firmware.settings_sections import ComplianceSection
from firmware.store import policy_releases
from firmware.store.connection import Connection as StoreConnection
from firmware.store.database import Database
from firmware.store.policy_releases import StoredRelease
from firmware.sync.answers import Answer, Apply, refused
from firmware.sync.connection import Received
from firmware.sync.key_ring import KeyRing
from firmware.sync.messages_policy import PolicyRelease
from firmware.sync.signing import KID_PROPERTY, SIGNATURE_PROPERTY

log = structlog.get_logger(__name__)


class RulesDesk:
    """Puts releases in force, or refuses them whole."""

    def __init__(
        self,
        *,
        database: Database,
        section: ComplianceSection,
        judge: Judge,
        reports: Reports,
        keys: KeyRing,
        executor: Executor,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._section = section
        self._judge = judge
        self._reports = reports
        self._keys = keys
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
        before = await self._database.read(lambda con: kept_release(con, self._keys))
        if before is not None and release.version <= before.stored.version:
            return self._nothing_new(release, received, before.stored)
        try:
            rules = self._rules(release, before)
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
            self._judge.note_when_dated(con, ENTRY, entry_of(kept))
            self._judge.adopt(rules.gate, rules.approvals, release.version)
            waiting = ", ".join(pack.pack.name for pack in rules.waiting)
            detail = f"waiting to be approved by name on the box: {waiting}" if waiting else ""
            if waiting:
                self._reports.event(con, "policy_waiting", "warning", detail=detail)
            log.info("policy_in_force", release=release.version, waiting=waiting)
            return Answer(accepted=True, detail=detail, taken=len(release.packs) - len(rules.waiting))

        return adopt

    def _rules(self, release: PolicyRelease, before: KeptRelease | None) -> Rules:
        # One that is nobody's word says nothing of its packs; its version still counts.
        check_rises(release, before.release if before else None, self._shipped)
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
