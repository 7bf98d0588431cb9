"""A configuration is taken for a trial whole or refused whole; its version only rises."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from firmware.store import configurations
from firmware.store.configurations import ConfigState
from firmware.sync.messages import encode
from firmware.sync.messages_config import (
    BrokerConfig,
    ConfigSettings,
    LineConfig,
    OpenHours,
    UplinkConfig,
)
from tests.firmware.sync.sync_world import NOW, TOPICS, BoxSide, Console

OTHER = ConfigSettings(log_level="debug")


def run(story: Callable[[], Any]) -> Any:
    return asyncio.run(story())


async def state(box: BoxSide) -> list[tuple[int, str]]:
    found = await box.database.read(lambda con: configurations.history(con, 10))
    return [(each.version, each.state.value) for each in found]


async def answer(box: BoxSide) -> tuple[bool, str, str]:
    ack = (await box.acks())[-1]
    return ack.accepted, ack.reason, ack.detail.partition(":")[0]


def test_a_configuration_goes_on_trial_and_a_newer_one_takes_its_place(
    box: BoxSide, console: Console
) -> None:
    async def story() -> None:
        await box.tell(console.config(3, OTHER))
        assert (await answer(box))[:2] == (True, "on_trial")
        await box.tell(console.config(4, ConfigSettings(log_level="warning")))
        assert await state(box) == [(4, "on_trial"), (3, "replaced")]
        assert box.n_changes == 2

    run(story)


@pytest.mark.parametrize(
    ("settings", "reason", "path"),
    [
        (ConfigSettings(lines=[LineConfig(line="line-9")]), "unknown_line", "$.settings.lines[0].line"),
        (
            ConfigSettings(lines=[LineConfig(line="line-1"), LineConfig(line="line-1")]),
            "duplicate_line",
            "$.settings.lines[1].line",
        ),
        (
            ConfigSettings(hours=[OpenHours(days=["mon"], opens="18:00", closes="09:00")]),
            "empty_hours",
            "$.settings.hours[0].closes",
        ),
        (ConfigSettings(max_call_s=241), "looser", "$.settings.max_call_s"),
        (
            ConfigSettings(uplink=UplinkConfig(bytes_per_day=2_000_000, bytes_per_month=1_000_000)),
            "looser",
            "$.settings.uplink.bytes_per_day",
        ),
    ],
)
def test_what_this_box_cannot_have_is_refused_whole(
    box: BoxSide, console: Console, settings: ConfigSettings, reason: str, path: str
) -> None:
    async def story() -> None:
        await box.tell(console.config(1, settings))
        assert await answer(box) == (False, reason, path)
        assert await state(box) == []

    run(story)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"settings": {"log_level": "loud"}}, "$.settings.log_level"),
        ({"settings": {"red_lines": "off"}}, "$.settings"),
        ({"settings": {"lines": [{"line": "line-1", "pin": "1234"}]}}, "$.settings.lines[0]"),
        ({"settings": {"hours": [{"days": ["mon"], "opens": "9", "closes": "18:00"}]}}, "$.settings.hours"),
        ({"version": 0}, "$.version"),
        ({"confirm_within_s": 1}, "$.confirm_within_s"),
        ({"settings": None}, "$.settings"),
    ],
)
def test_a_setting_that_no_console_has_is_refused_with_its_path(
    box: BoxSide, console: Console, change: dict[str, Any], path: str
) -> None:
    """A misspelt limit must never become a missing limit, so here unknown fields are errors."""

    async def story() -> None:
        body = msgspec.to_builtins(console.config(1, OTHER)) | change
        topic = TOPICS.down("config")
        await box.downlink.handle(console.received(topic, msgspec.json.encode(body)))
        accepted, reason, _ = await answer(box)
        assert (accepted, reason) == (False, "malformed")
        assert path in (await box.acks())[-1].detail
        assert await state(box) == []

    run(story)


def test_an_old_version_is_refused_and_an_equal_configuration_changes_nothing(
    box: BoxSide, console: Console
) -> None:
    async def story() -> None:
        await box.tell(console.config(5, OTHER))
        await box.database.transact(lambda con: configurations.confirm(con, 5, NOW))
        await box.tell(console.config(4, ConfigSettings()))
        assert await answer(box) == (False, "old_version", "$.version")
        await box.tell(console.config(5, ConfigSettings()))
        assert await answer(box) == (False, "old_version", "$.version")
        await box.tell(console.config(5, OTHER))
        assert (await answer(box))[:2] == (True, "in_force")
        await box.tell(console.config(6, OTHER))
        assert (await answer(box))[:2] == (True, "in_force"), "equal: no trial"
        assert await state(box) == [(6, "in_force"), (5, "replaced")]

    run(story)


def test_what_a_box_never_had_is_equal_to_no_configuration(box: BoxSide, console: Console) -> None:
    async def story() -> None:
        await box.tell(console.config(1, ConfigSettings()))
        assert (await answer(box))[:2] == (True, "in_force")

    run(story)


def test_a_version_that_was_rolled_back_does_not_come_back(box: BoxSide, console: Console) -> None:
    async def story() -> None:
        message = console.config(2, ConfigSettings(broker=BrokerConfig(host="elsewhere")))
        await box.tell(message)
        await box.database.transact(lambda con: configurations.roll_back(con, 2, NOW, "no receipt came"))
        await box.tell(msgspec.structs.replace(message, id="another"))
        assert await answer(box) == (False, "rolled_back", "$.version")
        assert await state(box) == [(2, "rolled_back")]

    run(story)


def test_a_redelivered_configuration_is_not_tried_again(box: BoxSide, console: Console) -> None:
    async def story() -> None:
        message = console.config(2, OTHER)
        await box.tell(message)
        await box.database.transact(lambda con: configurations.roll_back(con, 2, NOW, "no receipt came"))
        await box.tell(message)
        assert await state(box) == [(2, "rolled_back")]

    run(story)


def test_an_unsigned_configuration_has_no_effect(box: BoxSide, console: Console) -> None:
    async def story() -> None:
        message = console.config(1, OTHER)
        stranger = Console()
        await box.downlink.handle(stranger.received(TOPICS.down("config"), encode(message)))
        assert await state(box) == []
        assert (await box.acks())[-1].reason == "unknown_key"

    run(story)


def test_old_configurations_are_forgotten_but_never_the_one_in_force(box: BoxSide) -> None:
    async def story() -> None:
        def fill(con: Any) -> None:
            configurations.renew(con, 1, b"{}", message="m", at=NOW)
            for version in range(2, 200):
                configurations.begin_trial(
                    con, version, b"{}", message="m", confirm_within_s=60, at=NOW + timedelta(seconds=version)
                )

        await box.database.transact(fill)
        kept = await box.database.read(lambda con: configurations.history(con, 1000))
        assert len(kept) < 60
        assert {each.state for each in kept if each.version in {1, 199}} == {
            ConfigState.IN_FORCE,
            ConfigState.ON_TRIAL,
        }

    run(story)
