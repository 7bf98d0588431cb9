"""What the watch counts over a day, looked at every minute of it."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from firmware.daemon.health_watch import LOOK_EVERY_S, HealthWatch
from firmware.host.disk_space import MIB, DiskBudget
from firmware.host.health import HostHealth
from firmware.host.wear_and_power import WearAndPower
from firmware.lines.line import LineReport, LineStatus
from firmware.store import outbox
from firmware.store.database import Database
from firmware.store.inline_executor import InlineExecutor
from firmware.sync.reports import Reports
from firmware.values import LineId, UuidV7

DAY_S = 24 * 3600.0


class Watched:
    """A watch over one line, with a clock that only its looks move."""

    def __init__(self, folder: Path) -> None:
        self.now_s = 0.0
        self.line = SimpleNamespace(line_id=LineId("line-2"), report=self.report())
        self.database = Database.open(folder / "box.db", executor=InlineExecutor())
        ids = UuidV7()
        lines: Any = [self.line]

        async def hardware() -> WearAndPower:
            return WearAndPower(card_used_percent=20, under_voltage=False)

        self.watch = HealthWatch(
            database=self.database,
            reports=Reports(
                self.database.stream, lambda: datetime(2026, 11, 3, tzinfo=UTC), lambda: ids.new(0)
            ),
            lines=lines,
            disk=DiskBudget(folder=folder, low_bytes=MIB, scarce_bytes=MIB),
            monotonic_s=lambda: self.now_s,
            on_change=lambda: None,
            machine=lambda _: HostHealth(
                cpu_temp_c=50.0, load_1m=0.1, memory_available_bytes=10**9, disk_free_bytes=10**11
            ),
            hardware=hardware,
        )

    @staticmethod
    def report(*healed_by: tuple[str, int]) -> LineReport:
        return LineReport(line=LineId("line-2"), status=LineStatus.READY, healed_by=healed_by)

    async def looks(self, seconds: float) -> None:
        for _ in range(int(seconds / LOOK_EVERY_S)):
            self.now_s += LOOK_EVERY_S
            await self.watch.look()


def test_a_line_that_was_treated_often_is_unsteady_for_a_day(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    raised: list[tuple[str, ...]] = []

    async def story() -> None:
        await watched.looks(300)
        watched.line.report = watched.report(("usb_rebind", 4), ("vendor_reset", 2))
        for seconds in (60, DAY_S - 120, 300):
            await watched.looks(seconds)
            raised.append(watched.watch.alarms.raised)

    asyncio.run(story())
    assert raised == [("line_unsteady:line-2",), ("line_unsteady:line-2",), ()]
    _, n_told = watched.database.run_now(outbox.heads)
    assert n_told == 2, "told once, and once that it is over"
    watched.database.close_now()
