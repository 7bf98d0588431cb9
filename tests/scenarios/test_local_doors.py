"""What a technician on the spot can ask of a running box, and what nobody can: to call who is no test number."""

import json
from pathlib import Path
from typing import Any

import msgspec

from firmware.local.deeds import LIMITS_S
from firmware.local.metrics import metrics_of
from firmware.local.page import StatusPage
from firmware.local.server import LocalServer
from firmware.settings_sections import TrialNumberSection
from modem_drivers.simulator.people import Pause, Person, Say
from tests.scenarios.town import TUESDAY_10, Town, contact
from tests.scenarios.virtual_time import run_virtually

TALKER = Person(number="+8613123456701", ring_s=1, steps=(Say(text="喂"), Pause(duration_s=60)))
ECHO = Person(number="+8613123456755", ring_s=1, steps=(Say(text="喂"), Pause(duration_s=40)))


async def ask(town: Town, what: str, **arguments: Any) -> Any:
    """Ask as the socket does; return the reply as a client decodes it."""
    assert town.box is not None
    server = LocalServer(town.box.deeds.by_name(), limits_s=LIMITS_S)
    request = json.dumps({"do": what, "arguments": arguments}).encode()
    return json.loads(msgspec.json.encode(await server.answer(request)))


def town_with_test_number(folder: Path, *, hour: int = 10) -> Town:
    town = Town(folder, [TALKER, ECHO], n_modems=1, starts_at=TUESDAY_10.replace(hour=hour))
    town.settings = msgspec.structs.replace(
        town.settings, test_number=[TrialNumberSection(number=ECHO.number, kind="tone")]
    )
    return town


async def ready(town: Town) -> None:
    await town.until(lambda: (state := town.state()) and state.lines[0].status == "ready")


def test_only_test_numbers_are_called_through_the_socket(tmp_path: Path) -> None:
    async def story() -> None:
        town = town_with_test_number(tmp_path)
        async with town.open():
            await ready(town)
            stranger = await ask(town, "test-call", line="line-1", number=TALKER.number)
            assert (stranger["ok"], stranger["reason"]) == (False, "not_a_test_number")
            emergency = await ask(town, "test-call", line="line-1", number="+8611000000110")
            assert not emergency["ok"]
            assert not town.network.conversations, "neither telephone has rung"
            placed = await ask(town, "test-call", line="line-1")
            assert placed["ok"], placed
            assert placed["result"]["heard"] == "nothing"

    run_virtually(story())


def test_nothing_else_can_be_asked_for(tmp_path: Path) -> None:
    async def story() -> None:
        town = town_with_test_number(tmp_path)
        async with town.open():
            assert town.box is not None
            before = town.box._judge.gate
            for what in ("dial", "approve", "policy", "config", "suppress", "run", "set-time", "log-level"):
                reply = await ask(town, what, number=TALKER.number, pack="us", version=1)
                assert (reply["ok"], reply["reason"]) == (False, "unknown_request")
            assert town.box._judge.gate is before

    run_virtually(story())


def test_the_gate_binds_a_test_call_at_night(tmp_path: Path) -> None:
    async def story() -> None:
        town = town_with_test_number(tmp_path, hour=23)
        async with town.open():
            await ready(town)
            reply = await ask(town, "test-call", line="line-1")
            assert (reply["ok"], reply["reason"]) == (False, "gate")

    run_virtually(story())


def test_the_gate_explains_itself_without_a_call_or_a_trace(tmp_path: Path) -> None:
    async def story() -> None:
        town = town_with_test_number(tmp_path, hour=23)
        async with town.open():
            await ready(town)
            await town.push([contact(1)])
            await town.until(lambda: any(ack.kind == "contacts" for ack in town.acks()), hours=0.2)
            assert town.box is not None
            entries = await town.box.database.read(lambda con: con.value("SELECT count(*) FROM audit"))
            listed = (await ask(town, "gate", number=TALKER.number))["result"]
            assert listed["on_a_list"]
            assert (listed["outcome"], listed["rule"]) == ("defer", "window")
            assert listed["until"]
            assert listed["explanation"]["zh"] != listed["explanation"]["en"]
            unknown = (await ask(town, "gate", number="+8613900000000"))["result"]
            assert not unknown["on_a_list"]
            assert (await ask(town, "gate", number="12"))["reason"] == "bad_number"
            after = await town.box.database.read(lambda con: con.value("SELECT count(*) FROM audit"))
            assert after == entries, "a question is no decision: nothing is written"

    run_virtually(story())


def test_what_the_box_shows_of_a_day_names_nobody(tmp_path: Path) -> None:
    async def story() -> None:
        town = town_with_test_number(tmp_path)
        async with town.open():
            await town.push([contact(1)])
            await town.until(lambda: (state := town.state()) and state.lines[0].call == "active")
            during = (await ask(town, "state"))["result"]
            assert (during["verdict"], during["calls_up"], during["lines"][0]["call"]) == (
                "working",
                1,
                "active",
            )
            await town.until(lambda: "c01" in town.outcomes())
            assert town.box is not None
            facts = await town.box.looker.look(fresh=True)
            assert facts.today.calls == sum(facts.today.groups.values()) == 1
            assert facts.clock_trusted
            assert facts.uplink.connected
            shown = [
                msgspec.json.encode(facts).decode(),
                StatusPage("zh").of(facts),
                StatusPage("en").of(facts),
                metrics_of(facts).decode(),
                json.dumps(await ask(town, "log", events=200), ensure_ascii=False),
            ]
            for text in shown:
                for secret in ("3123456701", "王伟", "861312345660", "123450", "4101"):
                    assert secret not in text

    run_virtually(story())


def test_a_drain_ends_by_itself_and_at_a_word(tmp_path: Path) -> None:
    async def story() -> None:
        town = town_with_test_number(tmp_path)
        async with town.open():
            await ready(town)
            held = await ask(town, "drain", minutes=10)
            assert held["result"]["calls_up"] == 0
            await town.push([contact(1)])
            await town.until(lambda: (state := town.state()) and state.dialling.startswith("held"))
            facts = (await ask(town, "state"))["result"]
            assert facts["dialling"] == "held"
            assert facts["held_until"]
            assert (await ask(town, "drain", minutes=600))["reason"] == "bad_arguments"
            started_s = town.loop.time()
            await town.until(lambda: "c01" in town.outcomes())
            assert town.loop.time() - started_s > 500, "nobody was called while it was held"
            await ask(town, "drain", minutes=10)
            assert (await ask(town, "resume"))["result"]["was_held"]
            assert not (await ask(town, "resume"))["result"]["was_held"]
            assert (await ask(town, "state"))["result"]["held_until"] is None

    run_virtually(story())


def test_a_pin_is_asked_for_only_where_a_card_asks(tmp_path: Path) -> None:
    async def story() -> None:
        town = town_with_test_number(tmp_path)
        async with town.open():
            await ready(town)
            assert (await ask(town, "sim-pin", line="line-1", pin="1234"))["reason"] == "no_pin_wanted"
            assert (await ask(town, "sim-pin", line="line-7", pin="1234"))["reason"] == "unknown_line"
            wrong = await ask(town, "sim-pin", line="line-1", pin="98765432101")
            assert wrong["reason"] == "bad_arguments"
            assert "98765432101" not in json.dumps(wrong)

    run_virtually(story())
