"""A call list of which a part never arrived: the box asks for it, and the console sends it again."""

import asyncio
import hashlib
import json
from datetime import timedelta
from pathlib import Path

import msgspec

from console.sent_campaigns import SentCampaign, SentContact, SentMessage, begin_or_resume
from firmware.store import campaigns
from firmware.sync.envelope import Message
from firmware.sync.messages import CampaignManifest, ContactBatch, encode
from firmware.values import CampaignId
from modem_drivers.simulator.people import Pause, Person, Say
from tests.scenarios.town import BOX, FLOW, Town, contact
from tests.scenarios.virtual_time import run_virtually

LISTENS = [
    Person(number=f"+86131234567{place:02d}", ring_s=1, steps=(Say(text="喂"), Pause(duration_s=30)))
    for place in range(1, 4)
]


def messages_of(town: Town) -> list[Message]:
    """A campaign of three batches of one contact."""
    text = FLOW.read_text(encoding="utf-8")
    manifest = CampaignManifest(
        **town.head(),
        campaign="november",
        name="november",
        flow=text,
        flow_sha256=hashlib.sha256(text.encode()).hexdigest(),
        contacts=3,
        batches=3,
        expires_at=town.clock.now() + timedelta(days=3),
    )
    batches = [
        ContactBatch(
            **town.head(),
            campaign="november",
            batch=place,
            first_row=place,
            contacts=[msgspec.Raw(encode(contact(place + 1)))],
        )
        for place in range(3)
    ]
    return [manifest, *batches]


def keep_at_console(town: Town, messages: list[Message]) -> None:
    """Put the campaign into the ledger, as a push does before it sends."""
    topics = [town.topics.campaign("november"), *[town.topics.contacts("november")] * 3]
    sent = SentCampaign(
        box=BOX,
        campaign="november",
        name="november",
        digest="d",
        expires_at=town.clock.now() + timedelta(days=3),
        messages=tuple(
            SentMessage(id=message.id, place=place, topic=topic, payload=encode(message))
            for place, (topic, message) in enumerate(zip(topics, messages, strict=True))
        ),
        contacts=tuple(
            SentContact(
                contact=f"c0{n}",
                place=n - 1,
                row=n,
                person=f"p0{n}",
                number=f"+861312345670{n}",
                debt=None,
                status="open",
            )
            for n in (1, 2, 3)
        ),
    )
    with town.ledger.transaction() as connection:
        begin_or_resume(connection, sent, pushed_at=town.clock.now())


def requests(town: Town) -> list[list[int]]:
    return [
        json.loads(payload)["batches"] for topic, payload in town.broker.log if topic.endswith("/up/request")
    ]


def test_what_did_not_arrive_is_asked_for_and_sent_again(tmp_path: Path) -> None:
    async def story() -> None:
        town = Town(tmp_path, LISTENS, n_modems=1)
        async with town.open():
            assert town.box is not None
            manifest, first, *lost = messages_of(town)
            keep_at_console(town, [manifest, first, *lost])
            await town.send("campaign/november", manifest)
            await town.send("contacts/november", first)
            await asyncio.sleep(50)
            assert requests(town) == [], "it may still be on its way"
            await town.until(lambda: set(town.outcomes()) == {"c01", "c02", "c03"})
            assert requests(town) == [[1, 2]]
            assert (
                await town.box.database.read(lambda con: campaigns.batch_missing(con, CampaignId("november")))
                == []
            )

    run_virtually(story())


def test_batches_that_overtook_their_manifest_are_sent_again(tmp_path: Path) -> None:
    """The box refuses them as nobody's; the console does not take that for an answer."""

    async def story() -> None:
        town = Town(tmp_path, LISTENS, n_modems=1)
        async with town.open():
            manifest, *batches = messages_of(town)
            keep_at_console(town, [manifest, *batches])
            for batch in batches:
                await town.send("contacts/november", batch)
            await town.until(lambda: len([ack for ack in town.acks() if ack.is_too_early]) == 3)
            await town.send("campaign/november", manifest)
            await town.until(lambda: set(town.outcomes()) == {"c01", "c02", "c03"})

    run_virtually(story())


def test_a_console_that_has_it_no_more_is_not_asked_for_ever_in_vain(tmp_path: Path) -> None:
    async def story() -> None:
        town = Town(tmp_path, LISTENS, n_modems=1, refresh_s=600)
        async with town.open():
            manifest, first, *_lost = messages_of(town)
            await town.send("campaign/november", manifest)
            await town.send("contacts/november", first)
            await asyncio.sleep(6 * 3600)
            assert 8 <= len(requests(town)) <= 14, "once an hour, after a quicker beginning"
            assert town.outcomes() == {}, "a list is called when it is whole"

    run_virtually(story())
