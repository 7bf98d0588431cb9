"""Keeps room on the disk: recordings first, then no new calls, so that the database and its outcomes are never short."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Literal

import structlog

from firmware.host.disk_space import MIB, DiskBudget, Room
from firmware.retention.contracts import Chain, Pass
from firmware.retention.recordings import RecordingKeeper
from firmware.store.database import Database
from firmware.store.operator_events import OperatorEvents

log = structlog.get_logger(__name__)

AGAIN_AFTER_S = 900.0
"""Where nothing could be deleted, looking again at every file each minute would help nobody."""


class DiskKeeper:
    """Watches the room that is left; what must be kept it never touches."""

    def __init__(
        self,
        *,
        database: Database,
        chain: Chain,
        reports: OperatorEvents,
        budget: DiskBudget,
        recordings: RecordingKeeper,
        time_of_pass: Callable[[], Awaitable[datetime]],
    ) -> None:
        """`time_of_pass` says what counts as now for deletions."""
        self._database = database
        self._chain = chain
        self._reports = reports
        self._budget = budget
        self._recordings = recordings
        self._time_of_pass = time_of_pass
        self._told = Room.ENOUGH
        self._next_try_s = float("-inf")

    def why_no_room(self) -> str:
        """Return why no new call may begin, empty while the disk has room for its recording and the database."""
        if self._budget.room() is not Room.SCARCE:
            return ""
        kept = self._budget.scarce_bytes // MIB
        return f"the disk is nearly full: {kept} MiB must stay free for the database"

    async def look(self, now_s: float) -> None:
        """Make room of recordings that have been kept as long as they must be, and say how it stands. Raises StoreError."""
        room = self._budget.room()
        if room is not Room.ENOUGH and now_s >= self._next_try_s:
            if not await self._database.read(self._chain.why_undatable):
                await self._make_room()
            self._next_try_s = now_s + AGAIN_AFTER_S
            room = self._budget.room()
        if room is self._told:
            return
        is_well = room is Room.ENOUGH
        severity: Literal["info", "alarm"] = "info" if is_well else "alarm"
        left = self._budget.free_bytes() // MIB
        detail = "" if is_well else f"{left} MiB left: fetch the recordings, or make room"
        await self._database.transact(
            lambda con: self._reports.event(
                con, f"disk_{room.value}", severity, detail=detail, facts={"free": str(left)}
            )
        )
        self._told = room

    async def _make_room(self) -> None:
        done = Pass()
        await self._recordings.make_room(
            await self._time_of_pass(), done, is_enough=lambda: self._budget.room() is Room.ENOUGH
        )
        if done.recordings:
            log.warning("recordings_deleted_for_room", n=done.recordings, held=done.held)
