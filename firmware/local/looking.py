"""Looks at the running box for whoever stands before it; a look costs the database two short reads, and is kept a moment."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from firmware.calls.desk import Desk
from firmware.calls.judging import Judge
from firmware.calls.scheduler import ActiveCall, Scheduler
from firmware.clock import Clock, ClockState, day_began
from firmware.daemon.configuration import Configuration
from firmware.host.disk_space import DiskBudget
from firmware.host.health import host_health
from firmware.lines.line import Line
from firmware.local.facts import (
    BoxFacts,
    HourFacts,
    LineFacts,
    MachineFacts,
    QueueFacts,
    TodayFacts,
    UplinkFacts,
)
from firmware.local.trouble import GROUPS, alarms_of, bars_of, group_of, standing, trouble_of, verdict_of
from firmware.settings_sections import BoxSection
from firmware.store import campaigns, outbox, suppressions, today
from firmware.store.connection import Connection as StoreConnection
from firmware.store.database import Database
from firmware.sync.connection import Connection

KEPT_S = 1.0
"""A page that many people reload asks the database once a second, not more."""


class Looker:
    """Collects `BoxFacts`."""

    def __init__(
        self,
        section: BoxSection,
        *,
        version: str,
        clock: Clock[Any],
        database: Database,
        lines: Sequence[Line[Any]],
        scheduler: Scheduler,
        desk: Desk,
        judge: Judge,
        config: Configuration,
        connection: Connection,
        disk: DiskBudget,
        faults: Callable[[], Sequence[tuple[str, str]]],
        raised: Callable[[], Sequence[str]],
    ) -> None:
        self._section = section
        self._version = version
        self._clock = clock
        self._database = database
        self._lines = lines
        self._scheduler = scheduler
        self._desk = desk
        self._judge = judge
        self._config = config
        self._connection = connection
        self._disk = disk
        self._faults = faults
        self._raised = raised
        self._started_s = clock.monotonic_s()
        self._turn = asyncio.Lock()
        self._last: tuple[float, BoxFacts] | None = None
        self.held_until: datetime | None = None
        """What facts say of a hold by a technician."""

    async def look(self, *, fresh: bool = False) -> BoxFacts:
        """Return how the box stands. Raises StoreError."""
        async with self._turn:
            now_s = self._clock.monotonic_s()
            if fresh or self._last is None or now_s - self._last[0] > KEPT_S:
                self._last = (now_s, await self._look())
            return self._last[1]

    async def _look(self) -> BoxFacts:
        now = self._clock.now()
        began = day_began(now, ZoneInfo(self._section.time_zone))

        def read(
            con: StoreConnection,
        ) -> tuple[
            ClockState,
            outbox.OutboxDepth,
            list[today.HourCount],
            today.Waiting,
            datetime | None,
            datetime | None,
        ]:
            return (
                self._judge.clock_now(con),
                outbox.depth(con),
                today.outcomes_by_hour(con, began, now),
                today.waiting(con),
                campaigns.next_due_at(con, now),
                suppressions.confirmed_at(con),
            )

        clock, depth, counts, waiting, due_at, heard_at = await self._database.read(read)
        active = self._scheduler.active
        names = {each.line: each.name for each in self._config.current.lines}
        lines = [line_facts(line, active.get(line.line_id), names) for line in self._lines]
        uplink = UplinkFacts(
            connected=self._connection.connected,
            waiting=depth.n_waiting,
            waiting_bytes=depth.n_bytes,
            oldest_s=round(depth.age_s(now), 1),
            console_heard_at=heard_at,
        )
        health = host_health(self._disk.folder)
        machine = MachineFacts(
            cpu_temp_c=health.cpu_temp_c,
            load_1m=health.load_1m,
            memory_available_bytes=health.memory_available_bytes,
            disk_free_bytes=health.disk_free_bytes,
            disk_room=self._disk.room().value,
        )
        dialling = standing(self._scheduler.dialling, lines, clock_trusted=clock.trusted)
        alarms = alarms_of(
            dialling=dialling,
            dialling_detail=self._scheduler.dialling,
            clock_trusted=clock.trusted,
            clock=clock.reason,
            lines=lines,
            uplink=uplink,
            machine=machine,
            faults=self._faults(),
            raised=self._raised(),
        )
        return BoxFacts(
            at=now,
            box=self._section.id,
            time_zone=self._section.time_zone,
            language=self._section.language,
            version=self._version,
            uptime_s=int(self._clock.monotonic_s() - self._started_s),
            verdict=verdict_of(dialling, lines, alarms),
            dialling=dialling,
            dialling_detail=self._scheduler.dialling,
            clock_trusted=clock.trusted,
            clock=clock.reason,
            calls_up=len(active),
            held_until=self.held_until,
            lines=lines,
            today=today_facts(counts, began),
            queue=QueueFacts(
                contacts=waiting.contacts,
                campaigns_ready=waiting.campaigns_ready,
                campaigns_paused=waiting.campaigns_paused,
                next_call_at=None if waiting.is_stopped else self._next_call_at(due_at),
            ),
            uplink=uplink,
            machine=machine,
            alarms=alarms,
        )

    def _next_call_at(self, due_at: datetime | None) -> datetime | None:
        """Return the earliest instant that lists, the gate's deferrals and the office's hours leave for the next call."""
        if due_at is None or self._desk.office_hours is None:
            return due_at
        return self._desk.office_hours.next_open(due_at)


def line_facts(line: Line[Any], call: ActiveCall | None, names: Mapping[str, str]) -> LineFacts:
    """Return what anybody may know of a line: not whom it calls."""
    report = line.report
    return LineFacts(
        line=line.line_id,
        name=names.get(line.line_id, ""),
        status=report.status.value,
        trouble=trouble_of(report),
        detail="" if call else report.detail,
        model=report.model,
        operator=report.operator,
        rssi_dbm=report.rssi_dbm,
        bars=bars_of(report.rssi_dbm),
        call=call.stage if call else "",
        treatment=report.treatment,
    )


def today_facts(counts: Sequence[today.HourCount], began: datetime) -> TodayFacts:
    """Return the day's calls by group, by disposition and by hour."""
    groups: Counter[str] = Counter()
    dispositions: Counter[str] = Counter()
    reached: Counter[int] = Counter()
    others: Counter[int] = Counter()
    for count in counts:
        group = group_of(count.disposition)
        groups[group] += count.n_calls
        dispositions[count.disposition.value] += count.n_calls
        (reached if group in {"right_party", "other_person"} else others)[count.hour] += count.n_calls
    start = began.astimezone(ZoneInfo("UTC"))
    return TodayFacts(
        calls=groups.total(),
        groups={group: groups[group] for group in GROUPS if groups[group]},
        dispositions=dict(sorted(dispositions.items())),
        hours=[
            HourFacts(
                starts_at=start + timedelta(hours=hour), reached=reached[hour], not_reached=others[hour]
            )
            for hour in sorted(reached.keys() | others.keys())
        ],
    )
