"""The health snapshot of `up/telemetry`: each minute, at QoS 0, dropped while offline, never queued."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from firmware.clock import ClockState
from firmware.daemon.configuration import Configuration
from firmware.host.health import FillForecast, HostHealth, host_health
from firmware.lines.line import Line
from firmware.store.errors import StoreError
from firmware.store.outbox import OutboxDepth
from firmware.sync.byte_budget import ByteBudget, Thrift
from firmware.sync.connection import Connection
from firmware.sync.errors import NotConnectedError, PublishRefusedError
from firmware.sync.messages import Telemetry, encode
from firmware.sync.messages_config import ConfigSettings
from firmware.sync.messages_telemetry import LineHealth
from firmware.sync.topics import BoxTopics


class TelemetryReport:
    """Looks and tells, as often as the configuration says."""

    def __init__(
        self,
        *,
        connection: Connection,
        topics: BoxTopics,
        boot: str,
        data_dir: Path,
        lines: Sequence[Line[Any]],
        depth: Callable[[], Awaitable[OutboxDepth]],
        dialling: Callable[[], str],
        clock: Callable[[], ClockState],
        config: Configuration,
        budget: ByteBudget,
        counters: Callable[[], Mapping[str, int]],
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        look: Callable[[Path], HostHealth] = host_health,
    ) -> None:
        self._connection = connection
        self._topics = topics
        self._boot = boot
        self._data_dir = data_dir
        self._lines = lines
        self._depth = depth
        self._dialling = dialling
        self._clock = clock
        self._config = config
        self._budget = budget
        self._counters = counters
        self._now = now
        self._new_id = new_id
        self._look = look
        self._reconfigured = asyncio.Event()
        self._started_s = 0.0
        self.forecast = FillForecast()
        self.n_dropped = 0
        """Snapshots that went nowhere, as there was no connection or no budget."""

    def enforce(self, _config: ConfigSettings) -> None:
        """Go by a new period at once."""
        self._reconfigured.set()

    async def run(self) -> None:
        """Look and tell until cancelled."""
        loop = asyncio.get_running_loop()
        self._started_s = loop.time()
        while True:
            self._reconfigured.clear()
            try:
                async with asyncio.timeout(self._config.current.telemetry_every_s):
                    await self._reconfigured.wait()
                continue
            except TimeoutError:
                pass
            await self._tell(loop.time())

    async def _tell(self, at_s: float) -> None:
        health = self._look(self._data_dir)
        if health.disk_free_bytes is not None:
            self.forecast.note(at_s, health.disk_free_bytes)
        if not self._connection.connected or self._budget.thrift is not Thrift.FREE:
            self.n_dropped += 1
            return
        try:
            depth = await self._depth()
            snapshot = self._snapshot(health, depth, at_s)
            await self._connection.publish(self._topics.up("telemetry"), encode(snapshot), qos=0)
        except (StoreError, NotConnectedError, PublishRefusedError):
            self.n_dropped += 1

    def _snapshot(self, health: HostHealth, depth: OutboxDepth, at_s: float) -> Telemetry:
        now = self._now()
        of_day, of_month = self._budget.used
        clock = self._clock()
        return Telemetry(
            id=self._new_id(),
            at=now,
            boot=self._boot,
            uptime_s=int(at_s - self._started_s),
            lines=[
                LineHealth(line=line.line_id, status=line.report.status.value, rssi_dbm=line.report.rssi_dbm)
                for line in self._lines
            ],
            cpu_temp_c=health.cpu_temp_c,
            load_1m=health.load_1m,
            memory_available_bytes=health.memory_available_bytes,
            disk_free_bytes=health.disk_free_bytes,
            outbox=depth.n_waiting,
            outbox_bytes=depth.n_bytes,
            oldest_unsent_s=round(depth.age_s(now), 1),
            time_to_full_s=self.forecast.time_to_full_s(),
            clock_trusted=clock.trusted,
            clock=clock.reason,
            dialling=self._dialling(),
            config=self._config.version,
            uplink=self._budget.thrift.value,
            counters={
                "uplink_bytes_today": of_day,
                "uplink_bytes_this_month": of_month,
                "telemetry_dropped": self.n_dropped,
                **self._counters(),
            },
        )
