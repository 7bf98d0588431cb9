"""What coming calls will say is rendered before they are due, once a day each, and never in the way of a call."""

import asyncio
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audio.errors import SynthesisError
from audio.frame import Clip, freeze
from audio.speech.clip_cache import ClipCache
from firmware.calls.placing import CallPlacer, FlowBook
from firmware.calls.prompts_ahead import AHEAD, EVERY_S, MOST_CONTACTS, PromptsAhead
from firmware.clock import SystemClock
from firmware.store.campaigns import CampaignState, StoredCampaign, StoredContact
from firmware.values import E164, CampaignId, ContactId, PersonId
from tests.scenarios.virtual_time import run_virtually

FLOW = (Path(__file__).resolve().parents[3] / "examples/overdue-reminder.yaml").read_text(encoding="utf-8")
NOW = datetime(2026, 12, 7, 3, tzinfo=UTC)
VARS: dict[str, Any] = {
    "creditor": "江南银行", "last4": "0917", "due_date": "2026-12-01",
    "amount_due": {"minor": 123450, "currency": "CNY"},
}  # fmt: skip


class Engine:
    """Speaks, counts, and may be out of order."""

    name = "engine-1"

    def __init__(self) -> None:
        self.rendered: list[str] = []
        self.is_broken = False

    def render(self, text: str, language: str) -> Clip:
        if self.is_broken:
            raise SynthesisError("out of order")
        self.rendered.append(text)
        return freeze(np.zeros(160, dtype=np.int16))


class Lists:
    """Contacts and their campaign, and what was asked of them."""

    def __init__(self, contacts: list[StoredContact]) -> None:
        self.contacts = contacts
        self.asked: list[tuple[datetime, int]] = []

    async def due(self, now: datetime, limit: int) -> list[StoredContact]:
        self.asked.append((now, limit))
        return self.contacts[:limit]

    async def campaign_of(self, contact: StoredContact) -> StoredCampaign:
        return StoredCampaign(
            campaign=contact.campaign, name="r", state=CampaignState.READY, flow_text=FLOW, flow_sha256=sha256(FLOW.encode()).hexdigest(),
            ring_timeout_s=30, promise_max_days=14, starts_at=None, expires_at=NOW + timedelta(days=9), lines=(),
            contacts=1, batches=1,
        )  # fmt: skip


def person(name: str, called: str | None) -> StoredContact:
    return StoredContact(
        contact=ContactId(name), campaign=CampaignId("c1"), person=PersonId(name), numbers=(E164("+8613123456789"),),
        language="zh-CN", vars=VARS | ({"callee_name": called} if called else {}),
    )  # fmt: skip


class Box:
    """A placer with a real cache, and the loop that looks ahead."""

    def __init__(self, contacts: list[StoredContact]) -> None:
        self.engine, self.lists, self.now = Engine(), Lists(contacts), NOW
        nothing: Any = None
        lists: Any = self.lists
        self.clips = ClipCache(self.engine, None)
        placer = CallPlacer(
            desk=lists, flows=FlowBook(), clips=self.clips, clock=SystemClock(), recordings=Path("/nonexistent"),
            recipients=(), recording_executor=nothing, max_call_s=60,
        )  # fmt: skip
        self.ahead = PromptsAhead(desk=self.lists, placer=placer, now=lambda: self.now)


def test_those_who_are_called_next_are_spoken_for_once_a_day() -> None:
    box = Box([person("a", "王小明"), person("b", "李娜")])

    async def story() -> None:
        assert await box.ahead.look() == 2
        assert box.lists.asked == [(NOW + AHEAD, MOST_CONTACTS)]
        first = list(box.engine.rendered)
        assert any("王小明" in words for words in first)
        assert any("李娜" in words for words in first)
        assert len(first) == len(set(first)), "what both hear is rendered once"
        assert await box.ahead.look() == 0
        assert box.engine.rendered == first
        box.now += timedelta(days=1)
        assert await box.ahead.look() == 2

    asyncio.run(story())


def test_who_cannot_be_spoken_for_keeps_nobody_else_waiting() -> None:
    box = Box([person("nameless", None), person("b", "李娜")])
    assert asyncio.run(box.ahead.look()) == 1
    assert any("李娜" in words for words in box.engine.rendered)


@pytest.mark.parametrize("n_failures", [1, 3])
def test_an_engine_that_is_out_of_order_is_tried_again_at_the_next_look(n_failures: int) -> None:
    box = Box([person("a", "王小明")])
    box.engine.is_broken = True

    async def story() -> None:
        running = asyncio.create_task(box.ahead.run())
        await asyncio.sleep(n_failures * EVERY_S - 1)
        assert not box.engine.rendered
        box.engine.is_broken = False
        await asyncio.sleep(EVERY_S)
        running.cancel()

    run_virtually(story())
    assert any("王小明" in words for words in box.engine.rendered)
    assert len(box.lists.asked) == n_failures + 1
