"""A contact batch may come packed; a frame that is torn, too much or no batch has no effect but a clear refusal."""

import asyncio
import contextlib
import random

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from firmware.sync.connection import Received
from firmware.sync.content_encoding import EncodingError, compressed, is_compressed, plain
from firmware.sync.messages import MAX_MESSAGE_BYTES, Ack, encode
from firmware.sync.signing import signed_properties
from tests.firmware.sync.sync_world import BoxSide, Console, row, topic_of

PACKED = {"content-encoding": "zstd"}


async def tell(
    box: BoxSide, console: Console, topic: str, payload: bytes, properties: dict[str, str] = PACKED
) -> Ack:
    signed = signed_properties(console.key, topic, payload)
    await box.downlink.handle(Received(topic=topic, payload=payload, properties={**properties, **signed}))
    return (await box.acks())[-1]


@pytest.mark.parametrize("properties", [PACKED, {}, {"content-encoding": "identity"}])
def test_a_packed_batch_is_a_batch_whatever_the_broker_left_of_its_properties(
    box: BoxSide, console: Console, properties: dict[str, str]
) -> None:
    async def story() -> None:
        await box.tell(console.manifest())
        batch = console.batch([row(f"k{n}") for n in range(5)])
        ack = await tell(box, console, topic_of(batch), compressed(encode(batch)), properties)
        assert (ack.kind, ack.accepted, ack.taken, ack.about) == ("contacts", True, 5, batch.id)
        # The same once more, plain this time: it is the same message.
        n_acks = len(await box.acks())
        await box.tell(batch)
        assert len(await box.acks()) == n_acks

    asyncio.run(story())


def test_what_cannot_be_unpacked_is_refused_and_the_next_is_taken(box: BoxSide, console: Console) -> None:
    async def story() -> None:
        manifest = console.manifest()
        await box.tell(manifest)
        batch = console.batch([row("k1")])
        topic, good = topic_of(batch), compressed(encode(batch))
        bomb = zstandard.ZstdCompressor().compress(b" " * (1 << 30))
        assert len(bomb) < 40_000
        bad = {
            "cut off": good[:-5],
            "damaged": bytes([*good[:-1], good[-1] ^ 1]),
            "more follows": good + good,
            f"more than {MAX_MESSAGE_BYTES} bytes": bomb,
        }
        for words, payload in bad.items():
            ack = await tell(box, console, topic, payload)
            assert (ack.accepted, ack.reason) == (False, "malformed"), words
            assert words in ack.detail
        ack = await tell(box, console, topic, good, {"content-encoding": "br"})
        assert "'br' is not read here: send zstd" in ack.detail
        ack = await tell(box, console, topic_of(manifest), compressed(encode(manifest)))
        assert (ack.accepted, ack.about) == (False, manifest.id)
        assert "only contacts/… may be compressed" in ack.detail
        assert (await tell(box, console, topic, good)).taken == 1

    asyncio.run(story())


@given(st.binary(max_size=3000), st.integers(0, 2**32))
def test_a_frame_unpacks_to_what_was_packed_or_not_at_all(text: bytes, seed: int) -> None:
    packed = compressed(text)
    assert is_compressed(packed)
    assert plain(packed, PACKED) == text
    dice = random.Random(seed)
    torn = bytearray(packed)
    torn[dice.randrange(4, len(torn))] ^= 1 << dice.randrange(8)
    with contextlib.suppress(EncodingError):
        assert plain(bytes(torn), PACKED) == text  # a bit that means nothing, such as a reserved one


def test_plain_json_is_never_taken_for_a_frame() -> None:
    for text in (b"{}", b"", b"(", b'{"type":"contacts"}'):
        assert plain(text, {}) == text
