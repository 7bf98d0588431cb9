"""A callee who asks for a person gets one: a second line, an agent who says yes, two people who hear each other."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from audio.recording import open_recording
from firmware.calls.audit_check import replay
from firmware.settings import AgentSection, HandoverSection
from firmware.sync.messages import BoxEvent, OutcomeMessage
from modem_drivers.simulator.conversation import Conversation
from modem_drivers.simulator.people import Beep, HangUp, Pause, Person, Press, Say, Step, WaitForSilence
from tests.scenarios.town import Town, contact
from tests.scenarios.virtual_time import run_virtually

FLOW = (Path(__file__).resolve().parents[2] / "examples" / "before-due-reminder.yaml").read_text("utf-8")
CALLEE, AGENT, SECOND = "+8613123456701", "+8613900000001", "+8613900000002"
CALLEE_HZ, AGENT_HZ = 700.0, 1100.0
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


def section(id_: str = "desk-1", number: str = AGENT, **fields: Any) -> AgentSection:
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
    ) -> None:
        self.town = Town(folder, people, n_modems=n_modems)
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
        tone = Beep(frequency_hz=CALLEE_HZ, duration_s=40)
        answers = agent(*TAKES, Beep(frequency_hz=AGENT_HZ, duration_s=20), HangUp())
        story = Story(tmp_path, [callee(Pause(duration_s=14), tone), answers])
        async with story.town.open():
            outcome = await story.settle()
            assert story.town.box is not None
            kinds = [kind for kind, _detail in await story.record()]
            key = (Path(story.town.settings.box.data_dir) / "audit.key").read_bytes()
            replayed = await story.town.box.database.read(lambda con: replay(con, key))
            assert replayed.problems == []
        assert (outcome.disposition, outcome.transfer) == ("human_bridged", "want_human")
        assert outcome.right_party
        heard_by_callee = bytes(story.conversation(CALLEE).heard)
        heard_by_agent = bytes(story.conversation(AGENT).heard)
        assert loudness(heard_by_callee, AGENT_HZ) > 18
        assert loudness(heard_by_agent, CALLEE_HZ) > 8
        assert loudness(heard_by_callee, CALLEE_HZ) < 0.5, "nobody hears an echo of themselves"
        (sealed,) = (Path(story.town.settings.box.data_dir) / "recordings").iterdir()
        identity = story.town.office.recording_identity.read_text(encoding="utf-8").strip()
        sound, _header, complete = open_recording(sealed, identity)
        assert complete
        assert loudness(sound[:, 0], CALLEE_HZ) > 8
        assert loudness(sound[:, 1], AGENT_HZ) > 18
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
