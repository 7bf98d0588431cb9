"""A damaged database is set aside and replaced by its last snapshot and whatever can be salvaged.

What comes out may lack calls and suppressions, so nothing is dialled from it until the console says so: all
dialling is stopped, the suppression lease has ended, and the console is told. Its messages are a new stream.

The replacement is one rename. Until then a mark beside the database says where the damaged file went, so that
a power cut in the middle ends in the same place, and never in an empty database that looks fresh.
"""

import os
import shutil
from concurrent.futures import Executor
from datetime import datetime
from pathlib import Path

import msgspec
import structlog

from firmware.clock import from_ms, to_ms
from firmware.store import campaigns, sms, suppressions
from firmware.store.connection import Connection
from firmware.store.contacts import withdraw_unaccounted
from firmware.store.database import Database, mark_of
from firmware.store.destroyed_keys import destroy_listed
from firmware.store.errors import StoreDamagedError, StoreFailedError
from firmware.store.inline_executor import InlineExecutor
from firmware.store.retention import leaves_traces
from firmware.store.salvage import Renumber, Salvaged, salvage
from firmware.store.snapshot import snapshots, sync_file
from firmware.values import UuidV7

log = structlog.get_logger(__name__)
_SUFFIXES = ("", "-wal", "-shm", "-journal")
_TO_TELL = "restored"
"""The setting that holds what the console has not been told yet."""


class Restored(msgspec.Struct, kw_only=True, frozen=True):
    """How the present database came about, for the console."""

    snapshot_at: datetime | None
    """None: there was no snapshot, only what could be salvaged."""
    n_salvaged: int
    n_withdrawn: int
    """Contacts taken off their lists: they were being called, and what came of it is lost."""
    unreadable: tuple[str, ...]
    """Tables that could not be read whole."""
    quarantine: str
    """The folder, beside the database, with the damaged files."""


def open_or_restore(
    path: Path, *, at: datetime, renumber: Renumber, executor: Executor | None = None
) -> Database:
    """Return the database; a damaged one is restored first.

    Raises StoreLockedError, StoreFailedError, and StoreDamagedError where no replacement could be made.
    """
    try:
        return Database.open(path, executor=executor)
    except StoreDamagedError as error:
        log.error("database_damaged", path=str(path), reason=str(error))
        restore(path, at=at, renumber=renumber)
        return Database.open(path, executor=executor)


def restore(path: Path, *, at: datetime, renumber: Renumber) -> Restored:
    """Put a sound database in the place of a damaged one, and keep the damaged files. Raises StoreError."""
    try:
        with Database.lock(path):
            return _restore(path, at=at, renumber=renumber)
    except OSError as error:
        raise StoreFailedError(
            f"{path} is damaged and cannot be restored: {error.strerror or error}"
        ) from None


def to_tell(con: Connection) -> Restored | None:
    """Return what the console must hear about this database, None if nothing."""
    text = con.value("SELECT value FROM setting WHERE key = ?", (_TO_TELL,))
    return None if text is None else msgspec.json.decode(text, type=Restored)


def told(con: Connection) -> None:
    """Forget it: the message is in the outbox, in this very transaction."""
    con.execute("DELETE FROM setting WHERE key = ?", (_TO_TELL,))


def _restore(path: Path, *, at: datetime, renumber: Renumber) -> Restored:
    quarantine = _set_aside(path, at)
    new = path.with_name(f"{path.name}.new")
    _remove(new)
    restored: Restored | None = None
    for snapshot in [*snapshots(path), None]:
        try:
            restored = _build(new, snapshot, quarantine / path.name, renumber=renumber, database=path)
        except StoreDamagedError as error:
            log.error("snapshot_damaged", snapshot=str(snapshot), reason=str(error))
            _remove(new)
            continue
        break
    if restored is None:
        raise StoreDamagedError(f"{path}: not even an empty database could be made: check the disk")
    os.replace(new, path)
    sync_file(path.parent)
    mark_of(path).unlink()
    sync_file(path.parent)
    log.error(
        "database_restored",
        snapshot_at=str(restored.snapshot_at),
        n_salvaged=restored.n_salvaged,
        unreadable=restored.unreadable,
        quarantine=str(quarantine),
    )
    return restored


def _set_aside(path: Path, at: datetime) -> Path:
    """Move the damaged files to a folder of their own; a second try after a power cut finds the same folder."""
    mark = mark_of(path)
    if mark.exists():
        quarantine = path.parent / mark.read_text(encoding="ascii")
        # The name may be the replacement's already: then the mark alone was left over.
        moved = (quarantine / path.name).exists()
    else:
        quarantine = path.parent / "quarantine" / f"{to_ms(at)}"
        while quarantine.exists():
            quarantine = quarantine.with_name(f"{int(quarantine.name) + 1}")
        unnamed = mark.with_name(f"{mark.name}.new")
        unnamed.write_text(str(quarantine.relative_to(path.parent)), encoding="ascii")
        sync_file(unnamed)
        unnamed.rename(mark)
        sync_file(path.parent)
        moved = False
    quarantine.mkdir(parents=True, exist_ok=True, mode=0o700)
    for suffix in _SUFFIXES:
        there = path.with_name(path.name + suffix)
        if there.exists() and not (suffix == "" and moved):
            there.rename(quarantine / there.name)
    sync_file(quarantine)
    sync_file(path.parent)
    return quarantine


def _build(
    new: Path, snapshot: Path | None, damaged: Path, *, renumber: Renumber, database: Path
) -> Restored:
    """Make the replacement under another name: the snapshot's rows, and those salvaged. Raises StoreDamagedError."""
    if snapshot is not None:
        os.close(os.open(new, os.O_CREAT | os.O_WRONLY, 0o600))
        shutil.copyfile(snapshot, new)
    opened = Database.open(new, executor=InlineExecutor())

    def fill(con: Connection) -> Restored:
        restored = _fill(con, snapshot=snapshot, damaged=damaged, renumber=renumber)
        if destroy_listed(con, database):
            leaves_traces(con)
        return restored

    try:
        return opened.run_now(fill)
    finally:
        opened.close_now()
        sync_file(new)


def _fill(con: Connection, *, snapshot: Path | None, damaged: Path, renumber: Renumber) -> Restored:
    stream = UuidV7().new(to_ms(from_ms(int(damaged.parent.name))))
    con.execute("UPDATE setting SET value = ? WHERE key = 'stream'", (stream,))
    given = Salvaged(n_rows=0, unreadable=("everything",))
    if damaged.exists():
        scratch = damaged.with_name("scratch")
        for suffix in _SUFFIXES:
            if damaged.with_name(damaged.name + suffix).exists():
                # Reading folds a log into its file: the evidence stays as it was found.
                shutil.copyfile(
                    damaged.with_name(damaged.name + suffix), scratch.with_name(scratch.name + suffix)
                )
        try:
            given = salvage(con, scratch, stream=stream, renumber=renumber)
        finally:
            for suffix in _SUFFIXES:
                scratch.with_name(scratch.name + suffix).unlink(missing_ok=True)
    n_withdrawn = withdraw_unaccounted(con)
    sms.withdraw_waiting(con, from_ms(int(damaged.parent.name)))
    campaigns.set_stopped(con, True)
    suppressions.end_lease(con)
    restored = Restored(
        snapshot_at=None if snapshot is None else from_ms(int(snapshot.suffix[1:])),
        n_salvaged=given.n_rows,
        n_withdrawn=n_withdrawn,
        unreadable=given.unreadable,
        quarantine=f"quarantine/{damaged.parent.name}",
    )
    con.execute("DELETE FROM setting WHERE key = ?", (_TO_TELL,))
    con.insert("setting", {"key": _TO_TELL, "value": msgspec.json.encode(restored).decode()})
    return restored


def _remove(path: Path) -> None:
    for suffix in _SUFFIXES:
        path.with_name(path.name + suffix).unlink(missing_ok=True)
