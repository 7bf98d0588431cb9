"""A box says each minute how it feels, when somebody can hear it; what nobody could hear is not said later."""

import asyncio
import json
from pathlib import Path
from typing import Any

from firmware.sync.messages import BoxConfig, Telemetry, decode_uplink
from firmware.sync.messages_config import ConfigSettings, UplinkConfig
from tests.scenarios.town import Town
from tests.scenarios.virtual_time import run_virtually


def snapshots(town: Town) -> list[Telemetry]:
    decoded = [decode_uplink(body) for topic, body in town.broker.log if topic.endswith("/up/telemetry")]
    return [message for message in decoded if isinstance(message, Telemetry)]


def test_each_minute_and_never_queued(tmp_path: Path) -> None:
    async def story() -> None:
        town = Town(tmp_path, [], n_modems=2)
        async with town.open():
            await asyncio.sleep(5 * 60 + 5)
            first = snapshots(town)
            assert len(first) == 5
            assert [line.line for line in first[-1].lines] == ["line-1", "line-2"]
            assert first[-1].uplink == "free"
            assert first[-1].disk_free_bytes
            town.broker.stop()
            await asyncio.sleep(10 * 60)
            town.broker.start()
            await asyncio.sleep(65)
            later = snapshots(town)
            assert len(later) - len(first) <= 2, "what nobody could hear is not said later"
            assert later[-1].counters["telemetry_dropped"] == 10
            assert later[-1].uptime_s > 15 * 60

            await town.send(
                "config",
                BoxConfig(
                    **town.head(),
                    version=1,
                    settings=ConfigSettings(
                        telemetry_every_s=10, uplink=UplinkConfig(bytes_per_day=1_000_000)
                    ),
                ),
            )
            await town.until(lambda: (state := town.state()) and state.config == 1)
            before = len(snapshots(town))
            await asyncio.sleep(60)
            assert 5 <= len(snapshots(town)) - before <= 7
            assert town.box is not None
            await town.box.link.budget.spend(950_000)
            before = len(snapshots(town))
            await asyncio.sleep(120)
            assert len(snapshots(town)) == before, "telemetry is the first to go"
            state = town.state()
            assert state is not None
            assert state.uplink in {"free", "urgent_only"}

    run_virtually(story())


def test_no_line_of_it_names_a_person(tmp_path: Path) -> None:
    async def story() -> list[dict[str, Any]]:
        town = Town(tmp_path, [], n_modems=1)
        async with town.open():
            await asyncio.sleep(61)
        return [json.loads(body) for topic, body in town.broker.log if topic.endswith("/up/telemetry")]

    (snapshot,) = run_virtually(story())
    assert "861312345660" not in json.dumps(snapshot)
