"""What a box goes by when it starts, by its settings and its database; for commands too, which only read."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from firmware.compliance.errors import ComplianceError
from firmware.compliance.gate import Gate
from firmware.compliance.library import load_packs
from firmware.compliance.overlay import with_overlays
from firmware.compliance.pack import Pack
from firmware.rules.in_force import approvals_of, own_overlay
from firmware.rules.kept_release import KeptRelease, enrolled_ring, kept_release
from firmware.rules.policy_release import ReleaseRefusedError, Rules, release_rules
from firmware.settings import Settings
from firmware.settings_sections import ComplianceSection
from firmware.store import policy_releases
from firmware.store.errors import StoreFailedError
from firmware.store.reading import read_only
from firmware.sync.signing import key_id, load_public_key


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesAtStart:
    """What a box goes by when it starts, or why it may dial nobody."""

    rules: Rules
    own_overlay: Pack | None = None
    """Of the settings, where it is in force."""
    overlay_refused: str = ""
    """Why the overlay of the settings is not in force."""
    release: int = 0
    """Version of the console's release in force, 0: none."""
    fault: str = ""
    """Why the release that was kept cannot be used: then nothing counts as approved. Empty: it can."""


def approver_keys(section: ComplianceSection) -> dict[str, Ed25519PublicKey]:
    """Return the keys whose signature counts as an approval here. Raises KeyFileError."""
    keys = [load_public_key(Path(name)) for name in section.approver_keys]
    return {key_id(key): key for key in keys}


def rules_at_start(section: ComplianceSection, kept: KeptRelease | None) -> RulesAtStart:
    """Return the rules of this box. Raises PackError, SettingsError, KeyFileError."""
    shipped = load_packs()
    overlay, overlay_refused = own_overlay(section, shipped)
    approvals = approvals_of(section)
    library = shipped if overlay is None else with_overlays(shipped, [overlay])
    rules, version, fault = Rules(gate=Gate(library, approvals), approvals=tuple(approvals)), 0, ""
    if kept is not None:
        try:
            if kept.release is None:
                raise ReleaseRefusedError("bad_signature", "$", kept.fault)
            version = kept.release.version
            rules = release_rules(shipped, overlay, approvals, kept.release, approvers=approver_keys(section))
        except ComplianceError as error:
            # It may have been tighter than what is left: without it nobody is called.
            fault = (
                f"the console's release {kept.stored.version} of rules cannot be used ({error}): push another"
            )
            rules = Rules(gate=Gate(library, []), approvals=())
    return RulesAtStart(
        rules=rules, own_overlay=overlay, overlay_refused=overlay_refused, release=version, fault=fault
    )


def rules_here(settings: Settings, database: Path, now: Callable[[], datetime]) -> RulesAtStart:
    """Return by what the box would go if it started now, beside a running daemon.

    Raises PackError, SettingsError, KeyFileError, StoreError.
    """
    kept = None
    try:
        is_there = database.is_file()
    except OSError as error:
        raise StoreFailedError(
            f"{database}: {error.strerror}: the office's rules lie there; run this as the box's user, or as root"
        ) from None
    if is_there:
        with read_only(database) as con:
            if policy_releases.newest(con) is not None:
                keys = enrolled_ring(settings.console, now)
                keys.load(con)
                kept = kept_release(con, keys)
    return rules_at_start(settings.compliance, kept)
