"""Sealed recordings whose time is over, or whose room is needed: decided in the database, deleted, then proved in the log.

One that the console never fetches goes at its term too, but only after the console was warned.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from firmware.compliance.policy import Policy
from firmware.retention.contracts import Chain, Pass
from firmware.retention.periods import Defaults, Period, recording_minimum, recording_period
from firmware.store import retention
from firmware.store.connection import Connection
from firmware.store.database import Database
from firmware.store.operator_events import OperatorEvents
from firmware.store.retention import OldRecording

log = structlog.get_logger(__name__)

FILES_A_TURN = 50
MOST_FILES_A_PASS = 2000
"""Deleted in one pass."""
WARNED_AHEAD = timedelta(days=30)
"""So long before its term the console is warned of a recording that it has not fetched."""
WARNED_TOGETHER = timedelta(days=7)
"""What comes into that time within so many days is in the same warning: at most one a week."""
LEAST_NOTICE = timedelta(days=7)
"""Between warning and deletion, also where the box was off when the warning was due."""
Policies = Callable[[Sequence[tuple[str, str | None]]], list[Policy]]


class RecordingKeeper:
    """Deletes sealed files; one that the console has not got is never deleted for the sake of room, nor unannounced."""

    def __init__(
        self,
        *,
        database: Database,
        chain: Chain,
        reports: OperatorEvents,
        policies: Policies,
        folder: Path,
        files: Executor,
    ) -> None:
        self._database = database
        self._chain = chain
        self._reports = reports
        self._policies = policies
        self._folder = folder
        self._files = files

    async def delete_old(self, now: datetime, defaults: Defaults, done: Pass) -> None:
        """Delete what is past its time, and warn of what goes soon without having been fetched. Raises StoreError."""
        soon: list[tuple[OldRecording, datetime]] = []

        def period(places: Sequence[tuple[str, str | None]]) -> Period:
            return recording_period(self._policies(places), defaults)

        await self._finish_going(period, done)
        await self._go_through(
            now, period, done, is_enough=lambda: done.recordings >= MOST_FILES_A_PASS, soon=soon
        )
        await self._warn(soon, now)
        if done.recordings >= MOST_FILES_A_PASS:
            done.is_finished = False

    async def make_room(self, now: datetime, done: Pass, *, is_enough: Callable[[], bool]) -> None:
        """Delete what is past the least time it must be kept, oldest first, until there is room. Raises StoreError."""

        def period(places: Sequence[tuple[str, str | None]]) -> Period:
            return recording_minimum(self._policies(places))

        await self._finish_going(period, done)
        await self._go_through(now, period, done, is_enough=is_enough)

    async def _go_through(
        self,
        now: datetime,
        period_of: Callable[[Sequence[tuple[str, str | None]]], Period],
        done: Pass,
        *,
        is_enough: Callable[[], bool],
        soon: list[tuple[OldRecording, datetime]] | None = None,
    ) -> None:
        """Without `soon`, which takes what must be warned of, nothing goes that was not fetched."""
        after = ""
        while not is_enough():
            found = await self._database.read(
                lambda con, after=after: retention.old_recordings(  # type: ignore[misc]
                    con, now - timedelta(days=1), after, FILES_A_TURN
                )
            )
            if not found:
                return
            after = found[-1].recording
            for old in found:
                period = period_of([(old.number, old.region)])
                if period.length is None:
                    done.contradictions += 1
                    continue
                term = old.ended_at + period.length
                if soon is not None and _is_unannounced(old, term, now):
                    soon.append((old, term))
                if term > now:
                    continue
                if old.is_held:
                    done.held += 1
                elif old.uploaded_at is None and (soon is None or not _was_warned_of(old, period, now)):
                    done.unreceived += 1
                elif not is_enough() and await self._let_go(old, now):
                    done.recordings += await self._finish(old, period)

    async def _warn(self, soon: Sequence[tuple[OldRecording, datetime]], now: datetime) -> None:
        """Tell the console what it loses unless it fetches it, once for each recording and at most once a week."""
        if not any(term - WARNED_AHEAD <= now for _old, term in soon):
            return
        first = max(min(term for _old, term in soon), now + LEAST_NOTICE)
        detail = f"{len(soon)} recordings that nobody has fetched are deleted from {first:%F} on: fetch or hold them"

        def work(con: Connection) -> None:
            retention.note_alarmed(con, [old.recording for old, _term in soon], now)
            facts = {"recordings": str(len(soon)), "from": f"{first:%F}"}
            self._reports.event(con, "recordings_never_fetched", "alarm", detail=detail, facts=facts)

        await self._database.transact(work)
        log.warning("recordings_never_fetched", n=len(soon), first=f"{first:%F}")

    async def _let_go(self, old: OldRecording, now: datetime) -> bool:
        return await self._database.transact(lambda con: retention.let_recording_go(con, old.recording, now))

    async def _finish_going(
        self, period_of: Callable[[Sequence[tuple[str, str | None]]], Period], done: Pass
    ) -> None:
        """Finish what a power cut interrupted."""
        for old in await self._database.read(lambda con: retention.going_recordings(con, MOST_FILES_A_PASS)):
            done.recordings += await self._finish(old, period_of([(old.number, old.region)]))

    async def _finish(self, old: OldRecording, period: Period) -> bool:
        """Delete the file, then its row, with the proof of it in the same transaction."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._files, self._unlink, old.path)
        except OSError as error:
            log.error("recording_not_deleted", recording=old.recording, reason=str(error))
            return False

        def work(con: Connection) -> bool:
            if not retention.forget_recording(con, old.recording):
                return False
            self._chain.note(
                con,
                "deletion",
                {
                    "what": "recording",
                    "recording": old.recording,
                    "attempt": old.attempt,
                    "campaign": old.campaign,
                    "person_ref": self._chain.person_ref(old.person),
                    "sha256": old.sha256,
                    "bytes": old.n_bytes,
                    "rule": period.rule,
                    "days": period.days,
                    "packs": period.packs,
                    "since": old.ended_at,
                    "received_at": old.uploaded_at,
                    "warned_at": old.alarmed_at,
                },
            )
            retention.leaves_traces(con)
            return True

        return await self._database.transact(work)

    def _unlink(self, path: Path) -> None:
        # A row that somebody edited must not make the box delete another file.
        if path.resolve().parent != self._folder.resolve():
            raise OSError(f"{path.name} does not lie with the recordings")
        path.unlink(missing_ok=True)
        handle = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _is_unannounced(old: OldRecording, term: datetime, now: datetime) -> bool:
    is_near = term - WARNED_AHEAD - WARNED_TOGETHER <= now
    return is_near and old.uploaded_at is None and old.alarmed_at is None and not old.is_held


def _was_warned_of(old: OldRecording, period: Period, now: datetime) -> bool:
    # The most that a law allows is not stretched by a week because a warning came late.
    notice = timedelta(days=1) if period.rule == "maximum" else LEAST_NOTICE
    return old.alarmed_at is not None and old.alarmed_at + notice <= now
