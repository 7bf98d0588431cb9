"""Composition root: builds every part by constructor, runs them in one TaskGroup, stops them in order."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence, Set
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

import structlog

from audio.speech.synthesis import Synthesizer
from audio.speech.voices import Voices
from firmware.calls.auditing import Auditor, load_audit_key
from firmware.calls.judging import Judge
from firmware.calls.listening import Hearing
from firmware.clock import to_ms
from firmware.commands.diagnostics import bundle
from firmware.commands.doing import BoxHands
from firmware.commands.runner import CommandRunner, kernel_boot
from firmware.commands.updating import UpdateWatch
from firmware.compliance.self_check import self_check
from firmware.daemon.calling import Calling, Workers
from firmware.daemon.checkup import Finding, check_running_box
from firmware.daemon.configuration import Configuration
from firmware.daemon.console_link import ConsoleLink
from firmware.daemon.enforcing import (
    enforce_broker,
    enforce_budget,
    enforce_calls,
    enforce_log_level,
    enforce_recordings,
)
from firmware.daemon.health_watch import HealthWatch
from firmware.daemon.reloading import Reloaded, Reloader
from firmware.daemon.restored_alarm import tell_restored
from firmware.daemon.upkeep import Upkeep
from firmware.daemon.worlds import World
from firmware.host import systemd
from firmware.host.clock_trust import TimeSource
from firmware.host.disk_space import MIB, DiskBudget
from firmware.host.heartbeats import Heartbeats
from firmware.host.journal import RecentEvents
from firmware.local.deeds import Deeds
from firmware.local.looking import Looker
from firmware.retention.keeper import Keeper
from firmware.retention.periods import Defaults
from firmware.rules.at_start import rules_at_start
from firmware.rules.desk import RulesDesk
from firmware.rules.kept_release import enrolled_ring, kept_release
from firmware.settings import Settings
from firmware.store.connection import Connection as StoreConnection
from firmware.store.database import Database
from firmware.sync.connection import Connection, Will
from firmware.sync.reports import Reports
from firmware.sync.responding import Responder
from firmware.sync.topics import BoxTopics
from firmware.values import UuidV7
from firmware.version import software_version
from modem_drivers.power_hook import PowerHook

log = structlog.get_logger()
WorldT = TypeVar("WorldT")

POLITE_STOP_S = 60.0
"""Calls under way may end by themselves this long after we are told to stop."""
LAST_WORDS_S = 5.0
"""What is left for the outbox after that."""
LONGEST_STOP_S = 2 * POLITE_STOP_S + LAST_WORDS_S + 25.0
"""With those that had to be ended, and what closes after the last word."""
SCHEDULER_WITHIN_S = 120.0
"""It looks every 30 s; a database under load may hold it up."""
LINE_WITHIN_S = 900.0
"""The longest treatment of a sick modem, with every wait in it."""


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
        recent: RecentEvents | None = None,
        heartbeats: Heartbeats | None = None,
        check: Callable[[Settings], Awaitable[Sequence[Finding]]] = check_running_box,
    ) -> None:
        """Wire the parts; without `hearing` calls go by keys alone."""
        self._settings = settings
        self._world = world
        recent = recent or RecentEvents()
        self.database = database
        self._ids = UuidV7()
        self._boot = self._new_id()
        data = Path(settings.box.data_dir)
        recordings = data / "recordings"
        recordings.mkdir(parents=True, exist_ok=True, mode=0o700)
        clock = world.clock
        keys = enrolled_ring(settings.console, clock.now)
        database.run_now(keys.load)
        found = rules_at_start(settings.compliance, database.run_now(lambda con: kept_release(con, keys)))
        gate = found.rules.gate
        self.overlay_refused = found.overlay_refused
        """Why the overlay of the settings is not in force, empty when it is or there is none."""
        self.release_fault = found.fault
        """Why the console's rules cannot be used, empty when they can or there are none."""
        self.gate_faults = self_check(gate)
        """Forbidden calls that the gate would allow: must be empty, or nothing is dialled."""
        reports = self._reports = Reports(database.stream, clock.now, self._new_id)
        self._judge = Judge(
            gate=gate,
            approvals=found.rules.approvals,
            overlay_refused=self.overlay_refused,
            release=found.release,
            rules=Auditor(load_audit_key(data / "audit.key"), box=settings.box.id, boot=self._boot),
            now=clock.now,
            judge_clock=world.trust.judge,
            lease_s=settings.compliance.suppression_lease_h * 3600,
            max_call_s=settings.dialling.max_call_s,
        )
        self._config = Configuration(database, now=clock.now, new_id=self._new_id)
        kept = settings.retention
        disk = DiskBudget(
            folder=data, low_bytes=kept.disk_low_mb * MIB, scarce_bytes=kept.disk_scarce_mb * MIB
        )
        self.keeper = Keeper(
            database=database,
            chain=self._judge,
            rules=lambda: self._judge.gate,
            reports=reports,
            now=clock.now,
            monotonic_s=clock.monotonic_s,
            data_dir=data,
            defaults=Defaults(
                records_days=kept.records_days,
                recordings_days=kept.recordings_days,
                uncalled_days=kept.uncalled_days,
            ),
            disk=disk,
            files=workers.recording,
            is_busy=lambda: self.calling.is_busy,
        )
        self.calling = calling = Calling(
            settings,
            world,
            database=database,
            judge=self._judge,
            reports=reports,
            synthesizer=synthesizer,
            workers=workers,
            hearing=hearing,
            recordings=recordings,
            why_no_room=self.keeper.disk.why_no_room,
            new_id=self._new_id,
            on_change=self._changed,
        )
        self.scheduler = calling.scheduler
        self.health = HealthWatch(
            database=database,
            reports=reports,
            lines=world.lines,
            disk=disk,
            certificate_days=self._certificate_days,
            monotonic_s=clock.monotonic_s,
            on_change=self._changed,
        )
        rules = RulesDesk(
            database=database,
            section=settings.compliance,
            judge=self._judge,
            reports=reports,
            keys=keys,
            executor=workers.speech,
            now=clock.now,
        )
        self.link = link = ConsoleLink(
            settings,
            world,
            database=database,
            connect=connect,
            config=self._config,
            scheduler=self.scheduler,
            callers=calling.callers,
            judge=self._judge,
            keys=keys,
            rules=rules,
            reports=reports,
            alarms=lambda: self.health.alarms.raised,
            ids=self._ids,
            new_id=self._new_id,
            boot=self._boot,
            version=software_version(),
            on_change=self._changed,
        )
        self._longest_call_s = settings.dialling.max_call_s
        self._enforce_calls = enforce_calls(
            settings,
            longest_s=lambda: self._longest_call_s,
            desk=calling.desk,
            judge=self._judge,
            placer=calling.placer,
            scheduler=self.scheduler,
        )
        self._enforce = [
            enforce_log_level,
            link.telemetry.enforce,
            enforce_budget(settings, link.budget),
            self._enforce_calls,
            enforce_broker(settings, link.connection),
            enforce_recordings(link.pace),
        ]
        self._reloader = Reloader(
            settings,
            database=database,
            judge=self._judge,
            keys=keys,
            rules=rules,
            upload=link.go_by_upload,
            executor=workers.speech,
            bound_calls=self._bound_calls,
        )
        self.hands = BoxHands(
            settings,
            lines=world.lines,
            scheduler=self.scheduler,
            desk=calling.desk,
            self_check=partial(check, settings),
            bundle=lambda n_events: bundle(
                settings,
                database,
                lines=[line.report for line in world.lines],
                recent=recent,
                n_events=n_events,
                facts=self._facts(),
            ),
            reboot=PowerHook(settings.commands.reboot) if settings.commands.reboot else None,
        )
        self._commands = CommandRunner(
            database,
            Responder(database.stream, clock.now, self._new_id),
            self.hands.doers(),
            now=clock.now,
            boot=kernel_boot(),
        )
        self.looker = Looker(
            settings.box,
            version=software_version(),
            clock=clock,
            database=database,
            lines=world.lines,
            scheduler=self.scheduler,
            desk=calling.desk,
            judge=self._judge,
            config=self._config,
            connection=link.connection,
            disk=disk,
            faults=self._faults,
            raised=lambda: self.health.alarms.raised,
        )
        self.deeds = Deeds(
            settings,
            looker=self.looker,
            hands=self.hands,
            lines=world.lines,
            scheduler=self.scheduler,
            judge=self._judge,
            database=database,
            recent=recent,
            now=clock.now,
        )
        self._update_watch = UpdateWatch(
            data, self.scheduler, database, reports, monotonic_s=clock.monotonic_s
        )
        self.heartbeats = heartbeats or Heartbeats(clock.monotonic_s)
        self._upkeep = Upkeep(
            database,
            world,
            gate=lambda: self._judge.gate,
            is_busy=lambda: self.calling.is_busy,
            heartbeats=self.heartbeats,
        )
        for line in world.lines:
            line.on_round = self.heartbeats.expect(f"line:{line.line_id}", within_s=LINE_WITHIN_S)
            line.on_network_time = partial(world.trust.hear, TimeSource.NETWORK)

    async def run(self, stop: asyncio.Event, *, ready: Callable[[], None] = lambda: None) -> None:
        """Serve until `stop` is set, then let calls end and the outbox drain, each under a deadline."""
        link, calling = self.link, self.calling
        if self.gate_faults:
            log.error("gate_self_check_failed", allowed=self.gate_faults)
        if self.overlay_refused:
            log.error("overlay_refused", reason=self.overlay_refused)
        if self.release_fault:
            log.error("policy_release_unusable", reason=self.release_fault)
        unsubscribe = self.database.subscribe(self._committed)
        async with link.connection, asyncio.TaskGroup() as group:
            await self.database.transact(lambda con: tell_restored(con, self._reports))
            await self.database.transact(self._tell_release_fault)
            tasks = [
                *(
                    group.create_task(work, name=name)
                    for name, work in (*link.tasks(), *self._upkeep.tasks())
                ),
                group.create_task(
                    self._config.run(link.connection, [*self._enforce, lambda _: self._changed()]),
                    name="configuration",
                ),
                group.create_task(self._commands.run(), name="commands"),
                group.create_task(self._update_watch.run(), name="update-watch"),
                group.create_task(self.keeper.run(), name="retention"),
                group.create_task(self.health.run(), name="health"),
                *(group.create_task(work, name=name) for name, work in calling.line_tasks()),
            ]
            if not self.gate_faults:
                self.scheduler.on_round = self.heartbeats.expect("scheduler", within_s=SCHEDULER_WITHIN_S)
                tasks.extend(group.create_task(work, name=name) for name, work in calling.tasks())
            else:
                self.scheduler.dialling = "the gate failed its self-check: reinstall the firmware"
            ready()
            log.info(
                "serving", box=self._settings.box.id, lines=len(self._world.lines), version=software_version()
            )
            await stop.wait()
            n_calls = calling.n_calls
            why = f"told to stop: {n_calls} calls may end first" if n_calls else "told to stop: no call is up"
            systemd.notify_stopping(
                why, within_s=LONGEST_STOP_S if n_calls or calling.messenger.n_sending else 0.0
            )
            log.info("stopping", calls=n_calls)
            await calling.finish(deadline_s=POLITE_STOP_S)
            await link.say_goodbye(within_s=LAST_WORDS_S)
            unsubscribe()
            for task in tasks:
                task.cancel()

    async def reload(self, settings: Settings) -> Reloaded:
        """Go by settings that were read again, as far as a running box can; calls go on."""
        reloaded = await self._reloader.reload(settings)
        self._changed()
        self.scheduler.wake()
        return reloaded

    def _bound_calls(self, max_call_s: int) -> None:
        self._longest_call_s = max_call_s
        self._enforce_calls(self._config.current)

    def _tell_release_fault(self, con: StoreConnection) -> None:
        if self.release_fault:
            self._reports.event(con, "policy_release_unusable", "alarm", detail=self.release_fault)

    def _committed(self, touched: Set[str]) -> None:
        self._changed()
        self.calling.heed_database(touched)

    def _changed(self) -> None:
        self.link.state.changed()

    def _facts(self) -> dict[str, Any]:
        """Return what the parts know of themselves, for diagnostics."""
        return {
            "version": software_version(),
            "boot": self._boot,
            "dialling": self.scheduler.dialling,
            "clock": self._judge.clock_state.reason,
            "alarms": list(self.health.alarms.raised),
            "calls": len(self.scheduler.active),
            "config": self._config.version,
            "config_on_trial": self._config.on_trial,
            "unanswered_refusals": self.link.downlink.n_unanswered,
        }

    def _faults(self) -> list[tuple[str, str]]:
        """Return what is wrong with the rules, as codes of the local doors."""
        told = (
            ("gate", ", ".join(self.gate_faults)),
            ("overlay", self.overlay_refused),
            ("release", self.release_fault),
        )
        return [(code, detail) for code, detail in told if detail]

    def _certificate_days(self) -> float | None:
        return self.link.renewal.days_left()

    def _new_id(self) -> str:
        return self._ids.new(to_ms(self._world.clock.now()))
