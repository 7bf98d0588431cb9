"""Deletes what is past its time, a bounded piece at a time, and writes each deletion into the audit log.

Only with an audit log that is whole and a clock that is vouched for, and even then time moves on by a week a day at
most: a clock that shows 2099 does not empty the box. A crash at any step repeats nothing and leaves nothing half done.
"""

import asyncio
import json
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog

from firmware.clock import from_ms
from firmware.compliance.errors import ComplianceError
from firmware.compliance.policy import Policy
from firmware.host.disk_space import DiskBudget
from firmware.retention.contracts import Chain, Pass, Rules
from firmware.retention.disk import DiskKeeper
from firmware.retention.holds import HoldDesk
from firmware.retention.periods import Defaults, Period, records_period, uncalled_period
from firmware.retention.recordings import RecordingKeeper
from firmware.store import audit_log, destroyed_keys, legal_holds, retention
from firmware.store.connection import Connection
from firmware.store.database import Database
from firmware.store.errors import StoreError
from firmware.store.operator_events import OperatorEvents
from firmware.store.retention import PersonRecord

log = structlog.get_logger(__name__)
T = TypeVar("T")

FIRST_LOOK_AFTER_S = 120.0
LOOK_EVERY_S = 60.0
PASS_EVERY_S = 24 * 3600.0
RETRY_S = 3600.0
"""After a pass that could not be made, or did not reach the end of its work."""
MOST_STEP = timedelta(days=8)
"""How far a pass may take time to have moved on since the last one, which was a day before."""
PEOPLE_A_TURN = 20
MOST_PEOPLE_A_PASS = 5000
MOST_CLIPS_A_PASS = 5000
QUARANTINE_KEPT = timedelta(days=30)
"""A damaged database that was set aside: long enough to look into, and it holds what was erased since."""


class Keeper:
    """The one owner of every deletion of personal data."""

    def __init__(
        self,
        *,
        database: Database,
        chain: Chain,
        rules: Callable[[], Rules],
        reports: OperatorEvents,
        now: Callable[[], datetime],
        monotonic_s: Callable[[], float],
        data_dir: Path,
        defaults: Defaults,
        disk: DiskBudget,
        files: Executor,
        is_busy: Callable[[], bool],
    ) -> None:
        """`files` is the thread of the recordings' files; `is_busy` says that a call is up: then nothing long is begun on the database."""
        self._database = database
        self._chain = chain
        self._rules = rules
        self._reports = reports
        self._now = now
        self._monotonic_s = monotonic_s
        self._data_dir = data_dir
        self._defaults = defaults
        self._files = files
        self._is_busy = is_busy
        self._after = ""
        """The last person looked at in this pass."""
        self._pass_now: datetime | None = None
        self._advanced_s = float("-inf")
        self._is_reconciled = False
        self._said = ""
        self.holds = HoldDesk(database=database, chain=chain, reports=reports, now=now, data_dir=data_dir)
        self.recordings = RecordingKeeper(
            database=database,
            chain=chain,
            reports=reports,
            policies=self._policies,
            folder=data_dir / "recordings",
            files=files,
        )
        self.disk = DiskKeeper(
            database=database,
            chain=chain,
            reports=reports,
            budget=disk,
            recordings=self.recordings,
            time_of_pass=self._time_of_pass,
        )

    async def run(self) -> None:
        """Take holds every minute, delete once a day; a fault of the disk is tried again."""
        await asyncio.sleep(FIRST_LOOK_AFTER_S)
        next_pass_s = self._monotonic_s()
        while True:
            try:
                problem = await self.holds.take_requests()
                await self.holds.tell_holds()
                if not problem:
                    await self.disk.look(self._monotonic_s())
                if self._monotonic_s() >= next_pass_s:
                    done = Pass(refused=problem) if problem else await self.run_pass()
                    is_over = not done.refused and done.is_finished
                    next_pass_s = self._monotonic_s() + (PASS_EVERY_S if is_over else RETRY_S)
            except (StoreError, OSError) as error:
                self._say_once(str(error))
                next_pass_s = max(next_pass_s, self._monotonic_s() + RETRY_S)
            await asyncio.sleep(LOOK_EVERY_S)

    # ---- a pass -------------------------------------------------------------------------------------------

    async def run_pass(self) -> Pass:
        """Delete what is past its time, as far as a pass may go. Raises StoreError."""
        done = Pass(refused=await self._database.read(self._chain.why_undatable))
        if done.refused:
            self._say_once(done.refused)
            return done
        now = await self._time_of_pass()
        # By the clock as it is: a campaign noted as over too early would be forgotten too early.
        await self._database.transact(lambda con: retention.note_over(con, self._now()))
        if not self._is_reconciled:
            await self._reconcile()
            self._is_reconciled = True
        await self.recordings.delete_old(now, self._defaults, done)
        await self._delete_people(now, done)
        await self._delete_keys(now, done)
        await self._delete_quarantine(now)
        await self._delete_prompts(now)
        await self._leave_no_trace(done)
        await self._report(done)
        return done

    async def _time_of_pass(self) -> datetime:
        """Return what counts as now: never more than a week beyond the last day on which a pass was made."""
        now = self._now()
        today_s = self._monotonic_s()
        if self._pass_now is not None and today_s < self._advanced_s + PASS_EVERY_S:
            return min(now, self._pass_now)

        def work(con: Connection) -> datetime:
            last = retention.clock_of_last_pass(con)
            if last is None:
                head = audit_log.head(con)
                last = now if head is None else datetime.fromisoformat(json.loads(head.body)["at"])
            capped = min(now, last + MOST_STEP)
            if capped < now:
                log.warning("retention_clock_capped", shown=f"{now:%F}", taken=f"{capped:%F}")
            retention.note_pass(con, capped)
            return capped

        self._pass_now = await self._database.transact(work)
        self._advanced_s = today_s
        return self._pass_now

    async def _delete_people(self, now: datetime, done: Pass) -> None:
        looked_at = 0
        while looked_at < MOST_PEOPLE_A_PASS:
            people = await self._database.read(
                lambda con: retention.old_people(con, now - timedelta(days=1), self._after, PEOPLE_A_TURN)
            )
            if not people:
                self._after = ""
                return
            looked_at += len(people)
            await self._delete_due(people, now, done)
            self._after = people[-1]
        done.is_finished = False

    async def _delete_due(self, people: Sequence[str], now: datetime, done: Pass) -> None:
        def look(con: Connection) -> tuple[list[str], list[str]]:
            due, digests = [], []
            for person in people:
                record = retention.person_record(con, person)
                if not self._is_due(record, now, done):
                    continue
                due.append(person)
                key = audit_log.secret(con, self._chain.person_ref(person))
                if key is not None and record.n_attempts:
                    digests.append(retention.key_digest(key))
            return due, digests

        due, digests = await self._database.read(look)
        if not due:
            return
        # First the list, then the deletion: no copy of the database can bring a key back.
        await self._on_files(destroyed_keys.announce, self._database.path, digests)

        def work(con: Connection) -> list[str]:
            return [person for person in due if not self._erase(con, person, now)]

        if await self._database.transact(work):
            await self._reconcile()  # a hold came in between: its keys stay
        done.people += len(due)

    def _is_due(self, record: PersonRecord, now: datetime, done: Pass | None = None) -> bool:
        counted = done or Pass()
        length = self._period_of(record).length
        if length is None:
            counted.contradictions += 1
        elif record.last_at is None or record.last_at + length > now:
            pass
        elif record.is_held:
            counted.held += 1
        elif record.is_unreceived or record.n_recordings:
            # A recording past its time that stays has been counted as such.
            counted.unreceived += record.is_unreceived
        else:
            return True
        return False

    def _period_of(self, record: PersonRecord) -> Period:
        policies = self._policies(record.places)
        if not record.n_attempts:
            return uncalled_period(policies, self._defaults)
        return records_period(policies, self._defaults, counters_days=self._rules().history_days)

    def _erase(self, con: Connection, person: str, now: datetime) -> bool:
        """Erase one person and say so in the log, in one transaction; False if they are not due any more."""
        record = retention.person_record(con, person)
        if not self._is_due(record, now):
            return False
        period = self._period_of(record)
        ref = self._chain.person_ref(person)
        key = audit_log.secret(con, ref)
        erased = retention.erase_person(con, person)
        keeps_key = key is not None and not record.n_attempts
        if keeps_key:
            self._let_key_follow(con, ref, record)
        elif key is not None:
            audit_log.destroy_secret(con, ref)
        retention.leaves_traces(con)
        self._chain.note(
            con,
            "deletion",
            {
                "what": "person",
                "person_ref": ref,
                "rule": period.rule,
                "days": period.days,
                "packs": period.packs,
                "since": record.last_at,
                "contacts": erased.n_contacts,
                "events": erased.n_events,
                "outcomes": erased.n_outcomes,
                "promises": erased.n_promises,
                "attempts": erased.attempts,
                "key": None if key is None or keeps_key else retention.key_digest(key),
            },
        )
        return True

    def _let_key_follow(self, con: Connection, ref: str, record: PersonRecord) -> None:
        """Keep the key of somebody who was never called for as long as the log of why not must be readable."""
        policies = self._policies(record.places)
        days = records_period(policies, self._defaults, counters_days=0).days if policies else None
        if record.last_at is not None:
            kept = timedelta(days=self._defaults.records_days if days is None else days)
            retention.keep_key_until(con, ref, record.last_at + kept)

    async def _delete_keys(self, now: datetime, done: Pass) -> None:
        def held(con: Connection) -> set[str]:
            holds = legal_holds.list_holds(con, in_force=True)
            return {self._chain.person_ref(hold.subject) for hold in holds if hold.scope == "person"}

        def look(con: Connection) -> list[tuple[str, str]]:
            refs = set(retention.old_keys(con, now, MOST_PEOPLE_A_PASS)) - held(con)
            keys = [(ref, audit_log.secret(con, ref)) for ref in sorted(refs)]
            return [(ref, retention.key_digest(key)) for ref, key in keys if key is not None]

        found = await self._database.read(look)
        if not found:
            return
        await self._on_files(destroyed_keys.announce, self._database.path, [digest for _ref, digest in found])

        def work(con: Connection) -> int:
            still = set(retention.old_keys(con, now, MOST_PEOPLE_A_PASS)) - held(con)
            gone = [(ref, digest) for ref, digest in found if ref in still]
            for ref, digest in gone:
                audit_log.destroy_secret(con, ref)
                self._chain.note(con, "deletion", {"what": "key", "person_ref": ref, "key": digest})
            if gone:
                retention.leaves_traces(con)
            return len(gone)

        done.keys = await self._database.transact(work)
        if done.keys < len(found):
            await self._reconcile()

    async def _reconcile(self) -> None:
        """Take back from the list of destroyed keys whatever is here after all: a power cut or a hold came between."""

        def look(con: Connection) -> list[str]:
            listed = destroyed_keys.destroyed(self._database.path)
            rows = con.rows("SELECT key FROM audit_secret") if listed else []
            return sorted({retention.key_digest(bytes(row["key"])) for row in rows} & listed)

        stays = await self._database.read(look)
        await self._on_files(partial(destroyed_keys.announce, self._database.path, stays, stays=True))

    async def _delete_quarantine(self, now: datetime) -> None:
        folders = [path for path in (self._data_dir / "quarantine").glob("*") if path.name.isdecimal()]
        old = [path for path in folders if from_ms(int(path.name)) + QUARANTINE_KEPT <= now]
        if not old or await self._database.read(lambda con: bool(legal_holds.list_holds(con, in_force=True))):
            return

        def note(con: Connection) -> None:
            for path in old:
                self._chain.note(con, "deletion", {"what": "quarantine", "folder": path.name})

        await self._database.transact(note)
        for path in old:
            await self._on_files(partial(shutil.rmtree, path, ignore_errors=True))

    async def _delete_prompts(self, now: datetime) -> None:
        """Delete rendered prompts, whose sound may say a name; what is needed again is rendered again."""
        days = self._defaults.uncalled_days
        cutoff_s = (now - timedelta(days=days)).timestamp()
        n = await self._on_files(_delete_older, self._data_dir / "prompts", cutoff_s)
        if n:
            await self._database.transact(
                lambda con: self._chain.note(con, "deletion", {"what": "prompts", "files": n, "days": days})
            )

    async def _leave_no_trace(self, done: Pass) -> None:
        if not await self._database.read(retention.has_traces):
            return
        if self._is_busy():
            done.is_finished = False
            return
        await self._database.leave_no_trace(at=self._now())
        await self._database.transact(retention.traces_gone)

    async def _report(self, done: Pass) -> None:
        waits = {
            "not received by the console": done.unreceived,
            "kept because the rules contradict each other or none applies": done.contradictions,
        }
        told = "; ".join(f"{n} {why}" for why, n in waits.items() if n)
        if done.people or done.keys or done.recordings or told:
            log.info(
                "retention",
                people=done.people,
                keys=done.keys,
                recordings=done.recordings,
                held=done.held,
                waits=told,
            )
        if told and told != self._said:
            await self._database.transact(
                lambda con: self._reports.event(
                    con, "retention_waits", "warning", detail=f"past their time: {told}"
                )
            )
        self._said = told

    async def _on_files(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._files, work, *arguments)

    def _policies(self, places: Sequence[tuple[str, str | None]]) -> list[Policy]:
        """Return what governs each place; none at all where one of them has no rules that can be obeyed."""
        rules = self._rules()
        try:
            return [rules.policy_for(number, region) for number, region in places]
        except ComplianceError:
            return []

    def _say_once(self, problem: str) -> None:
        if problem != self._said:
            log.warning("nothing_deleted", reason=problem)
        self._said = problem


def _delete_older(folder: Path, cutoff_s: float) -> int:
    n = 0
    for path in folder.rglob("*"):
        try:
            if path.is_file() and path.stat().st_mtime < cutoff_s:
                path.unlink()
                n += 1
        except OSError:
            continue  # replaced meanwhile: it is new
        if n >= MOST_CLIPS_A_PASS:
            break
    return n
