"""Settings read again while a call is up: it goes on, what can change does, and the rest is named."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from firmware.daemon.reloading import Reloaded
from firmware.settings import Settings
from firmware.settings_sections import ApprovalSection, ComplianceSection
from modem_drivers.simulator.people import HangUp, Pause, Person, Say
from tests.scenarios.test_stopping import stage_is
from tests.scenarios.town import APPROVALS, Town, contact
from tests.scenarios.virtual_time import run_virtually

FIRST = Person(number="+8613123456701", ring_s=1, steps=(Say(text="喂"), Pause(duration_s=20), HangUp()))
SECOND = Person(number="+8613123456702", ring_s=1, steps=(Pause(duration_s=1), HangUp()))


def changed(settings: Settings, section: str, **values: Any) -> Settings:
    return msgspec.structs.replace(
        settings, **{section: msgspec.structs.replace(getattr(settings, section), **values)}
    )


def test_a_call_goes_on_and_the_next_one_goes_by_the_new_settings(tmp_path: Path) -> None:
    async def story() -> None:
        town = Town(tmp_path, [FIRST, SECOND], n_modems=1)
        async with town.open():
            box = town.box
            assert box is not None
            await town.push([contact(1, priority=9), contact(2)])
            await town.until(stage_is(town, "active"))
            unapproved = changed(town.settings, "compliance", approval=[])
            moved = changed(changed(unapproved, "dialling", max_call_s=60), "mqtt", port=8884)
            assert await box.reload(moved) == Reloaded(changed=("compliance", "dialling"), waiting=("mqtt",))
            assert stage_is(town, "active")()
            await town.until(lambda: "c01" in town.outcomes())
            assert town.outcomes()["c01"] != "technical_failure"
            await asyncio.sleep(600)
            assert town.network.call_log.dialled(SECOND.number) == 0
            again = await box.reload(changed(moved, "compliance", approval=APPROVALS))
            assert again.in_words() == "serving; new settings in force: compliance; restart for: mqtt"
            await town.until(lambda: "c02" in town.outcomes())
            same = await box.reload(town.settings)
            assert (same.changed, same.waiting) == (("dialling",), ())
            assert (await box.reload(town.settings)).in_words() == "serving; the settings are as they were"

    run_virtually(story())


def test_settings_that_cannot_be_used_change_nothing(tmp_path: Path) -> None:
    """An overlay that is named and not there: whoever named it meant to have tighter rules."""

    async def story() -> None:
        town = Town(tmp_path, [SECOND], n_modems=1)
        async with town.open():
            assert town.box is not None
            broken = ComplianceSection(
                approval=[ApprovalSection(pack="floor", version=1, by="Li Wei")], overlay=str(tmp_path / "no")
            )
            reloaded = await town.box.reload(
                changed(msgspec.structs.replace(town.settings, compliance=broken), "dialling", max_call_s=40)
            )
            assert reloaded.changed == ()
            assert "the overlay cannot be read" in reloaded.in_words()
            await town.push([contact(2)])
            await town.until(lambda: "c02" in town.outcomes())

    run_virtually(story())


def test_a_stuck_loop_starves_the_watchdog(tmp_path: Path, monkeypatch: Any) -> None:
    """Fed while all go round; not fed, and said once, when one does not."""
    fed: list[str] = []

    async def story() -> None:
        monkeypatch.setattr("firmware.host.systemd.watchdog_interval_s", lambda: 30.0)
        monkeypatch.setattr("firmware.host.systemd.feed_watchdog", lambda: fed.append("fed"))
        town = Town(tmp_path, [SECOND], n_modems=2)
        async with town.open():
            assert town.box is not None
            await asyncio.sleep(1200)
            assert len(fed) >= 39
            town.box.scheduler.on_round = lambda: None
            await asyncio.sleep(300)
            n_fed = len(fed)
            await asyncio.sleep(600)
            assert len(fed) == n_fed
            assert town.box.heartbeats.late() == ["scheduler"]

    run_virtually(story())
