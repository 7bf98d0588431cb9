"""Somebody calls in: what the box says, to whom it does not speak, and what the console comes to know."""

import contextlib
import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog

from console.inbound_calls import inbound_lines
from console.suppressions import all_suppressions
from firmware.calls.scheduler import Scheduler
from firmware.clock import to_ms
from firmware.settings_sections import AgentSection, HoursSection, InboundSection
from firmware.sync.messages import BoxEvent, InboundOutcome, OutcomeMessage
from firmware.values import LineId
from modem_drivers.simulator.people import Pause, Person, Press, Reaction, Step, WaitForSilence
from tests.scenarios.town import Town, contact
from tests.scenarios.virtual_time import run_virtually

FLOW = Path(__file__).resolve().parents[2] / "examples" / "inbound.yaml"
OWN, CALLEE, STRANGER, AGENT = "+8613123456600", "+8613123456701", "+8613755550123", "+8613900000001"
HEARS = WaitForSilence(silence_s=1.2)
SECTION = InboundSection(
    enabled=True,
    flow=str(FLOW),
    vars={
        "zh-CN": {"creditor": "安心银行", "complaint_line": "95588"},
        "en": {"creditor": "Safe Bank", "complaint_line": "95588"},
    },
)


def person(*steps: Step, number: str = STRANGER, **fields: Any) -> Person:
    given: dict[str, Any] = {"ring_s": 40, "patience_s": 5, "steps": steps}
    return Person(number=number, **(given | fields))


class Story:
    """A town whose box answers; `ring` lets somebody call its first line, or the number named."""

    def __init__(
        self,
        folder: Path,
        people: Sequence[Person],
        *,
        n_modems: int = 1,
        make_town: Callable[..., Town] = Town,
        own: str = OWN,
        **fields: Any,
    ) -> None:
        self.town = make_town(folder, people, n_modems=n_modems)
        self._own = own
        self.town.settings = msgspec.structs.replace(
            self.town.settings, inbound=msgspec.structs.replace(SECTION, **fields)
        )

    async def ready(self) -> None:
        box = self.town.box
        assert box is not None
        await self.town.until(
            lambda: all(line.report.status == "ready" and line.on_ringing for line in box._world.lines),
            hours=0.1,
        )

    @property
    def scheduler(self) -> Scheduler:
        assert self.town.box is not None
        return self.town.box.scheduler

    def ring(self, caller: str, *, is_withheld: bool = False) -> bool:
        loop = self.town.loop
        return self.town.network.ring(
            self._own, caller, schedule=loop.call_later, now_s=loop.time, is_withheld=is_withheld
        )

    async def quiet(self) -> None:
        """Wait until nobody rings and nobody is talked to."""
        box = self.town.box
        assert box is not None
        await self.town.until(lambda: all(line.report.status == "ready" for line in box._world.lines))

    def told(self) -> list[InboundOutcome]:
        return [message for message in self.town.seen if isinstance(message, InboundOutcome)]

    async def call(self, caller: str, *, is_withheld: bool = False) -> InboundOutcome:
        """Let somebody call, and return what the console heard of it."""
        n = len(self.told())
        assert self.ring(caller, is_withheld=is_withheld)
        await self.town.until(lambda: len(self.told()) > n, hours=0.1)
        return self.told()[-1]

    async def rows(self, sql: str) -> list[dict[str, Any]]:
        assert self.town.box is not None
        return [dict(row) for row in await self.town.box.database.read(lambda con: con.rows(sql))]

    async def said(self, outcome: InboundOutcome) -> list[str]:
        rows = await self.rows(f"SELECT record FROM inbound_call WHERE call = '{outcome.call}'")
        record = json.loads(rows[0]["record"])
        return [json.loads(detail)["prompt"] for _at, kind, detail in record if kind == "say"]

    def heard(self, number: str) -> list[Any]:
        return [row["event"] for row in self.town.network.call_log.rows if row["number"] == number]


def test_a_callee_rings_back_and_stops_all_calls(tmp_path: Path) -> None:
    """Known and unknown hear what they may; a 9 takes the number and its people off every list, and no counter moves."""

    async def told() -> None:
        people = [
            person(HEARS, Press(keys="9"), number=CALLEE, reaction=Reaction.NO_ANSWER),
            person(HEARS, HEARS),
        ]
        story = Story(tmp_path, people)
        town = story.town
        async with town.open():
            await story.ready()
            stranger = await story.call(STRANGER)
            assert (await story.said(stranger))[:3] == ["opening", "perhaps_we_called", "what_can_i_do"]
            assert (stranger.caller, stranger.people, stranger.suppressed) == (STRANGER, [], None)
            withheld = await story.call(STRANGER, is_withheld=True)
            assert withheld.caller is None
            assert await story.said(withheld) == await story.said(stranger), (
                "a withheld number hears the same"
            )
            await town.push([contact(1)])
            await town.until(lambda: "c01" in town.outcomes())
            counted = await story.rows("SELECT contact, attempts, state FROM contact")
            known = await story.call(CALLEE)
            assert (await story.said(known))[:2] == ["opening", "we_called"]
            assert (known.disposition, known.caller, known.people) == ("opt_out", CALLEE, ["p01"])
            assert known.suppressed == "person"
            assert known.answered_at is not None
            kept = await story.rows("SELECT scope, person, number FROM suppression")
            assert {(row["scope"], row["person"] or row["number"]) for row in kept} == {
                ("number", CALLEE),
                ("person", "p01"),
            }
            assert await story.rows("SELECT contact, attempts, state FROM contact") == counted
            # Nobody is called again: the person not at another number, the number not for another person.
            rows = [contact(2, person="p01"), contact(1, contact="x1", person="other")]
            await town.push(rows, campaign="second")
            await town.until(lambda: {"c02", "x1"} <= town.refusals().keys(), hours=0.2)
            assert len([m for m in town.seen if isinstance(m, OutcomeMessage)]) == 1
            with town.ledger.reading() as connection:
                stops = {(each.scope, each.person or each.number) for each in all_suppressions(connection)}
                (line,) = [each for each in inbound_lines(connection) if each.people]
            assert {("person", "p01"), ("number", CALLEE)} <= stops, "every other box is told"
            assert (line.disposition, line.caller, line.suppressed) == ("opt_out", "+86…01", "person")
            assert not list((Path(town.settings.box.data_dir) / "recordings").iterdir()), (
                "nothing is recorded"
            )
            assert (await story.rows("SELECT count(*) AS n FROM inbound_call WHERE ended_at IS NULL"))[0][
                "n"
            ] == 0

    run_virtually(told())


def test_a_wish_to_be_rung_back_moves_the_waiting_contact(tmp_path: Path) -> None:
    async def told() -> None:
        caller = person(
            HEARS,
            Press(keys="2"),
            HEARS,
            Press(keys="1"),
            HEARS,
            Press(keys="1"),
            number=CALLEE,
            reaction=Reaction.NO_ANSWER,
            patience_s=20,
        )
        story = Story(tmp_path, [caller])
        town = story.town
        async with town.open():
            await story.ready()
            await town.push([contact(1)])
            await town.until(lambda: "c01" in town.outcomes())
            asked = await story.call(CALLEE)
            assert asked.disposition == "callback_set"
            assert asked.callback is not None
            tomorrow_10 = town.clock.now().replace(hour=2, minute=0, second=0, microsecond=0) + timedelta(
                days=1
            )
            assert asked.callback.local == "2026-11-25T10:00"
            assert asked.callback.at == tomorrow_10
            (row,) = await story.rows("SELECT state, due_at, disposition FROM contact")
            assert (row["state"], row["disposition"]) == ("waiting", "callback_set")
            assert row["due_at"] == to_ms(tomorrow_10)

    run_virtually(told())


def test_a_caller_is_handed_over_to_a_person(tmp_path: Path) -> None:
    async def told() -> None:
        people = [
            person(HEARS, Press(keys="1"), Pause(duration_s=20), patience_s=60),
            Person(
                number=AGENT, ring_s=2, steps=(Pause(duration_s=0.8), Press(keys="1"), Pause(duration_s=15))
            ),
        ]
        story = Story(tmp_path, people, n_modems=2)
        agent = AgentSection(id="desk-1", number=AGENT, languages=["zh-CN"])
        story.town.settings = msgspec.structs.replace(story.town.settings, agent=[agent])
        async with story.town.open():
            await story.ready()
            outcome = await story.call(STRANGER)
            assert outcome.hand_over is not None
            assert (outcome.disposition, outcome.hand_over.result, outcome.hand_over.agent) == (
                "human_bridged",
                "answered",
                "desk-1",
            )
            (event,) = [m for m in story.town.seen if isinstance(m, BoxEvent) and m.event == "handed_over"]
            assert json.loads(event.detail)["verified"] is False

    run_virtually(told())


def test_callers_beyond_the_limits_are_turned_away(tmp_path: Path) -> None:
    """Two an hour from one number, three in all; the console hears of it once, and later they are answered again."""

    async def told() -> None:
        numbers = [f"+861375555010{place}" for place in range(4)]
        people = [person(number=number, patience_s=1) for number in numbers]
        story = Story(tmp_path, people, max_per_number=2, max_per_hour=3)
        async with story.town.open():
            await story.ready()

            async def is_answered(number: str) -> bool:
                before = story.heard(number).count("answered")
                assert story.ring(number)
                await story.town.until(lambda: story.heard(number)[-1] == "released")
                await story.quiet()
                return story.heard(number).count("answered") > before

            assert [await is_answered(numbers[0]) for _ in range(4)] == [True, True, False, False]
            assert [await is_answered(number) for number in numbers[1:3]] == [True, False]
            told = [
                m.detail
                for m in story.town.seen
                if isinstance(m, BoxEvent) and m.event == "callers_turned_away"
            ]
            assert told == ["too many calls from one number within an hour", "too many calls within an hour"]
            await story.town.until(lambda: story.town.loop.time() > 3700, step_s=60)
            assert await is_answered(numbers[3])

    run_virtually(told())


@pytest.mark.parametrize(
    "reason",
    [
        "outside the hours of [inbound]",
        "stopped by the console",
        "the console wants no call on this line",
        "held: a technician is here",
    ],
)
def test_nobody_is_answered(tmp_path: Path, reason: str) -> None:
    """Out of hours, stopped, on a line that is not to be used, while held: turned away, and no word is said."""
    late = [HoursSection(days=["tue"], opens="11:00", closes="12:00")]

    async def told() -> None:
        story = Story(tmp_path, [person(HEARS)], hours=late if "hours" in reason else [])
        async with story.town.open(), contextlib.AsyncExitStack() as stack:
            await story.ready()
            scheduler = story.scheduler
            if "stopped" in reason:
                await story.town.control("stop_all")
                await story.town.until(lambda: len(story.town.acks()) > 1)
            elif "line" in reason:
                scheduler.unused_lines = frozenset({LineId("line-1")})
            elif "held" in reason:
                stack.enter_context(scheduler.held("a technician is here"))
            assert story.ring(STRANGER)
            await story.town.until(lambda: "released" in story.heard(STRANGER), hours=0.1)
            assert "answered" not in story.heard(STRANGER)
            await story.quiet()
            if "[inbound]" in reason or "stopped" in reason:
                await story.town.until(
                    lambda: any(isinstance(m, BoxEvent) and m.detail == reason for m in story.town.seen)
                )
            assert story.told() == []

    with structlog.testing.capture_logs() as logs:
        run_virtually(told())
    turned = [each for each in logs if each["event"] == "caller_turned_away"]
    assert [(each["reason"], each["caller"]) for each in turned] == [(reason, "+86…23")]


def test_the_emergency_stop_ends_a_call_that_came_in(tmp_path: Path) -> None:
    async def told() -> None:
        story = Story(tmp_path, [person(Pause(duration_s=300), patience_s=300)])
        async with story.town.open():
            await story.ready()
            assert story.ring(STRANGER)
            await story.town.until(lambda: "answered" in story.heard(STRANGER))
            stopped_s = story.town.loop.time()
            await story.town.control("stop_all")
            await story.town.until(lambda: "released" in story.heard(STRANGER))
            assert story.town.loop.time() - stopped_s < 5
            await story.town.until(lambda: bool(story.told()))
            assert story.told()[-1].cause == "released_by_us"

    run_virtually(told())


def test_without_the_section_it_rings_and_nobody_answers(tmp_path: Path) -> None:
    async def told() -> None:
        story = Story(tmp_path, [person(ring_s=20)], enabled=False)
        async with story.town.open():
            assert story.town.box is not None
            await story.quiet()
            assert story.ring(STRANGER)
            await story.town.until(lambda: "released" in story.heard(STRANGER))
            assert "answered" not in story.heard(STRANGER)
            rows = [dict(row) for row in story.town.network.call_log.rows if row["event"] == "released"]
            assert rows[0]["by"] == "caller", "they gave up; nobody turned them away"

    run_virtually(told())


def test_a_ring_while_a_call_is_prepared_goes_first_and_reserves_nothing(tmp_path: Path) -> None:
    """Who rings while our own call is being made ready is answered; ours follows, and no attempt is lost."""

    async def told() -> None:
        people = [person(HEARS, number=STRANGER), person(HEARS, Press(keys="9"), number=CALLEE, ring_s=2)]
        story = Story(tmp_path, people)
        town = story.town
        async with town.open():
            await story.ready()
            await town.push([contact(1)])
            for _ in range(200):  # ring in the midst of whatever the daemon does in its first steps
                if story.ring(STRANGER):
                    break
            await town.until(lambda: len(story.told()) == 1)
            assert story.told()[0].caller == STRANGER
            await town.until(lambda: "c01" in town.outcomes())
            assert town.outcomes()["c01"] == "opt_out"
            (row,) = await story.rows("SELECT count(*) AS n FROM attempt")
            assert row["n"] == 1

    run_virtually(told())


def test_a_crash_in_the_midst_is_told_and_nobody_is_answered_twice(tmp_path: Path) -> None:
    async def told() -> None:
        story = Story(tmp_path, [person(Pause(duration_s=60), patience_s=60)])
        town = story.town
        async with town.console():
            async with town.dropped_box():
                await story.ready()
                assert story.ring(STRANGER)
                await town.until(lambda: "answered" in story.heard(STRANGER))
            async with town.running_box():
                await town.until(lambda: bool(story.told()))
                outcome = story.told()[-1]
                assert (outcome.disposition, outcome.cause) == ("technical_failure", "cut_short")
                assert outcome.caller == STRANGER

    run_virtually(told())
