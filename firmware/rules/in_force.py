"""Which rules this box goes by: the packs of the firmware, what a person here approved, the overlay; and approving."""

import os
import re
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from firmware.compliance.errors import ComplianceError, PackError
from firmware.compliance.library import Approval, PackLibrary
from firmware.compliance.overlay import read_overlay, with_overlays
from firmware.compliance.pack import Pack
from firmware.settings import SettingsError
from firmware.settings_sections import ComplianceSection

_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]*)@([1-9][0-9]*)")


class ApprovalError(ValueError):
    """The approval was not written; the text says why and what to do."""


def own_overlay(section: ComplianceSection, library: PackLibrary) -> tuple[Pack | None, str]:
    """Return the overlay that the settings name, or None and why it is not in force (empty: none is named)."""
    if not section.overlay:
        return None, ""
    path = Path(section.overlay)
    try:
        overlay = read_overlay(path.read_text(encoding="utf-8"), source=str(path))
        with_overlays(library, [overlay])
    except (OSError, UnicodeDecodeError) as error:
        # Whoever named a file meant to have tighter rules: without them nothing is dialled.
        raise SettingsError(f"{path}: the overlay cannot be read: {error}") from None
    except ComplianceError as error:
        return None, str(error)
    return overlay, ""


def approvals_of(section: ComplianceSection) -> list[Approval]:
    """Return the approvals in the settings."""
    return [
        Approval(pack=given.pack, version=given.version, by=given.by, digest=given.digest)
        for given in section.approval
    ]


def everything_approved(library: PackLibrary) -> list[Approval]:
    """Return what makes every pack count as approved: for asking what the rules say, never for dialling."""
    return [
        Approval(pack=pack.pack.id, version=pack.pack.version, by="assumed")
        for pack in library.packs
        if pack.pack.layer != "overlay"
    ]


def find_pack(packs: Sequence[Pack], name: str) -> Pack:
    """Return the first pack called ``id`` or ``id@version``. Raises PackError."""
    for pack in packs:
        if name in (pack.pack.id, pack.pack.name):
            return pack
    known = ", ".join(pack.pack.name for pack in packs)
    raise PackError(name, f"there is no such pack; here are {known}")


def approve(config: Path, packs: Sequence[Pack], name: str, *, by: str, at: datetime) -> Pack:
    """Write into the settings that `by` has read and approved this very version. Raises ApprovalError, PackError.

    `packs` are those of this box: in force, and waiting for just this.
    """
    if not _NAME.fullmatch(name):
        raise ApprovalError(
            f"name the version that you read: {name or 'PACK'}@VERSION, as `policy list` shows it"
        )
    pack = find_pack(packs, name)
    if not by.strip() or not by.isprintable():
        raise ApprovalError("say who approves: --by NAME; an approval by nobody counts for nothing")
    if pack.pack.status != "published":
        raise ApprovalError(f"{name} is {pack.pack.status}: only a published pack can be approved")
    try:
        text = config.read_text(encoding="utf-8")
        mode = config.stat().st_mode & 0o777
    except OSError as error:
        raise ApprovalError(f"{config}: {error.strerror}; name the box's settings with --config") from None
    quoted = msgspec.json.encode(by.strip()).decode()
    entry = (
        f'\n[[compliance.approval]]\npack = "{pack.pack.id}"\nversion = {pack.pack.version}\nby = {quoted}\n'
        f'digest = "{pack.digest()}"\nat = "{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"\n'
    )
    _check_reads_back(config, text + entry, pack, by.strip())
    fresh = config.with_name(f".{config.name}.new")
    try:
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as file:
            file.write(text.rstrip("\n") + "\n" + entry)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(config)
    except OSError as error:
        raise ApprovalError(f"{config} cannot be written: {error.strerror}") from None
    return pack


def _check_reads_back(config: Path, text: str, pack: Pack, by: str) -> None:
    try:
        section = msgspec.convert(tomllib.loads(text).get("compliance", {}), ComplianceSection)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ApprovalError(
            f"{config} would not be readable with the approval: {error}; nothing was changed"
        ) from None
    last = section.approval[-1]
    if (last.pack, last.version, last.by) != (pack.pack.id, pack.pack.version, by):
        raise ApprovalError(f"{config} does not take the approval at its end; nothing was changed")
