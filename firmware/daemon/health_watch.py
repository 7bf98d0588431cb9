"""Looks at the machine and the lines once a minute: what is wrong becomes an alarm, told once, and once when it is over."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import structlog

from firmware.host.alarms import Alarms, Change, Rule
from firmware.host.disk_space import MIB, DiskBudget
from firmware.host.health import HostHealth, host_health
from firmware.host.wear_and_power import WearAndPower, wear_and_power
from firmware.lines.line import Line, LineStatus
from firmware.store.connection import Connection as StoreConnection
from firmware.store.database import Database
from firmware.store.errors import StoreError
from firmware.sync.reports import Reports
from firmware.values import LineId

log = structlog.get_logger()

LOOK_EVERY_S = 60.0
_TREATED_WITHIN_S = 24 * 3600.0


def rules(disk: DiskBudget) -> tuple[Rule, ...]:
    """Return when what becomes an alarm on a box with this disk budget."""
    return (
        Rule(
            name="disk_low",
            raised_at=disk.low_bytes / MIB,
            cleared_at=disk.low_bytes * 1.2 / MIB,
            advice="{value:.0f} MB of disk are free: recordings go before their time, and below the scarce limit nobody is "
            "called; let the console fetch recordings, or give the box a larger disk",
        ),
        Rule(
            name="too_hot",
            raised_at=80.0,
            cleared_at=70.0,
            raised_after_s=120,
            cleared_after_s=300,
            advice="the processor is at {value:.0f} degrees and slows down: give the box air, out of the sun",
        ),
        Rule(
            name="memory_low",
            raised_at=80.0,
            cleared_at=160.0,
            raised_after_s=120,
            cleared_after_s=300,
            advice="{value:.0f} MB of memory are left: set [listening] workers lower, or give the box more",
        ),
        Rule(
            name="card_worn",
            raised_at=90.0,
            cleared_at=80.0,
            advice="the memory card has used {value:.0f} % of its life: replace it soon, the console has all outcomes",
        ),
        Rule(
            name="under_voltage",
            raised_at=1.0,
            cleared_at=0.0,
            cleared_after_s=600,
            advice="the supply is too weak: use the original power supply and cable; modems on a hub with its own",
        ),
        Rule(
            name="certificate_ending",
            raised_at=14.0,
            cleared_at=30.0,
            advice="the box's certificate ends in {value:.0f} days and no other came: let `branchline-console watch` run where "
            "the authority's key lies, or make one with `branchline-console box renew`",
        ),
        Rule(
            name="line_out",
            raised_at=900.0,
            cleared_at=0.0,
            cleared_after_s=60,
            advice="line {subject} has not been ready for {value:.0f} s: see its detail in `branchline check`",
        ),
        Rule(
            name="line_unsteady",
            raised_at=6.0,
            cleared_at=2.0,
            advice="the modem of line {subject} had to be treated {value:.0f} times in a day: check its power, cable and antenna",
        ),
    )


class HealthWatch:
    """Looks, decides, tells."""

    def __init__(
        self,
        *,
        database: Database,
        reports: Reports,
        lines: Sequence[Line[Any]],
        disk: DiskBudget,
        certificate_days: Callable[[], float | None] = lambda: None,
        monotonic_s: Callable[[], float],
        on_change: Callable[[], None],
        machine: Callable[[Path], HostHealth] = host_health,
        hardware: Callable[[], Awaitable[WearAndPower]] = wear_and_power,
    ) -> None:
        self.alarms = Alarms(rules(disk))
        self._database = database
        self._reports = reports
        self._lines = lines
        self._disk = disk
        self._certificate_days = certificate_days
        self._monotonic_s = monotonic_s
        self._on_change = on_change
        self._machine = machine
        self._hardware = hardware
        self._ready_at_s: dict[LineId, float] = {}
        self._treated: dict[LineId, list[tuple[float, int]]] = {}
        self._untold: list[Change] = []

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Look once; an event that could not be written is written at a later look."""
        at_s = self._monotonic_s()
        values = self._of_machine(self._machine(self._disk.folder), await self._hardware())
        values |= self._of_lines(at_s)
        changes = self.alarms.see(values, at_s)
        for change in changes:
            if change.is_raised:
                log.error("alarm_raised", alarm=change.name, detail=change.detail)
            else:
                log.info("alarm_cleared", alarm=change.name)
        self._untold += changes
        if changes:
            self._on_change()
        if self._untold:
            try:
                await self._database.transact(self._tell)
            except StoreError:
                return
            self._untold = []

    def _tell(self, con: StoreConnection) -> None:
        for change in self._untold:
            name, _, line = change.name.partition(":")
            self._reports.event(
                con,
                name if change.is_raised else f"{name}_over",
                "alarm" if change.is_raised else "info",
                detail=change.detail,
                line=line or None,
            )

    def _of_machine(self, machine: HostHealth, hardware: WearAndPower) -> dict[tuple[str, str], float | None]:
        free, memory = machine.disk_free_bytes, machine.memory_available_bytes
        under = hardware.under_voltage
        return {
            ("disk_low", ""): None if free is None else free / MIB,
            ("too_hot", ""): machine.cpu_temp_c,
            ("memory_low", ""): None if memory is None else memory / MIB,
            ("card_worn", ""): hardware.card_used_percent,
            ("under_voltage", ""): None if under is None else float(under),
            ("certificate_ending", ""): self._certificate_days(),
        }

    def _of_lines(self, at_s: float) -> dict[tuple[str, str], float | None]:
        values: dict[tuple[str, str], float | None] = {}
        for line in self._lines:
            name, report = line.line_id, line.report
            if report.status in {LineStatus.READY, LineStatus.IN_CALL} or name not in self._ready_at_s:
                self._ready_at_s[name] = at_s
            values["line_out", name] = at_s - self._ready_at_s[name]
            seen = self._treated.setdefault(name, [])
            seen.append((at_s, sum(count for _rung, count in report.healed_by)))
            while at_s - seen[0][0] > _TREATED_WITHIN_S:
                del seen[0]
            values["line_unsteady", name] = seen[-1][1] - seen[0][1]
        return values
