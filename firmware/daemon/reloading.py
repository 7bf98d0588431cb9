"""Settings read again while calls go on (SIGHUP): what can change at once does, the rest is named and waits for a start."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import time
from zoneinfo import ZoneInfo

import msgspec
import structlog

from firmware.calls.judging import Judge
from firmware.compliance.errors import ComplianceError
from firmware.compliance.self_check import self_check
from firmware.rules.at_start import rules_at_start
from firmware.rules.desk import RulesDesk
from firmware.rules.kept_release import kept_release
from firmware.settings import Settings, SettingsError
from firmware.settings_sections import ComplianceSection, RecordingUploadSection
from firmware.store.connection import Connection as StoreConnection
from firmware.store.database import Database
from firmware.store.errors import StoreError
from firmware.sync.key_ring import KeyRing
from firmware.sync.signing import KeyFileError
from firmware.sync.upload_pace import UploadTerms

log = structlog.get_logger()

AT_ONCE = frozenset({"compliance", "dialling", "recording_upload"})
"""Sections of box.toml that a running daemon can go by anew; calls under way keep what they began with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloaded:
    """What became of settings that were read again."""

    changed: tuple[str, ...] = ()
    """Sections in force now."""
    waiting: tuple[str, ...] = ()
    """Sections that changed and count from the next start on."""
    refused: str = ""
    """Why nothing of them is in force."""

    def in_words(self) -> str:
        """Return one line for `systemctl status`."""
        if self.refused:
            return f"serving by the settings before, the new ones cannot be used: {self.refused}"
        parts = []
        if self.changed:
            parts.append(f"new settings in force: {', '.join(self.changed)}")
        if self.waiting:
            parts.append(f"restart for: {', '.join(self.waiting)}")
        return "serving; " + ("; ".join(parts) or "the settings are as they were")


def upload_terms(section: RecordingUploadSection, time_zone: str) -> UploadTerms:
    """Return how recordings go up."""
    return UploadTerms(
        kbit_s=section.kbit_s,
        opens=time.fromisoformat(section.opens),
        closes=time.fromisoformat(section.closes),
        time_zone=ZoneInfo(time_zone),
    )


def differing(before: Settings, now: Settings) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the sections that differ: those that can be gone by at once, and the others."""
    names = [
        field.name
        for field in msgspec.structs.fields(Settings)
        if getattr(before, field.name) != getattr(now, field.name)
    ]
    return tuple(n for n in names if n in AT_ONCE), tuple(n for n in names if n not in AT_ONCE)


class Reloader:
    """Puts new settings in force, all that can be or none."""

    def __init__(
        self,
        settings: Settings,
        *,
        database: Database,
        judge: Judge,
        keys: KeyRing,
        rules: RulesDesk,
        upload: Callable[[RecordingUploadSection], None],
        executor: Executor,
        bound_calls: Callable[[int], None],
    ) -> None:
        """Begin with `settings` in force; `bound_calls` takes the longest call in seconds."""
        self._settings = settings
        self._started_with = settings
        self._database = database
        self._judge = judge
        self._keys = keys
        self._rules = rules
        self._upload = upload
        self._executor = executor
        self._bound_calls = bound_calls

    async def reload(self, settings: Settings) -> Reloaded:
        """Go by `settings`; no call is ended and none begun by it."""
        changed, _ = differing(self._settings, settings)
        _, waiting = differing(self._started_with, settings)
        if "compliance" in changed:
            try:
                await self._adopt(settings.compliance)
            except (ComplianceError, SettingsError, KeyFileError, StoreError) as error:
                log.error("settings_refused", reason=str(error))
                return Reloaded(refused=str(error))
        if "dialling" in changed:
            self._bound_calls(settings.dialling.max_call_s)
        if "recording_upload" in changed:
            self._upload(settings.recording_upload)
        self._settings = settings
        log.info("settings_read_again", in_force=list(changed), at_next_start=list(waiting))
        return Reloaded(changed=changed, waiting=waiting)

    async def _adopt(self, section: ComplianceSection) -> None:
        kept = await self._database.read(lambda con: kept_release(con, self._keys))
        found = rules_at_start(section, kept)
        loop = asyncio.get_running_loop()
        allowed = await loop.run_in_executor(self._executor, self_check, found.rules.gate)
        faults = found.fault or ", ".join(allowed)
        if faults:
            raise SettingsError(f"[compliance]: {faults}")

        def adopt(_con: StoreConnection) -> None:
            self._rules.go_by(section)
            self._judge.lease_s = section.suppression_lease_h * 3600
            self._judge.overlay_refused = found.overlay_refused
            self._judge.adopt(found.rules.gate, found.rules.approvals, found.release)

        await self._database.transact(adopt)
