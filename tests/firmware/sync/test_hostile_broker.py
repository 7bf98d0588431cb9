"""A broker in the wrong hands: it may replay, reorder, hold back, duplicate, forge, inflate and misdirect what the
console signed, and what comes of it is delay. Whatever it does, nothing is dialled that the newest word forbids."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware.store import campaigns, outbox, suppressions
from firmware.store.campaigns import CampaignState
from firmware.store.connection import Connection as StoreConnection
from firmware.sync.connection import MqttConnection, MqttSettings, Received
from firmware.sync.messages import Control, Message, Receipt, Suppress, SuppressionWire, encode
from firmware.sync.mqtt_epoch import MAXIMUM_PACKET_BYTES
from firmware.sync.signing import signed_properties
from firmware.sync.topics import BoxTopics
from tests.firmware.sync.scripted_broker import Publish, ScriptedBroker, Tricks, user_properties
from tests.firmware.sync.sync_world import NOW, TOPICS, BoxSide, Console, row, topic_of
from tests.firmware.sync.uplink_world import running, say, until

N_SAID = 12
"""Messages in the box's outbox when the story begins."""


@dataclass(frozen=True)
class Signed:
    """A message as the console gave it to the broker."""

    topic: str
    payload: bytes
    properties: dict[str, str]
    message: Message


@dataclass
class Story:
    """What the console said, in order, a minute apart."""

    console: Console
    stream: str
    said: list[Signed] = field(default_factory=list)

    def say(self, message: Any) -> None:
        """Sign a message, a minute after the one before."""
        message = msgspec.structs.replace(message, at=self.now)
        topic, payload = topic_of(message), encode(message)
        self.said.append(Signed(topic, payload, signed_properties(self.console.key, topic, payload), message))

    @property
    def now(self) -> datetime:
        return NOW + timedelta(minutes=len(self.said))


def console_story(console: Console, stream: str) -> Story:
    """Two campaigns; of everything that can be ordered, something is, and most of it taken back again."""
    story = Story(console, stream)
    say = story.say
    say(console.suppress(SuppressionWire(person="p-x", reason="opt_out")))
    say(console.manifest("c1", contacts=4, batches=2))
    say(console.batch([row("k1"), row("k2")], batch=0))
    say(console.control("pause", campaign="c1"))
    say(console.batch([row("k3"), row("k4")], batch=1, first_row=2))
    say(console.control("resume", campaign="c1"))
    say(console.manifest("c2", contacts=1, batches=1))
    say(console.batch([row("j1")], campaign="c2"))
    say(console.control("stop_all"))
    say(console.receipt(stream, 3))
    say(console.control("resume_all"))
    say(console.control("recall", contact="k2"))
    say(console.control("pause", campaign="c1"))
    say(console.suppress(SuppressionWire(person="p-y", reason="complaint")))
    say(console.control("cancel", campaign="c2"))
    say(console.control("resume", campaign="c1"))
    say(console.receipt(stream, 7))
    say(console.control("recall", contact="k3", campaign="c1"))
    say(console.control("stop_all"))
    say(console.control("resume_all"))
    say(console.control("stop_all"))
    return story


# ---- what a broker can make of a message, without the console's key -------------------------------------------


def _flipped(data: bytes, place: int) -> bytes:
    at = place % len(data)
    return data[:at] + bytes([data[at] ^ (1 << place % 8)]) + data[at + 1 :]


FORGERIES: dict[str, Callable[[Signed, Signed, int], tuple[str, bytes, dict[str, str]]]] = {
    "a flipped bit": lambda one, _, n: (one.topic, _flipped(one.payload, n), one.properties),
    "no signature": lambda one, _, n: (one.topic, one.payload, {}),
    "another message's signature": lambda one, two, n: (
        one.topic,
        one.payload,
        two.properties if two is not one else {},
    ),
    "another topic of this box": lambda one, two, n: (
        two.topic if two.topic != one.topic else TOPICS.down("config"),
        one.payload,
        one.properties,
    ),
    "another box's topic": lambda one, _, n: (
        one.topic.replace("/box-1/", "/box-2/"),
        one.payload,
        one.properties,
    ),
    "to all boxes": lambda one, _, n: (
        one.topic.replace("/box-1/", "/all/"),
        one.payload,
        one.properties,
    ),
    "a key of its own": lambda one, _, n: (
        one.topic,
        one.payload,
        signed_properties(Ed25519PrivateKey.generate(), one.topic, one.payload),
    ),
    "inflated": lambda one, _, n: (one.topic, one.payload + b" " * 300_000, one.properties),
    "cut short": lambda one, _, n: (one.topic, one.payload[: n % len(one.payload)], one.properties),
    "empty": lambda one, _, n: (one.topic, b"", one.properties),
}


# ---- what must hold, whatever it did ----------------------------------------------------------------------------


def newest(delivered: Sequence[Signed], campaign: str | None, *actions: str) -> str | None:
    """Return which of these orders the console gave last, of those that came through."""
    orders = [
        each.message
        for each in delivered
        if isinstance(each.message, Control)
        and each.message.action in actions
        and each.message.campaign == campaign
    ]
    return max(orders, key=lambda order: order.at).action if orders else None


def check(con: StoreConnection, delivered: Sequence[Signed]) -> None:
    """Compare the box with what came through, in whatever order it came."""
    if not campaigns.is_stopped(con):
        assert newest(delivered, None, "stop_all", "resume_all") in {None, "resume_all"}
    for campaign in campaigns.get_campaigns(con):
        name = campaign.campaign
        if campaign.state in {CampaignState.READY, CampaignState.RECEIVING}:
            assert newest(delivered, name, "pause", "resume") in {None, "resume"}
            assert newest(delivered, name, "cancel") is None
    rows = con.rows("SELECT campaign, contact, state FROM contact")
    recalls = {
        (each.message.campaign, each.message.contact)
        for each in delivered
        if isinstance(each.message, Control) and each.message.action == "recall"
    }
    for found in rows:
        if found["state"] == "open":
            assert not {(None, found["contact"]), (found["campaign"], found["contact"])} & recalls
    assert {(found["campaign"], found["contact"]) for found in rows} <= {
        ("c1", "k1"), ("c1", "k2"), ("c1", "k3"), ("c1", "k4"), ("c2", "j1")
    }  # fmt: skip
    suppressed = {wire.person for each in delivered if isinstance(each.message, Suppress)
                  for wire in each.message.suppressions}  # fmt: skip
    assert {each.person for each in suppressions.all_suppressions(con)} == suppressed
    confirmed = [each.message.at for each in delivered if isinstance(each.message, Suppress)]
    assert suppressions.confirmed_at(con) == (min(max(confirmed), NOW) if confirmed else None)
    receipted = max(
        (each.message.up_to for each in delivered if isinstance(each.message, Receipt)), default=0
    )
    assert outbox.heads(con)[0] == receipted
    assert next(each.seq for each in outbox.pending(con, 0, 10_000)) == receipted + 1


moves = st.lists(
    st.tuples(
        st.sampled_from(["deliver", "deliver", *FORGERIES]),
        st.integers(0, 20),
        st.integers(0, 20),
        st.integers(0, 10_000),
    ),
    max_size=40,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=moves)
def test_nothing_but_delay(
    tmp_path_factory: pytest.TempPathFactory, moves: list[tuple[str, int, int, int]]
) -> None:
    """Any order, any number of times, any forgery between; then the console asks again, and has what it wanted."""
    console = Console()
    box = BoxSide(tmp_path_factory.mktemp("hostile"), console)

    async def hand(topic: str, payload: bytes, properties: dict[str, str]) -> None:
        await box.downlink.handle(Received(topic=topic, payload=payload, properties=properties))

    async def story() -> None:
        await say(box.database, *(f"said {n}" for n in range(N_SAID)))
        told = console_story(console, box.database.stream)
        delivered: list[Signed] = []
        for move, one, two, n in moves:
            signed = told.said[one]
            if move == "deliver":
                delivered.append(signed)
                await hand(signed.topic, signed.payload, signed.properties)
            else:
                await hand(*FORGERIES[move](signed, told.said[two], n))
            await box.database.read(lambda con: check(con, delivered))
        for message in (
            *(each.message for each in told.said if not isinstance(each.message, Control)),
            told.console.control("resume_all"),
            told.console.control("resume", campaign="c1"),
            told.console.control("recall", contact="k2"),
            told.console.control("recall", contact="k3"),
            told.console.control("cancel", campaign="c2"),
        ):
            # The same lists once more, and the orders that stand given anew.
            fresh = (
                message if not isinstance(message, Control) else msgspec.structs.replace(message, at=told.now)
            )
            await box.tell(fresh)
        due = await box.database.read(lambda con: campaigns.due_contacts(con, NOW, 100))
        assert [contact.contact for contact in due] == ["k1", "k4"]

    try:
        asyncio.run(story())
    finally:
        box.database.close_now()


def test_over_a_real_connection_a_hostile_broker_costs_no_more_than_a_few_answers(tmp_path: Path) -> None:
    """Every forgery of every message, more than the protocol allows in size too, and then the message itself."""
    console = Console()
    box = BoxSide(tmp_path, console)

    async def story() -> None:
        await say(box.database, *(f"said {n}" for n in range(N_SAID)))
        told = console_story(console, box.database.stream)
        async with asyncio.timeout(20), ScriptedBroker(Tricks(seed=1, duplicate=0.3)) as broker:
            settings = MqttSettings(
                host="127.0.0.1", port=broker.port, client_id="box", back_off_s=0.01, back_off_cap_s=0.05
            )
            async with MqttConnection(settings, subscriptions=TOPICS.subscriptions()) as link:
                await link.wait_connected()
                async with running(box.downlink.run(link)):
                    for signed in told.said:
                        for number, forge in enumerate(FORGERIES.values()):
                            topic, payload, properties = forge(signed, told.said[0], number * 37)
                            broker.inject("box", Publish(topic, payload, user_properties(properties)))
                        broker.inject("box", Publish("elsewhere/$x", b"\xff" * 64))
                        broker.inject(
                            "box", Publish(signed.topic, signed.payload, user_properties(signed.properties))
                        )
                    huge = b"x" * (MAXIMUM_PACKET_BYTES + 1)
                    broker.inject("box", Publish(TOPICS.down("control"), huge))
                    broker.inject("box", Publish(BoxTopics("acme", "box-2").down("control"), b"{}"))
                    last = told.said[-1]
                    broker.inject("box", Publish(last.topic, last.payload, user_properties(last.properties)))
                    await until(lambda: not broker.sessions["box"].queue, within_s=15)
                    await until(lambda: not broker.sessions["box"].in_flight, within_s=15)
        await box.database.read(lambda con: check(con, told.said))
        answers = await box.acks()
        assert len([answer for answer in answers if not answer.accepted]) <= 25, "the outbox was flooded"
        assert {"k1", "k4"} == set(
            await box.database.read(
                lambda con: [each["contact"] for each in con.rows("SELECT contact FROM contact WHERE state = 'open' AND campaign = 'c1'")]
            )
        )  # fmt: skip

    try:
        asyncio.run(story())
    finally:
        box.database.close_now()
