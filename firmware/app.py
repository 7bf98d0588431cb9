"""Composition root: builds every part by constructor, runs them in one TaskGroup, stops them in order."""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Generic, TypeVar

import structlog

from audio.speech.clip_cache import ClipCache
from audio.speech.synthesis import Synthesizer
from audio.speech.voices import Voices
from firmware.calls.auditing import Auditor, load_audit_key
from firmware.calls.desk import Desk
from firmware.calls.judging import Judge
from firmware.calls.listening import Hearing
from firmware.calls.placing import CallPlacer, FlowBook
from firmware.calls.scheduler import Scheduler
from firmware.clock import to_ms
from firmware.compliance.self_check import self_check
from firmware.dialogue.errors import ContactRefusedError, FlowRefusedError
from firmware.dialogue.flow import Flow
from firmware.dialogue.loader import load_flow
from firmware.host import systemd
from firmware.host.clock_trust import TimeSource
from firmware.host.disk_space import MIB, DiskBudget
from firmware.lines.line import LineReport, LineStatus
from firmware.lines.supervisor import keep_alive
from firmware.retention.keeper import Keeper
from firmware.retention.periods import Defaults
from firmware.rules_in_force import approvals_of, make_gate
from firmware.settings import Settings
from firmware.state_report import StateReport
from firmware.store import inbox, outbox, restoring
from firmware.store import suppressions as suppression_list
from firmware.store.connection import Connection as StoreConnection
from firmware.store.database import Database
from firmware.store.errors import StoreError
from firmware.sync.connection import Connection, Will
from firmware.sync.content_check import CampaignCheck
from firmware.sync.downlink import Downlink
from firmware.sync.reports import Reports
from firmware.sync.requesting import Requester
from firmware.sync.signing import Verifier, load_public_key
from firmware.sync.topics import BoxTopics
from firmware.sync.uplink import Uplink
from firmware.values import UuidV7
from firmware.worlds import World

log = structlog.get_logger()
WorldT = TypeVar("WorldT")

POLITE_STOP_S = 60.0
"""Calls under way may end by themselves this long after we are told to stop."""
INBOX_KEPT = timedelta(days=30)
"""Ids of applied messages: the replay protection. A broker keeps a message for 7 days at most."""
SNAPSHOT_EVERY_S = 24 * 3600.0
FIRST_SNAPSHOT_AFTER_S = 600.0
"""A box that restarts often must not spend its disk on copies."""
CALLS_RETRY_S = 60.0
LAST_WORDS_S = 5.0
"""What is left for the outbox after that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """Where blocking work goes; tests in virtual time give inline executors."""

    recording: Executor
    speech: Executor


class Box(Generic[WorldT]):
    """The daemon: every part built and wired, for a clock and lines of one world."""

    def __init__(
        self,
        settings: Settings,
        world: World[WorldT],
        *,
        database: Database,
        connect: Callable[[BoxTopics, Will], Connection],
        synthesizer: Synthesizer | Voices,
        workers: Workers,
        hearing: Hearing | None = None,
    ) -> None:
        """Wire the parts; without `hearing` calls go by keys alone."""
        self._settings = settings
        self._world = world
        self.database = database
        self._ids = UuidV7()
        self._boot = self._new_id()
        data = Path(settings.box.data_dir)
        recordings = data / "recordings"
        recordings.mkdir(parents=True, exist_ok=True, mode=0o700)
        clock = world.clock
        topics = BoxTopics(settings.box.tenant, settings.box.id)
        self._gate, self.overlay_refused = make_gate(settings.compliance)
        """Why the console's overlay is not in force, empty when it is or there is none."""
        gate = self._gate
        self.gate_faults = self_check(gate)
        """Forbidden calls that the gate would allow: must be empty, or nothing is dialled."""
        reports = self._reports = Reports(database.stream, clock.now, self._new_id)
        self._judge = Judge(
            gate=gate,
            approvals=approvals_of(settings.compliance),
            overlay_refused=self.overlay_refused,
            rules=Auditor(load_audit_key(data / "audit.key"), box=settings.box.id, boot=self._boot),
            now=clock.now,
            judge_clock=world.trust.judge,
            lease_s=settings.compliance.suppression_lease_h * 3600,
            max_call_s=settings.dialling.max_call_s,
        )
        kept = settings.retention
        self.keeper = Keeper(
            database=database,
            chain=self._judge,
            rules=gate,
            reports=reports,
            now=clock.now,
            monotonic_s=clock.monotonic_s,
            data_dir=data,
            defaults=Defaults(
                records_days=kept.records_days,
                recordings_days=kept.recordings_days,
                uncalled_days=kept.uncalled_days,
            ),
            disk=DiskBudget(
                folder=data,
                low_bytes=kept.disk_low_mb * MIB,
                scarce_bytes=kept.disk_scarce_mb * MIB,
            ),
            files=workers.recording,
            is_busy=lambda: bool(self.scheduler.active),
        )
        self._desk = Desk(
            database=database,
            judge=self._judge,
            reports=reports,
            now=clock.now,
            new_id=self._new_id,
            language=settings.box.language,
            why_no_room=self.keeper.disk.why_no_room,
        )
        placer = CallPlacer(
            desk=self._desk,
            flows=FlowBook(),
            clips=ClipCache(synthesizer, data / "prompts", executor=workers.speech),
            clock=clock,
            recordings=recordings,
            recipients=tuple(settings.console.recording_recipients),
            recording_executor=workers.recording,
            max_call_s=settings.dialling.max_call_s,
            hearing=hearing,
        )
        self.scheduler = Scheduler(
            lines=world.lines, desk=self._desk, placer=placer, now=clock.now, on_change=self._changed
        )
        self._state: StateReport | None = None
        will = Will(
            topic=topics.up("state"),
            payload=StateReport.farewell(
                self._new_id(), clock.now(), boot=self._boot, version=software_version()
            ),
        )
        self._connection = connect(topics, will)
        self._state = StateReport(
            connection=self._connection,
            topics=topics,
            boot=self._boot,
            version=software_version(),
            stream=database.stream,
            lines=world.lines,
            active=lambda: self.scheduler.active,
            queue_depth=self._queue_depth,
            dialling=lambda: self.scheduler.dialling,
            clock=lambda: self._judge.clock_state.reason,
            now=clock.now,
            new_id=self._new_id,
        )
        self._uplink = Uplink(database, self._connection, topics)
        self._requester = Requester(database, self._connection, topics, now=clock.now, new_id=self._new_id)
        self._downlink = Downlink(
            database,
            topics,
            Verifier.of(load_public_key(Path(key)) for key in settings.console.keys),
            clock=clock,
            ids=self._ids,
            check=campaign_check(),
            on_change=self._heed_console,
            on_signed=partial(world.trust.hear, TimeSource.CONSOLE),
        )
        self._heeding: asyncio.Task[None] | None = None
        self._heed_again = False
        for line in world.lines:
            line.on_change = self._line_changed
            line.on_network_time = partial(world.trust.hear, TimeSource.NETWORK)

    async def run(self, stop: asyncio.Event, *, ready: Callable[[], None] = lambda: None) -> None:
        """Serve until `stop` is set, then let calls end and the outbox drain, each under a deadline."""
        assert self._state is not None
        if self.gate_faults:
            log.error("gate_self_check_failed", allowed=self.gate_faults)
        if self.overlay_refused:
            log.error("overlay_refused", reason=self.overlay_refused)
        unsubscribe = self.database.subscribe(lambda _touched: self._changed())
        async with self._connection, asyncio.TaskGroup() as group:
            await self.database.transact(self._tell_restored)
            tasks = [
                group.create_task(self._downlink.run(self._connection), name="downlink"),
                group.create_task(self._uplink.run(), name="uplink"),
                group.create_task(self._requester.run(), name="request-batches"),
                group.create_task(self._state.run(), name="state"),
                group.create_task(self._feed_watchdog(), name="watchdog"),
                group.create_task(self._tidy(), name="tidy"),
                group.create_task(self._keep_snapshots(), name="snapshots"),
                group.create_task(self.keeper.run(), name="retention"),
                group.create_task(self._follow_hotplug(), name="hotplug"),
                *(
                    group.create_task(keep_alive(line), name=f"line:{line.line_id}")
                    for line in self._world.lines
                ),
            ]
            if not self.gate_faults:
                tasks.append(group.create_task(self.scheduler.run(), name="scheduler"))
            else:
                self.scheduler.dialling = "the gate failed its self-check: reinstall the firmware"
            ready()
            log.info(
                "serving", box=self._settings.box.id, lines=len(self._world.lines), version=software_version()
            )
            await stop.wait()
            systemd.notify_stopping()
            log.info("stopping", calls=len(self.scheduler.active))
            await self.scheduler.finish(deadline_s=POLITE_STOP_S)
            await self._drain()
            await self._state.say_goodbye()
            unsubscribe()
            for task in tasks:
                task.cancel()

    async def _drain(self) -> None:
        try:
            async with asyncio.timeout(LAST_WORDS_S):
                while (await self._queue_depth())[0]:  # noqa: ASYNC110 - the store has no event for "empty"
                    await asyncio.sleep(0.1)
        except TimeoutError:
            log.info("outbox_kept_for_next_start")

    async def _queue_depth(self) -> tuple[int, float]:
        depth = await self.database.read(outbox.depth)
        oldest = depth.oldest_at
        return depth.n_waiting, (self._world.clock.now() - oldest).total_seconds() if oldest else 0.0

    async def _tidy(self) -> None:
        """Say which rule packs need a person soon, and forget ids that no replay can bring back; once a day."""
        while True:
            now = self._world.clock.now()
            for warning in self._gate.warnings(now):
                log.warning("rules_need_attention", what=warning)
            with contextlib.suppress(StoreError):  # a full disk: tomorrow is soon enough
                await self.database.transact(partial(inbox.forget_before, before=now - INBOX_KEPT))
            await asyncio.sleep(24 * 3600)

    async def _keep_snapshots(self) -> None:
        """Copy the database once a day, when no call is up: what a damaged one is restored from."""
        await asyncio.sleep(FIRST_SNAPSHOT_AFTER_S)
        while True:
            while self.scheduler.active:  # noqa: ASYNC110 - a minute more or less is nothing to a copy a day
                await asyncio.sleep(CALLS_RETRY_S)
            try:
                await self.database.snapshot(at=self._world.clock.now())
            except StoreError as error:
                log.warning("snapshot_failed", reason=str(error))
            await asyncio.sleep(SNAPSHOT_EVERY_S)

    def _tell_restored(self, con: StoreConnection) -> None:
        """Report a database that had to be restored, once, in the transaction that forgets it was not reported."""
        restored = restoring.to_tell(con)
        if restored is None:
            return
        age = (
            f"the snapshot of {restored.snapshot_at:%Y-%m-%d %H:%M} UTC"
            if restored.snapshot_at
            else "nothing"
        )
        lost = f"; parts of {', '.join(restored.unreadable)} are lost" if restored.unreadable else ""
        if restored.n_withdrawn:
            lost += f"; {restored.n_withdrawn} contacts that were being called are taken off their lists"
        self._reports.event(
            con,
            "database_restored",
            "alarm",
            detail=f"restored from {age} and {restored.n_salvaged} salvaged rows{lost}. Dialling is stopped: check who "
            f"was called since, send the suppressions, then resume all. The damaged file is kept in {restored.quarantine}",
        )
        restoring.told(con)

    async def _follow_hotplug(self) -> None:
        """Wake the lines whenever a modem came, went or moved: one of them may have waited for that."""
        if self._world.hotplug is None:
            return
        async for _change in self._world.hotplug():
            for line in self._world.lines:
                line.ports_changed()

    async def _feed_watchdog(self) -> None:
        interval_s = systemd.watchdog_interval_s()
        while True:
            await asyncio.sleep(interval_s or 3600.0)
            await self.database.read(suppression_list.confirmed_at)  # a stuck disk must not look alive
            systemd.feed_watchdog()

    def _line_changed(self, report: LineReport) -> None:
        log.info(
            "line", line=report.line, status=report.status.value, detail=report.detail, model=report.model
        )
        self._changed()
        if report.status is LineStatus.READY:
            self.scheduler.wake()

    def _heed_console(self) -> None:
        self._changed()
        if self._heeding is None or self._heeding.done():
            self._heeding = asyncio.get_running_loop().create_task(
                self._heed_until_quiet(), name="heed-console"
            )
        else:
            self._heed_again = True

    async def _heed_until_quiet(self) -> None:
        self._heed_again = True
        while self._heed_again:
            self._heed_again = False
            await self.scheduler.heed_console()

    def _changed(self) -> None:
        if self._state is not None:
            self._state.changed()

    def _new_id(self) -> str:
        return self._ids.new(to_ms(self._world.clock.now()))


def campaign_check() -> CampaignCheck[Flow]:
    """Return how downlink asks the flow language, which it does not know."""
    return CampaignCheck(
        flow_check=load_flow,
        contact_check=lambda flow, row: flow.check_vars(row.vars, row.language),
        refusals=(FlowRefusedError, ContactRefusedError),
    )


def software_version() -> str:
    """Return the installed version."""
    try:
        return version("branchline")
    except PackageNotFoundError:
        return "0+checkout"
