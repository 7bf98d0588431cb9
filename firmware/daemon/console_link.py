"""All that passes between this box and its console: one connection, what goes up over it and what comes down."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import structlog

from firmware.calls.judging import Judge
from firmware.calls.scheduler import Scheduler
from firmware.commands.catalogue import command_problem
from firmware.daemon.callers import Callers
from firmware.daemon.campaign_checks import campaign_check
from firmware.daemon.checkup import client_identity
from firmware.daemon.configuration import Configuration
from firmware.daemon.device_identity import device_key_of
from firmware.daemon.enforcing import config_bounds
from firmware.daemon.reloading import upload_terms
from firmware.daemon.state_report import StateReport
from firmware.daemon.telemetry import TelemetryReport
from firmware.daemon.worlds import World
from firmware.host.clock_trust import TimeSource
from firmware.rules.desk import RulesDesk
from firmware.settings import Settings
from firmware.settings_sections import RecordingUploadSection
from firmware.store import outbox
from firmware.store.database import Database
from firmware.sync.anchoring import Anchors
from firmware.sync.byte_budget import ByteBudget, MeteredConnection
from firmware.sync.connection import Connection, Will
from firmware.sync.downlink import Downlink
from firmware.sync.key_ring import KeyRing
from firmware.sync.mqtt_settings import TlsFiles
from firmware.sync.recording_sender import RecordingSender
from firmware.sync.recording_upload import RecordingUpload, UploadTarget
from firmware.sync.renewing import Renewal
from firmware.sync.reports import Reports
from firmware.sync.requesting import Requester
from firmware.sync.topics import BoxTopics
from firmware.sync.uplink import Uplink
from firmware.sync.upload_pace import UploadPace
from firmware.values import UuidV7

log = structlog.get_logger()
WorldT = TypeVar("WorldT")
DRAIN_LOOK_S = 0.1


class ConsoleLink:
    """The parts of the box that speak MQTT, wired to each other; `tasks` names what runs while it serves."""

    def __init__(
        self,
        settings: Settings,
        world: World[WorldT],
        *,
        database: Database,
        connect: Callable[[BoxTopics, Will], Connection],
        config: Configuration,
        scheduler: Scheduler,
        callers: Callers,
        judge: Judge,
        keys: KeyRing,
        rules: RulesDesk,
        reports: Reports,
        alarms: Callable[[], Sequence[str]],
        ids: UuidV7,
        new_id: Callable[[], str],
        boot: str,
        version: str,
        on_change: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._identity = client_identity(settings)
        self._database = database
        self._scheduler = scheduler
        self._callers = callers
        self._on_change = on_change
        self._heeding: asyncio.Task[None] | None = None
        self._heed_again = False
        now = world.clock.now
        topics = BoxTopics(settings.box.tenant, settings.box.id)
        will = Will(
            topic=topics.up("state"),
            payload=StateReport.farewell(new_id(), now(), boot=boot, version=version),
        )
        self.budget = ByteBudget(database, now=now)
        self.connection = MeteredConnection(connect(topics, will), self.budget)
        self.telemetry = TelemetryReport(
            connection=self.connection,
            topics=topics,
            boot=boot,
            data_dir=Path(settings.box.data_dir),
            lines=world.lines,
            depth=self._depth,
            dialling=lambda: scheduler.dialling,
            clock=lambda: judge.clock_state,
            config=config,
            budget=self.budget,
            counters=lambda: {
                "calls_active": len(scheduler.active),
                "unanswered_refusals": self.downlink.n_unanswered,
            },
            now=now,
            new_id=new_id,
        )
        self.state = StateReport(
            connection=self.connection,
            topics=topics,
            boot=boot,
            version=version,
            stream=database.stream,
            lines=world.lines,
            active=lambda: scheduler.active,
            depth=self._depth,
            config=config,
            time_to_full_s=self.telemetry.forecast.time_to_full_s,
            thrift=lambda: self.budget.thrift,
            dialling=lambda: scheduler.dialling,
            clock=lambda: judge.clock_state.reason,
            alarms=alarms,
            now=now,
            new_id=new_id,
        )
        self.pace = UploadPace(upload_terms(settings.recording_upload, settings.box.time_zone))
        self.recording_sender = RecordingSender(
            database,
            self.connection,
            topics,
            pace=self.pace,
            now=now,
            new_id=new_id,
        )
        self._recording_upload = RecordingUpload(
            database,
            self._upload_target(settings.recording_upload),
            box=settings.box.id,
            pace=self.pace,
            budget=self.budget,
            now=now,
        )
        self.renewal = Renewal(
            self._identity,
            connection=self.connection,
            topics=topics,
            database=database,
            reports=reports,
            now=now,
            new_id=new_id,
        )
        self.downlink = Downlink(
            database,
            topics,
            keys,
            clock=world.clock,
            ids=ids,
            check=campaign_check(),
            bounds=config_bounds(settings, world),
            command_check=command_problem,
            rules=rules,
            certificates=self.renewal,
            on_change=self._heed_console,
            on_fetch=self.recording_sender.fetch,
            on_signed=partial(world.trust.hear, TimeSource.CONSOLE),
        )
        self._uplink = Uplink(database, self.connection, topics, budget=self.budget)
        self._anchors = Anchors(
            database, device_key_of(settings), box=settings.box.id, now=now, new_id=new_id
        )
        self._requester = Requester(database, self.connection, topics, now=now, new_id=new_id)

    def tasks(self) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
        """Yield what runs until it is cancelled, by name."""
        yield "downlink", self.downlink.run(self.connection)
        yield "uplink", self._uplink.run()
        yield "request-batches", self._requester.run()
        yield "send-recordings", self.recording_sender.run()
        yield "put-recordings", self._recording_upload.run()
        yield "audit-heads", self._anchors.run()
        yield "renew-certificate", self.renewal.run()
        yield "state", self.state.run()
        yield "telemetry", self.telemetry.run()

    def go_by_upload(self, section: RecordingUploadSection) -> None:
        """Send recordings as these settings say."""
        self.pace.own = upload_terms(section, self._settings.box.time_zone)
        self._recording_upload.target = self._upload_target(section)

    def _upload_target(self, section: RecordingUploadSection) -> UploadTarget | None:
        if not section.url:
            return None

        def tls() -> TlsFiles:
            own = self._identity.in_use()
            return TlsFiles(
                ca=Path(section.ca) if section.ca else own.ca,
                certificate=Path(section.certificate) if section.certificate else own.certificate,
                key=Path(section.key) if section.certificate else own.key,
            )

        return UploadTarget(url=section.url, tls=tls)

    async def say_goodbye(self, *, within_s: float) -> None:
        """Sign the last head of the audit log, let the outbox drain for `within_s`, and say that we leave."""
        await self._anchors.publish()
        try:
            async with asyncio.timeout(within_s):
                while (await self._depth()).n_waiting:  # noqa: ASYNC110 - the store has no event for "empty"
                    await asyncio.sleep(DRAIN_LOOK_S)
        except TimeoutError:
            log.info("outbox_kept_for_next_start")
        await self.state.say_goodbye()

    async def _depth(self) -> outbox.OutboxDepth:
        return await self._database.read(outbox.depth)

    def _heed_console(self) -> None:
        self._on_change()
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
            await self._scheduler.heed_console()
            await self._callers.heed_console()
