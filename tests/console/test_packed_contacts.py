"""Batches go packed to the boxes that said they can read it, and to no other."""

import json
from datetime import UTC, datetime
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from console.ingest import read_arrival
from console.packed_contacts import PackedContacts
from console.signed_sender import SignedSender
from firmware.sync.connection import Received
from firmware.sync.content_encoding import READABLE, plain
from firmware.sync.memory_connection import MemoryBroker
from firmware.sync.messages import BoxState, encode
from firmware.sync.signing import Verifier
from firmware.sync.topics import BoxTopics
from tests.firmware.sync.sync_world import run_virtually

TOPICS = BoxTopics("acme", "b1")
BATCH = json.dumps({"type": "contacts", "contacts": [{"contact": f"k{n}"} for n in range(200)]}).encode()


def state(*encodings: str, status: Literal["online", "offline"] = "online") -> Received:
    message = BoxState(
        id="s", at=datetime.now(UTC), status=status, boot="b", encodings=list(encodings)
    )  # fmt: skip
    return Received(topic=TOPICS.up("state"), payload=encode(message), properties={})


def sent_after(*heard: Received, topic: str = TOPICS.contacts("c1"), payload: bytes = BATCH) -> Received:
    """Return what a box gets from a console that has heard this."""
    key = Ed25519PrivateKey.generate()

    async def story() -> Received:
        broker = MemoryBroker()
        async with broker.connect("box", [topic]) as box, broker.connect("console") as link:
            packed = PackedContacts("acme")
            for received in heard:
                arrival = read_arrival(received, "acme")
                if arrival is not None and isinstance(arrival.message, BoxState):
                    packed.note(arrival.box, arrival.message)
            await packed.send(SignedSender(link, key), "b1", topic, payload)
            async for received in box.received():
                return received
        raise AssertionError("nothing came")

    received = run_virtually(story())
    Verifier.of([key.public_key()]).verify_properties(topic, received.payload, received.properties)
    return received


def test_a_box_that_reads_zstd_gets_it_signed_as_it_travels() -> None:
    got = sent_after(state(*READABLE))
    assert got.properties["content-encoding"] == "zstd"
    assert len(got.payload) < len(BATCH) / 3
    assert plain(got.payload, got.properties) == BATCH


def test_everybody_else_gets_it_plain() -> None:
    other_box = Received(
        topic=BoxTopics("acme", "b2").up("state"), payload=state(*READABLE).payload, properties={}
    )
    other_tenant = Received(
        topic=BoxTopics("other", "b1").up("state"), payload=state(*READABLE).payload, properties={}
    )
    torn = Received(topic=TOPICS.up("state"), payload=b"{", properties={})
    for heard in (
        (), (state(),), (state("br"),), (other_box,), (other_tenant,), (torn,),
        (state("zstd"), state()),  # an older version was put back
        (state("zstd", status="offline"),),
    ):  # fmt: skip
        got = sent_after(*heard)
        assert (got.payload, got.properties.get("content-encoding")) == (BATCH, None), heard


def test_a_box_that_went_still_reads_what_it_read() -> None:
    got = sent_after(state("zstd"), state(status="offline"))
    assert got.payload != BATCH


def test_what_is_short_or_no_batch_goes_plain() -> None:
    assert sent_after(state("zstd"), payload=b"{}").payload == b"{}"
    assert sent_after(state("zstd"), topic=TOPICS.campaign("c1")).payload == BATCH
