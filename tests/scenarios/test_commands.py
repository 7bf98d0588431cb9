"""Commands and configuration on a whole box: the operator is asked, a test call goes through the gate, hours bind."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from firmware.commands.errors import CommandRefusedError
from firmware.settings_sections import TrialNumberSection
from firmware.sync.messages import BoxConfig, Command, Response
from firmware.sync.messages_config import ConfigSettings, LineConfig, OpenHours
from modem_drivers.simulator.people import Pause, Person, Say
from tests.scenarios.town import Town, contact
from tests.scenarios.virtual_time import run_virtually

TALKER = Person(number="+8613123456701", ring_s=1, steps=(Say(text="喂"), Pause(duration_s=60)))
ECHO = Person(number="+8613123456755", ring_s=1, steps=(Say(text="喂"), Pause(duration_s=40)))


async def ask(town: Town, name: str, **arguments: Any) -> Response:
    """Send a command and return its response as the console committed it."""
    head = town.head()
    message = Command(
        **head,
        name=name,
        expires_at=town.clock.now() + timedelta(minutes=30),
        arguments=arguments,
    )
    await town.send("command", message)

    def found() -> Response | None:
        return next((m for m in town.seen if isinstance(m, Response) and m.about == head["id"]), None)

    await town.until(found, hours=0.6)
    response = found()
    assert response is not None
    return response


def test_the_operator_is_asked_on_a_line_that_no_call_has(tmp_path: Path) -> None:
    async def story() -> None:
        town = Town(tmp_path, [TALKER], n_modems=1)
        async with town.open():
            await town.until(lambda: (state := town.state()) and state.lines[0].status == "ready")
            answer = await ask(town, "ussd", line="line-1", code="*100#")
            assert (answer.status, answer.result["state"]) == ("done", "finished")
            assert "25.50 CNY" in answer.result["text"]
            assert (await ask(town, "ussd", line="line-9", code="*100#")).reason == "unknown_line"
            await town.push([contact(1)])
            await town.until(lambda: (state := town.state()) and state.lines[0].call == "active")
            assert (await ask(town, "ussd", line="line-1", code="*100#")).reason == "line_busy"

    run_virtually(story())


def test_diagnostics_name_nobody(tmp_path: Path) -> None:
    async def story() -> None:
        town = Town(tmp_path, [TALKER], n_modems=1)
        async with town.open():
            await town.push([contact(1)])
            await town.until(lambda: "c01" in town.outcomes())
            answer = await ask(town, "diagnostics")
            assert answer.status == "done"
            assert answer.result["rows"]["outcome"] == 1
            assert answer.result["lines"][0]["status"] == "ready"
            text = json.dumps(answer.result, ensure_ascii=False)
            assert "3123456701" not in text
            assert "王伟" not in text
            assert answer.result["settings"]["mqtt"]["key"] == "…"

    run_virtually(story())


def test_a_test_call_goes_to_a_test_number_through_the_gate(tmp_path: Path) -> None:
    async def story() -> None:
        town = Town(tmp_path, [ECHO], n_modems=1)
        town.settings = msgspec.structs.replace(
            town.settings, test_number=[TrialNumberSection(number=ECHO.number, kind="tone")]
        )
        async with town.open():
            await town.until(lambda: (state := town.state()) and state.lines[0].status == "ready")
            answer = await ask(town, "test-call", line="line-1")
            # Nobody in this town has a voice: the call was placed, and its silence is what it found.
            assert (answer.status, answer.result.get("heard")) == ("done", "nothing"), answer
            other = await ask(town, "test-call", line="line-1", number="+8613123456701")
            assert (other.status, other.reason) == ("refused", "not_a_test_number")
            await town.control("stop_all")
            stopped = await ask(town, "test-call", line="line-1")
            assert (stopped.status, stopped.reason) == ("refused", "gate")
            assert "stopped by the console" in stopped.detail

    run_virtually(story())


def test_a_test_call_at_night_is_refused_by_the_gate(tmp_path: Path) -> None:
    from tests.scenarios.town import TUESDAY_10

    async def story() -> None:
        town = Town(tmp_path, [ECHO], n_modems=1, starts_at=TUESDAY_10.replace(hour=23))
        town.settings = msgspec.structs.replace(
            town.settings, test_number=[TrialNumberSection(number=ECHO.number, kind="tone")]
        )
        async with town.open():
            await town.until(lambda: (state := town.state()) and state.lines[0].status == "ready")
            answer = await ask(town, "test-call", line="line-1")
            assert (answer.status, answer.reason) == ("refused", "gate")

    run_virtually(story())


def test_a_restart_waits_for_calls_or_is_refused(tmp_path: Path) -> None:
    async def story() -> None:
        town = Town(tmp_path, [TALKER], n_modems=1)
        restarts: list[float] = []

        async def restart() -> None:
            restarts.append(town.loop.time())

        async with town.open():
            assert (await ask(town, "reboot")).reason == "not_set_up"
            assert town.box is not None
            town.box.hands._reboot = restart
            await town.push([contact(1), contact(2)])
            await town.until(lambda: (state := town.state()) and state.lines[0].call == "active")
            assert (await ask(town, "reboot")).reason == "call_up"
            assert restarts == []
            message = Command(
                **town.head(),
                name="reboot",
                expires_at=town.clock.now() + timedelta(minutes=30),
                arguments={"when": "when_idle"},
            )
            await town.send("command", message)
            await town.until(lambda: restarts)
            assert "c01" in town.outcomes()
            assert "c02" not in town.outcomes(), "no further call begins"

    run_virtually(story())


@pytest.mark.parametrize(
    ("settings", "dialling"),
    [
        (ConfigSettings(hours=[]), "outside the hours that the console set"),
        (
            ConfigSettings(hours=[OpenHours(days=["tue"], opens="11:00", closes="24:00")]),
            "outside the hours that the console set",
        ),
        (ConfigSettings(lines=[LineConfig(line="line-1", name="front", is_used=False)]), "yes"),
    ],
)
def test_a_configuration_binds_the_dialling(settings: ConfigSettings, dialling: str, tmp_path: Path) -> None:
    async def story() -> None:
        town = Town(tmp_path, [TALKER], n_modems=1)
        async with town.open():
            await town.until(lambda: (state := town.state()) and state.lines[0].status == "ready")
            await town.send("config", BoxConfig(**town.head(), version=1, settings=settings))
            await town.until(lambda: (state := town.state()) and state.config == 1)
            await town.push([contact(1)])
            await asyncio.sleep(600)
            assert town.outcomes() == {}
            state = town.state()
            assert state is not None
            assert state.dialling == dialling
            if settings.lines:
                assert state.lines[0].name == "front"
            await town.send("config", BoxConfig(**town.head(), version=2, settings=ConfigSettings()))
            await town.until(lambda: "c01" in town.outcomes())

    run_virtually(story())


def test_the_errors_say_both() -> None:
    assert str(CommandRefusedError("call_up", "later")) == "call_up: later"
