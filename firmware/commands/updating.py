"""The daemon's side of an update: it asks root's updater by a file, holds calls while a release is on trial, tells the console."""

import asyncio
import contextlib
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import structlog

from firmware.calls.scheduler import Scheduler
from firmware.commands.catalogue import UpdateArguments
from firmware.commands.errors import CommandFailedError, CommandRefusedError
from firmware.settings import Settings
from firmware.store.connection import Connection
from firmware.store.database import Database
from firmware.store.errors import StoreError
from firmware.sync.reports import Reports
from firmware.values import UuidV7

log = structlog.get_logger()
WANTED, TRIAL, OUTCOME = "update-wanted.json", "update-trial", "update-outcome.json"
LOOK_S = 10.0
LONGEST_HOLD_S = 4 * 3600.0
"""Three trials and more: should nobody end it, calls begin again."""
_TOLD = "update_told"


class _Outcome(msgspec.Struct, kw_only=True, frozen=True):
    id: str
    version: str
    good: bool
    reason: str = ""
    detail: str = ""


def ask_for_update(settings: Settings, wanted: UpdateArguments) -> Mapping[str, Any]:
    """Write down what is asked for, whole, where root's updater looks. Raises CommandRefusedError, CommandFailedError."""
    if not settings.update.repository:
        raise CommandRefusedError(
            "not_set_up", "name where releases come from in the box's settings: [update] repository"
        )
    # Real time: root's updater knows no other.
    now = datetime.now(UTC)
    asked = {
        "id": UuidV7().new(int(now.timestamp() * 1000)),
        "version": wanted.version,
        "until": now + timedelta(days=wanted.days),
        "when": wanted.when,
    }
    path = Path(settings.box.data_dir) / WANTED
    fresh = path.with_name(f".{path.name}.new")
    try:
        fresh.unlink(missing_ok=True)
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(msgspec.json.encode(asked))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        raise CommandFailedError("not_written", f"{path}: {error.strerror}") from None
    log.info("update_asked", version=wanted.version, when=wanted.when)
    return {"asked": wanted.version, "update": asked["id"]}


class UpdateWatch:
    """Holds calls while a release is on trial, and tells the console what came of an update, once."""

    def __init__(
        self,
        folder: Path,
        scheduler: Scheduler,
        database: Database,
        reports: Reports,
        *,
        monotonic_s: Callable[[], float],
    ) -> None:
        """Begin to hold calls at once where a release is on trial."""
        self._trial = folder / TRIAL
        self._outcome = folder / OUTCOME
        self._scheduler = scheduler
        self._database = database
        self._reports = reports
        self._now_s = monotonic_s
        self._hold = contextlib.ExitStack()
        self.is_holding = self._trial.exists()
        if self.is_holding:
            # From the very start: not one call is placed by a release that is on trial.
            self._hold.enter_context(scheduler.held("an update is on trial"))

    async def run(self) -> None:
        """Look every few seconds, until cancelled."""
        began_s = self._now_s()
        while True:
            if self.is_holding and (not self._trial.exists() or self._now_s() - began_s > LONGEST_HOLD_S):
                self.is_holding = False
                self._hold.close()
                log.info("update_trial_over")
            if self._outcome.exists():
                await self._tell()
            await asyncio.sleep(LOOK_S)

    async def _tell(self) -> None:
        try:
            outcome = msgspec.json.decode(self._outcome.read_bytes(), type=_Outcome)
        except (OSError, msgspec.MsgspecError) as error:
            log.warning("update_outcome_unreadable", reason=str(error))
            self._outcome.unlink(missing_ok=True)
            return

        def work(con: Connection) -> None:
            if con.value("SELECT value FROM setting WHERE key = ?", (_TOLD,)) == outcome.id:
                return
            self._reports.event(
                con,
                "update_good" if outcome.good else "update_failed",
                "info" if outcome.good else "warning",
                detail=" ".join(
                    part for part in (outcome.version, outcome.id, outcome.reason, outcome.detail) if part
                ),
                facts={"version": outcome.version, "reason": outcome.reason},
            )
            con.execute("DELETE FROM setting WHERE key = ?", (_TOLD,))
            con.insert("setting", {"key": _TOLD, "value": outcome.id})

        with contextlib.suppress(StoreError, OSError):  # told at the next look
            await self._database.transact(work)
            self._outcome.unlink(missing_ok=True)
