"""Stopped at once when told to: recall, suppression, cancel, pause and stop reach a call under way."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from firmware.store.errors import StoreFailedError
from firmware.sync.messages import SuppressionWire
from modem_drivers.simulator.people import HangUp, Pause, Person, Press, Say, WaitForSilence
from tests.scenarios.town import Town, contact
from tests.scenarios.virtual_time import run_virtually

NUMBER = "+8613123456701"
SLOW_TO_ANSWER = Person(number=NUMBER, ring_s=15, steps=(Say(text="喂"), Pause(duration_s=60)))
LISTENS = Person(number=NUMBER, ring_s=1, steps=(Say(text="喂"), Pause(duration_s=60)))


def stage_is(town: Town, stage: str) -> Callable[[], bool]:
    def holds() -> bool:
        state = town.state()
        return state is not None and any(line.call == stage for line in state.lines)

    return holds


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("recall", "recalled"),
        ("cancel", "cancelled"),
        ("stop_all", "cancelled"),
        ("suppress", "blocked"),
    ],
)
@pytest.mark.parametrize(("person", "stage"), [(SLOW_TO_ANSWER, "alerting"), (LISTENS, "active")])
def test_the_consoles_word_ends_a_call(
    tmp_path: Path, word: str, expected: str, person: Person, stage: str
) -> None:
    """While it rings the call is never answered; while somebody listens nothing more is said."""

    async def story() -> None:
        town = Town(tmp_path, [person], n_modems=1)
        async with town.open():
            await town.push([contact(1)])
            await town.until(stage_is(town, stage))
            await asyncio.sleep(1)
            match word:
                case "suppress":
                    await town.renew_lease([SuppressionWire(person="p01", reason="asked_the_branch")])
                case "recall":
                    await town.control("recall", campaign="november", contact="c01")
                case "cancel":
                    await town.control("cancel", campaign="november")
                case _:
                    await town.control("stop_all")
            said_at = town.loop.time()
            await town.until(lambda: town.outcomes() == {"c01": expected})
            assert town.loop.time() - said_at < 10
        rows = [row for row in town.network.call_log.rows if row["event"] in {"answered", "released"}]
        assert ("answered" in [row["event"] for row in rows]) == (stage == "active")
        assert rows[-1]["by"] == "caller"

    run_virtually(story())


def test_paused_and_resumed(tmp_path: Path) -> None:
    """A paused campaign dials nobody, and goes on when resumed."""

    async def story() -> None:
        town = Town(tmp_path, [Person(number=NUMBER, steps=(Pause(duration_s=1), HangUp()))], n_modems=1)
        async with town.open():
            await town.push([contact(1, not_before=town.clock.now().replace(hour=3))])
            await town.control("pause", campaign="november")
            await asyncio.sleep(2 * 3600)
            assert town.network.call_log.rows == []
            await town.control("resume", campaign="november")
            await town.until(lambda: "c01" in town.outcomes())

    run_virtually(story())


def test_a_pause_while_somebody_listens(tmp_path: Path) -> None:
    """The call that is up goes on to its end, nobody else is called, and a newer manifest does not lift the pause."""
    listens = Person(number=NUMBER, ring_s=1, steps=(Say(text="喂"), Pause(duration_s=60), HangUp()))

    async def story() -> None:
        town = Town(tmp_path, [listens, Person(number="+8613123456702")], n_modems=1)
        async with town.open():
            await town.push([contact(1, priority=5), contact(2)])
            await town.until(stage_is(town, "active"))
            await town.control("pause", campaign="november")
            await asyncio.sleep(3)
            assert stage_is(town, "active")(), "who listens is not cut off by a pause"
            await town.push([contact(1, priority=5), contact(2)], version=2, days=20)
            await asyncio.sleep(600)
            assert set(town.outcomes()) == {"c01"}
            assert town.outcomes()["c01"] != "cancelled"
            await town.control("resume", campaign="november")
            await town.until(lambda: "c02" in town.outcomes())

    run_virtually(story())


def test_a_suppression_between_answer_and_debt(tmp_path: Path) -> None:
    """The gate is asked once more before the first word about the debt, and its no keeps the debt unsaid."""
    verifies = Person(
        number=NUMBER,
        ring_s=1,
        steps=(
            Say(text="喂"),
            WaitForSilence(silence_s=1.0),
            Press(keys="1"),
            WaitForSilence(silence_s=1.0),
            Press(keys="4101", gap_s=1.0),
            Pause(duration_s=20),
        ),
    )

    async def story() -> None:
        town = Town(tmp_path, [verifies], n_modems=1)
        async with town.open():
            await town.push([contact(1)])
            await town.until(stage_is(town, "active"))
            # Not by message, which would end the call at once, but as another box's call would leave it.
            assert town.box is not None
            await town.box.database.transact(_suppress_as_if_heard)
            await town.until(lambda: "c01" in town.outcomes())
            assert town.outcomes() == {"c01": "blocked"}
            said = await town.box.database.read(_prompts_said)
            decided = await town.box.database.read(_decisions)
        assert decided == [("predial", "allow", "allowed"), ("answer", "refuse", "suppressed")]
        assert said
        assert not {"remind", "can_you_pay", "read_back"} & set(said)

    run_virtually(story())


def _suppress_as_if_heard(con: Any) -> None:
    con.execute(
        "INSERT INTO suppression (id, scope, person, reason, source, at) VALUES ('s1','person','p01','opt_out','call',0)"
    )


def _decisions(con: Any) -> list[tuple[str, str, str]]:
    bodies = [json.loads(row["body"]) for row in con.rows("SELECT body FROM audit ORDER BY seq")]
    fields = [body["fields"] for body in bodies if body["kind"] == "decision"]
    return [(each["point"], each["outcome"], each["rule"]) for each in fields]


def _prompts_said(con: Any) -> list[str]:
    rows = con.rows(
        "SELECT json_extract(detail, '$.prompt') AS prompt FROM call_event WHERE kind = 'prompt_started'"
    )
    return [row["prompt"] for row in rows]


def test_a_disk_that_refuses_in_the_middle_of_an_opt_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing can be written for a while: what was said waits in memory, nobody else is called, and then it is kept."""
    stops = Person(number=NUMBER, ring_s=1, steps=(Say(text="喂"), Pause(duration_s=5), Press(keys="9")))
    other = Person(number="+8613123456702")

    async def story() -> None:
        town = Town(tmp_path, [stops, other], n_modems=2)
        async with town.open():
            assert town.box is not None
            database = town.box.database
            real = database.transact
            broken = False

            async def transact(work: Callable[[Any], Any]) -> Any:
                if broken:
                    raise StoreFailedError("no space left on device")
                return await real(work)

            monkeypatch.setattr(database, "transact", transact)
            await town.push([contact(1), contact(2, not_before=town.clock.now() + timedelta(seconds=30))])
            await town.until(stage_is(town, "active"))
            broken = True
            await asyncio.sleep(120)
            assert town.network.call_log.dialled(NUMBER) == 1
            assert town.network.call_log.dialled("+8613123456702") == 0
            broken = False
            await town.until(lambda: town.outcomes().get("c01") == "opt_out")
            await town.until(lambda: "c02" in town.outcomes())
            listed = await database.read(lambda con: con.rows("SELECT person, reason FROM suppression"))
            assert listed == [{"person": "p01", "reason": "opt_out"}]

    run_virtually(story())
