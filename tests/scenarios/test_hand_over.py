"""A callee who asks for a person gets one: a second line, an agent who says yes, two people who hear each other."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from audio.recording import open_recording
from audio.speech.synthesis import Synthesizer
from firmware.calls.audit_check import replay
from firmware.settings_sections import AgentSection, HandoverSection, HoursSection
from firmware.sync.messages import BoxEvent, BoxState, OutcomeMessage
from modem_drivers.simulator.conversation import Conversation
from modem_drivers.simulator.people import (
    Beep,
    HangUp,
    Pause,
    Person,
    Press,
    Reaction,
    Say,
    Step,
    WaitForSilence,
)
from tests.audio.test_bridge import LOUDEST, clicks_of
from tests.scenarios.sip_town import DOMAIN, SipTown
from tests.scenarios.town import Town, contact
from tests.scenarios.virtual_time import run_virtually

FLOW = (Path(__file__).resolve().parents[2] / "examples" / "before-due-reminder.yaml").read_text("utf-8")
CALLEE, AGENT, SECOND = "+8613123456701", "+8613900000001", "+8613900000002"
CALLEE_HZ, AGENT_HZ = 700.0, 1100.0
EARLY: tuple[Step, ...] = (Say(text="喂，你好。"), WaitForSilence(silence_s=1.2), Press(keys="0"))
"""Before saying who they are."""
RINGS_BACK: tuple[Step, ...] = (
    # Longer than the quiet between two notes of what is played to who waits.
    WaitForSilence(silence_s=2.8, timeout_s=150),
    Press(keys="1"),
    WaitForSilence(silence_s=1.2),
    Press(keys="1"),
)
ASKS: tuple[Step, ...] = (
    Say(text="喂，你好。"),
    WaitForSilence(silence_s=1.2),
    Press(keys="1"),
    WaitForSilence(silence_s=1.2),
    Press(keys="4101"),
    WaitForSilence(silence_s=1.2),
    Press(keys="0"),
)
TAKES: tuple[Step, ...] = (Pause(duration_s=0.8), Press(keys="1"), Pause(duration_s=5))


def callee(*then: Step, patience_s: float = 120.0, steps: tuple[Step, ...] = ASKS) -> Person:
    return Person(number=CALLEE, ring_s=1, steps=(*steps, *then), patience_s=patience_s)


def agent(*steps: Step, number: str = AGENT, **fields: Any) -> Person:
    return Person(number=number, ring_s=2, steps=steps, **fields)


def wanted(place: int = 1) -> Any:
    return contact(
        place,
        vars={
            "callee_name": "王伟",
            "creditor": "安心银行",
            "complaint_line": "95588",
            "amount_due": {"minor": 123450, "currency": "CNY"},
            "due_date": "2026-12-10",
            "last4": f"41{place:02d}",
        },
    )


def section(id_: str = "desk-1", number: str | None = AGENT, **fields: Any) -> AgentSection:
    return AgentSection(**({"id": id_, "number": number, "languages": ["zh-CN", "en"]} | fields))


class Story:
    """One callee who asks for a person, told from outside the box."""

    def __init__(
        self,
        folder: Path,
        people: Sequence[Person],
        agents: Sequence[AgentSection] = (section(),),
        *,
        handover: HandoverSection | None = None,
        n_modems: int = 2,
        synthesizer: Synthesizer | None = None,
        town: Town | None = None,
    ) -> None:
        self.town = town or Town(folder, people, n_modems=n_modems, synthesizer=synthesizer)
        self.town.settings = msgspec.structs.replace(
            self.town.settings, agent=list(agents), handover=handover or HandoverSection()
        )

    def conversation(self, number: str) -> Conversation:
        return next(c for c in self.town.network.conversations if c.person.number == number)

    def rows(self, number: str, event: str) -> list[dict[str, Any]]:
        found = [row for row in self.town.network.call_log.rows if row["number"] == number]
        return [dict(row) for row in found if row["event"] == event]

    async def settle(self) -> OutcomeMessage:
        await self.town.push([wanted()], flow=FLOW)
        await self.town.until_settled([wanted()])
        (outcome,) = [message for message in self.town.seen if isinstance(message, OutcomeMessage)]
        return outcome

    async def record(self) -> list[tuple[str, dict[str, Any]]]:
        assert self.town.box is not None
        rows = await self.town.box.database.read(
            lambda con: con.rows("SELECT kind, detail FROM call_event ORDER BY attempt, position")
        )
        return [(row["kind"], json.loads(row["detail"])) for row in rows]


def loudness(pcm: bytes | np.ndarray[Any, Any], frequency_hz: float) -> float:
    """Return for how many seconds a tone can be heard, in parts of 100 ms."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(float) if isinstance(pcm, bytes) else pcm.astype(float)
    parts = samples[: len(samples) // 800 * 800].reshape(-1, 800)
    phases = np.exp(-2j * np.pi * frequency_hz * np.arange(800) / 8000)
    amplitude = 2 * np.abs(parts @ phases) / 800
    return float((amplitude > 500).sum() / 10)


def test_two_people_talk_and_both_are_recorded(tmp_path: Path) -> None:
    async def told() -> None:
        tone = Beep(frequency_hz=CALLEE_HZ, duration_s=20)
        answers = agent(*TAKES, Beep(frequency_hz=AGENT_HZ, duration_s=10), HangUp())
        story = Story(tmp_path, [callee(Pause(duration_s=10), tone), answers])
        async with story.town.open():
            outcome = await story.settle()
            assert story.town.box is not None
            kinds = [kind for kind, _detail in await story.record()]
            key = (Path(story.town.settings.box.data_dir) / "audit.key").read_bytes()
            replayed = await story.town.box.database.read(lambda con: replay(con, key))
            assert replayed.problems == []
        assert (outcome.disposition, outcome.transfer) == ("human_bridged", "want_human")
        assert outcome.right_party
        over = outcome.hand_over
        assert over is not None
        assert (over.result, over.agent, over.n_called) == ("answered", "desk-1", 1)
        assert 13_000 < over.talk_ms < 18_000
        heard_by_callee = bytes(story.conversation(CALLEE).heard)
        heard_by_agent = bytes(story.conversation(AGENT).heard)
        assert loudness(heard_by_callee, AGENT_HZ) > 9
        assert loudness(heard_by_agent, CALLEE_HZ) > 3
        assert loudness(heard_by_callee, CALLEE_HZ) < 0.5, "nobody hears an echo of themselves"
        (sealed,) = (Path(story.town.settings.box.data_dir) / "recordings").iterdir()
        identity = story.town.office.recording_identity.read_text(encoding="utf-8").strip()
        sound, _header, complete = open_recording(sealed, identity)
        assert complete
        assert loudness(sound[:, 0], CALLEE_HZ) > 3
        assert loudness(sound[:, 1], AGENT_HZ) > 9
        assert loudness(sound[:, 0], AGENT_HZ) < 0.5
        assert "agent_left" in kinds, "the agent hung up, and so the callee's call ended"
        (events,) = [m for m in story.town.seen if isinstance(m, BoxEvent) and m.event == "handed_over"]
        known = json.loads(events.detail)
        assert (known["agent"], known["verified"], known["reason"]) == ("desk-1", True, "want_human")
        assert "王" not in events.detail
        # Both lines are free again, and nobody else was called.
        assert {row["number"] for row in story.town.network.call_log.rows} == {CALLEE, AGENT}
        assert len(story.rows(AGENT, "released")) == 1

    run_virtually(told())


@pytest.mark.parametrize(
    ("answers", "result", "n_called"),
    [
        pytest.param(agent(reaction=Reaction.BUSY), "busy", 1, id="busy"),
        pytest.param(
            agent(
                Say(text="您好，我现在不方便接听电话，请在嘀声后留言，我会尽快给您回电，谢谢。"),
                Beep(frequency_hz=1000, duration_s=0.5),
                Pause(duration_s=30),
            ),
            "no_answer",
            1,
            id="an answering machine",
        ),
    ],
)
def test_a_callee_without_an_agent_is_rung_back(
    tmp_path: Path, answers: Person, result: str, n_called: int
) -> None:
    """Whatever becomes of the agent's call, the callee is offered a time, and the console knows what happened."""

    async def told() -> None:
        terms = HandoverSection(ring_s=6, accept_s=8)
        people = [callee(*RINGS_BACK, steps=EARLY), answers]
        story = Story(tmp_path, people, handover=terms)
        async with story.town.open():
            outcome = await story.settle()
        assert outcome.hand_over is not None
        assert (outcome.hand_over.result, outcome.hand_over.n_called) == (result, n_called)
        assert (outcome.disposition, outcome.transfer) == ("callback_set", "want_human")
        assert outcome.callback is not None
        assert story.town.network.call_log.dialled(AGENT) == n_called

    run_virtually(told())


def test_the_next_agent_is_called_and_nobody_off_duty_or_of_another_language(tmp_path: Path) -> None:
    async def told() -> None:
        off = HoursSection(days=["tue"], opens="12:00", closes="18:00")  # it is ten o'clock
        agents = [
            section("late", "+8613900000003", hours=[off]),
            section("english", "+8613900000004", languages=["en"]),
            section("last", SECOND, order=3),
            section("first", AGENT, order=2),
        ]
        people = [
            callee(Pause(duration_s=40), HangUp(), steps=EARLY),
            agent(reaction=Reaction.BUSY),
            agent(*TAKES, number=SECOND),
        ]
        story = Story(tmp_path, people, agents)
        async with story.town.open():
            outcome = await story.settle()
        assert outcome.hand_over is not None
        over = outcome.hand_over
        assert (over.result, over.agent, over.n_called) == ("answered", "last", 2)
        assert outcome.disposition == "human_bridged"
        assert {row["number"] for row in story.town.network.call_log.rows} == {CALLEE, AGENT, SECOND}
        (released,) = story.rows(SECOND, "released")
        assert released["by"] == "caller", "the callee hung up, and the agent's call ended with it"
        assert released["at_s"] - story.rows(CALLEE, "released")[0]["at_s"] < 2

    run_virtually(told())


def test_who_cannot_be_put_through_is_not_told_to_wait(tmp_path: Path) -> None:
    async def told() -> None:
        weekend = HoursSection(days=["sat", "sun"], opens="09:00", closes="18:00")
        story = Story(tmp_path, [callee(*RINGS_BACK, steps=EARLY)], [section(hours=[weekend])])
        async with story.town.open():
            outcome = await story.settle()
            said = [detail["prompt"] for kind, detail in await story.record() if kind == "say"]
        assert outcome.hand_over is not None
        assert (outcome.hand_over.result, outcome.hand_over.n_called) == ("hours_closed", 0)
        assert outcome.disposition == "callback_set"
        assert "connecting" not in said
        assert story.town.network.call_log.dialled(AGENT) == 0

    run_virtually(told())


@pytest.mark.parametrize(
    ("then", "disposition"),
    [
        pytest.param((Pause(duration_s=7), HangUp()), "hung_up_early", id="hangs up"),
        pytest.param((Pause(duration_s=7), Press(keys="9")), "opt_out", id="wants no more calls"),
    ],
)
def test_a_callee_who_does_not_wait_frees_the_agent(
    tmp_path: Path, then: tuple[Step, ...], disposition: str
) -> None:
    async def told() -> None:
        slow = Person(number=AGENT, ring_s=30, steps=TAKES)
        story = Story(tmp_path, [callee(*then, steps=EARLY), slow])
        async with story.town.open():
            outcome = await story.settle()
        assert outcome.hand_over is not None
        assert outcome.hand_over.result == "callee_left"
        assert outcome.disposition == disposition
        (released,) = story.rows(AGENT, "released")
        assert not released["answered"]

    run_virtually(told())


def test_stop_everything_ends_both_calls(tmp_path: Path) -> None:
    async def told() -> None:
        story = Story(tmp_path, [callee(steps=EARLY), agent(*TAKES)])
        town = story.town
        async with town.open():
            await town.push([wanted()], flow=FLOW)
            await town.until(lambda: bool(story.rows(AGENT, "answered")))
            await asyncio.sleep(10)
            await town.control("stop_all")
            await town.until_settled([wanted()])
            now = town.loop.time()
        for number in (CALLEE, AGENT):
            (released,) = story.rows(number, "released")
            assert released["by"] == "caller"
            assert now - released["at_s"] < 5
        assert town.outcomes() == {"c01": "human_bridged"}

    run_virtually(told())


def test_an_agent_at_a_sip_extension_talks_to_a_callee_on_gsm(tmp_path: Path) -> None:
    """A minute of tones both ways without a gap or a click, the SIP side's clock 100 ppm fast; then the two are parted."""

    async def told() -> None:
        extension = "2001"
        on_and_on = Beep(frequency_hz=CALLEE_HZ, duration_s=90), Beep(frequency_hz=AGENT_HZ, duration_s=90)
        people = [
            callee(Pause(duration_s=12), on_and_on[0], steps=EARLY),
            agent(*TAKES[:2], on_and_on[1], number=extension),
        ]
        desk = section(number=None, sip=extension, trunk="trunk")
        terms = HandoverSection(max_talk_s=60, record=False)
        town = SipTown(tmp_path, people, n_modems=1, n_sip_lines=1, ppm=100)
        story = Story(tmp_path, people, [desk], handover=terms, town=town)
        async with town.open() as opened:
            # Both lines are idle: the callee is rung from the first.
            await opened.until(lambda: (state := town.state()) is not None and is_ready(state))
            outcome = await story.settle()
            kinds = [kind for kind, _detail in await story.record()]
            assert town.engine is not None
            assert town.engine.asked == [
                (
                    f"sip:{extension}@{DOMAIN};transport=udp",
                    {"P-Preferred-Identity": f"<sip:+862134567800@{DOMAIN}>"},
                )
            ]
        assert outcome.hand_over is not None
        assert (outcome.hand_over.result, outcome.hand_over.agent) == ("answered", "desk-1")
        assert 59_000 <= outcome.hand_over.talk_ms <= 62_000
        assert "too_long" in kinds
        for number, hz in ((CALLEE, AGENT_HZ), (extension, CALLEE_HZ)):
            heard = np.frombuffer(bytes(story.conversation(number).heard), dtype="<i2")
            pure = longest_tone(heard, hz)
            assert len(pure) > 45 * 8000
            rest_db, bend = clicks_of(pure, hz)
            assert rest_db < -50.0
            assert bend < 0.004
        (sealed,) = (Path(story.town.settings.box.data_dir) / "recordings").iterdir()
        identity = story.town.office.recording_identity.read_text(encoding="utf-8").strip()
        sound, _header, complete = open_recording(sealed, identity)
        assert complete
        assert len(sound) < 30 * 8000, "what they said to each other was not to be recorded"

    run_virtually(told())


@pytest.mark.parametrize(
    "by_trunk", [pytest.param(True, id="the trunk ends our part"), pytest.param(False, id="we end it")]
)
def test_a_trunk_that_wants_it_puts_the_callee_through_itself(tmp_path: Path, by_trunk: bool) -> None:
    """A blind transfer: no second line; whoever ends our part when the agent has answered, the result is kept."""

    async def told() -> None:
        people = [callee(Pause(duration_s=20), steps=EARLY)]
        town = SipTown(tmp_path, people, n_modems=0, n_sip_lines=1)
        desk = section(number=None, sip="2001", trunk="trunk", transfer="refer")
        story = Story(tmp_path, people, [desk], town=town)
        async with town.open():
            assert town.engine is not None
            town.engine.ends_what_it_puts_through = by_trunk
            outcome = await story.settle()
            assert town.box is not None
            assert town.engine.referred == [f"sip:2001@{DOMAIN};transport=udp"]
            assert len(town.engine.asked) == 1, "nobody but the callee was called"
            key = (Path(town.settings.box.data_dir) / "audit.key").read_bytes()
            replayed = await town.box.database.read(lambda con: replay(con, key))
            assert replayed.problems == []
        assert outcome.hand_over is not None
        over = outcome.hand_over
        assert (over.result, over.agent, over.n_called) == ("answered", "desk-1", 1)
        assert 2_500 < over.waited_ms < 4_000
        assert (outcome.disposition, outcome.transfer) == ("human_bridged", "want_human")
        assert [m.event for m in town.seen if isinstance(m, BoxEvent)].count("handed_over") == 1

    run_virtually(told())


def is_ready(state: BoxState) -> bool:
    return all(line.status == "ready" for line in state.lines)


def longest_tone(heard: np.ndarray[Any, Any], frequency_hz: float) -> np.ndarray[Any, Any]:
    """Return the longest stretch in which only one tone is heard, as loud as `clicks_of` wants it."""
    parts = heard[: len(heard) // 800 * 800].reshape(-1, 800).astype(float)
    phases = np.exp(-2j * np.pi * frequency_hz * np.arange(800) / 8000)
    level = 2 * np.abs(parts @ phases) / 800
    is_tone = np.concatenate([[False], level > level.max() / 2, [False]])
    begins, ends = (
        np.flatnonzero(np.diff(is_tone.astype(int)) == 1),
        np.flatnonzero(np.diff(is_tone.astype(int)) == -1),
    )
    begin, end = max(zip(begins, ends, strict=True), key=lambda span: span[1] - span[0])
    # The first and the last part are cut off: there the tone begins and ends.
    pure = parts[begin + 1 : end - 1].ravel()
    return np.asarray(pure * LOUDEST / level.max(), np.int16)
