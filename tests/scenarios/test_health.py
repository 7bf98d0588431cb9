"""A box that gets too hot, and a line that stays away: told once each, shown in the state, and over again.

How long each lasts is pinned in tests/firmware/daemon/test_health_watch.py.
"""

import asyncio
from pathlib import Path
from types import SimpleNamespace

from firmware.host.health import HostHealth
from firmware.host.wear_and_power import WearAndPower
from firmware.lines.line import LineReport, LineStatus
from firmware.sync.messages import BoxEvent
from firmware.values import LineId
from tests.scenarios.town import Town
from tests.scenarios.virtual_time import run_virtually


def told(town: Town) -> list[tuple[str, str, str | None]]:
    return [(m.event, m.severity, m.line) for m in town.seen if isinstance(m, BoxEvent)]


def test_alarms_reach_the_console_once_each(tmp_path: Path) -> None:
    temp_c = 60.0
    under_voltage = False

    def machine(_folder: Path) -> HostHealth:
        return HostHealth(
            cpu_temp_c=temp_c, load_1m=0.1, memory_available_bytes=10**9, disk_free_bytes=10**11
        )

    async def hardware() -> WearAndPower:
        return WearAndPower(card_used_percent=20, under_voltage=under_voltage)

    async def story() -> None:
        nonlocal temp_c, under_voltage
        town = Town(tmp_path, [], n_modems=2)
        async with town.open():
            box = town.box
            assert box is not None
            box.health._machine, box.health._hardware = machine, hardware
            await asyncio.sleep(300)
            assert not box.health.alarms.raised
            temp_c, under_voltage = 85.0, True
            await asyncio.sleep(300)
            state = town.state()
            assert state is not None
            assert state.alarms == ["too_hot", "under_voltage"]
            shown = await box.looker.look(fresh=True)
            assert {"too_hot", "under_voltage"} <= {each.code for each in shown.alarms}, "on the page too"
            assert shown.verdict == "attention"
            temp_c = 75.0
            await asyncio.sleep(900)
            assert box.health.alarms.raised == ("too_hot", "under_voltage")
            shown = await box.looker.look(fresh=True)
            assert "too_hot" in {each.code for each in shown.alarms}, "not over yet: it would flap"
            temp_c, under_voltage = 60.0, False
            await asyncio.sleep(900)
            shown = await box.looker.look(fresh=True)
            assert not {"too_hot", "under_voltage"} & {each.code for each in shown.alarms}
            state = town.state()
            assert state is not None
            assert state.alarms == []
            assert sorted(told(town)) == [
                ("too_hot", "alarm", None),
                ("too_hot_over", "info", None),
                ("under_voltage", "alarm", None),
                ("under_voltage_over", "info", None),
            ]
            hot = next(m for m in town.seen if isinstance(m, BoxEvent) and m.event == "too_hot")
            assert hot.facts == {"value": "85"}, "the figure apart, for a console in another language"

    run_virtually(story())


def test_a_line_that_stays_away_and_one_that_is_treated_often(tmp_path: Path) -> None:
    away = SimpleNamespace(
        line_id=LineId("line-1"), report=LineReport(line=LineId("line-1"), status=LineStatus.ABSENT)
    )
    sick = SimpleNamespace(
        line_id=LineId("line-2"), report=LineReport(line=LineId("line-2"), status=LineStatus.READY)
    )

    async def story() -> None:
        town = Town(tmp_path, [], n_modems=1)
        async with town.open():
            assert town.box is not None
            town.box.health._lines = [away, sick]
            await asyncio.sleep(880)
            assert told(town) == []
            await asyncio.sleep(120)
            assert told(town) == [("line_out", "alarm", "line-1")]
            away.report = LineReport(line=LineId("line-1"), status=LineStatus.READY)
            sick.report = LineReport(
                line=LineId("line-2"),
                status=LineStatus.READY,
                healed_by=(("usb_rebind", 4), ("vendor_reset", 2)),
            )
            await asyncio.sleep(300)
            expected = [("line_out_over", "info", "line-1"), ("line_unsteady", "alarm", "line-2")]
            assert sorted(told(town)[1:]) == expected

    run_virtually(story())
