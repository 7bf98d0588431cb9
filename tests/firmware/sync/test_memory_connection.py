"""The broker in memory keeps the rules of a real one, as far as tests lean on them."""

import asyncio

import pytest

from firmware.sync.connection import Received, Will
from firmware.sync.errors import NotConnectedError, PublishRefusedError
from firmware.sync.memory_connection import MemoryBroker, MemoryConnection, Mishaps
from tests.firmware.sync.sync_world import run_virtually


async def take(connection: MemoryConnection, n: int) -> list[Received]:
    found: list[Received] = []
    async for received in connection.received():
        found.append(received)
        if len(found) == n:
            return found
    return found


def test_unacknowledged_messages_come_again_after_an_outage_and_old_acks_count_for_nothing() -> None:
    async def story() -> None:
        broker = MemoryBroker()
        async with broker.connect("a", ["t"]) as reader, broker.connect("b") as writer:
            for number in range(3):
                await writer.publish("t", bytes([number]))
            first = await take(reader, 3)
            first[0].ack()
            broker.stop()
            with pytest.raises(NotConnectedError):
                await writer.publish("t", b"lost")
            first[1].ack()
            broker.start()
            again = await take(reader, 2)
            assert [(each.payload, each.dup) for each in again] == [(b"\1", True), (b"\2", True)]

    run_virtually(story())


def test_messages_wait_for_a_client_that_was_there_once_and_retained_ones_for_any() -> None:
    async def story() -> None:
        broker = MemoryBroker()
        async with broker.connect("a", ["t"]):
            pass
        async with broker.connect("b") as writer:
            await writer.publish("t", b"queued")
            await writer.publish("state", b"old", retain=True)
            await writer.publish("state", b"new", retain=True)
        async with broker.connect("a", ["t"]) as reader:
            assert [each.payload for each in await take(reader, 1)] == [b"queued"]
        async with broker.connect("late", ["#"]) as late:
            (state,) = await take(late, 1)
            assert (state.payload, state.retain) == (b"new", True)

    run_virtually(story())


def test_no_more_than_a_window_is_handed_out_unacknowledged() -> None:
    async def story() -> None:
        broker = MemoryBroker()
        async with broker.connect("a", ["t"]) as reader, broker.connect("b") as writer:
            for _ in range(50):
                await writer.publish("t", b"x")
            first = await take(reader, 32)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(5):
                    await take(reader, 1)
            for received in first:
                received.ack()
            await take(reader, 18)

    run_virtually(story())


def test_a_message_given_back_comes_again() -> None:
    async def story() -> None:
        broker = MemoryBroker()
        async with broker.connect("a", ["t"]) as reader, broker.connect("b") as writer:
            await writer.publish("t", b"x")
            (received,) = await take(reader, 1)
            received.give_back()
            (again,) = await take(reader, 1)
            assert again.dup
            assert reader.connected

    run_virtually(story())


def test_rules_wills_and_mishaps() -> None:
    async def story() -> None:
        broker = MemoryBroker(Mishaps(duplicate=1.0))
        broker.refuse = lambda client, topic: 0x87 if topic == "forbidden" else None
        will = Will(topic="state/b", payload=b"offline")
        async with broker.connect("a", ["t", "state/+"]) as reader:
            async with broker.connect("b", will=will) as writer:
                with pytest.raises(PublishRefusedError):
                    await writer.publish("forbidden", b"x")
                await writer.publish("t", b"x")
                assert [each.payload for each in await take(reader, 2)] == [b"x", b"x"]
                broker.detach(writer)
                assert (await take(reader, 1))[0].payload == b"offline"
            assert broker.log == [("t", b"x")]

    run_virtually(story())


def test_a_hidden_puback_is_a_delivered_message_and_a_broken_connection() -> None:
    async def story() -> None:
        broker = MemoryBroker(Mishaps(hide_puback=1.0))
        async with broker.connect("a", ["t"]) as reader, broker.connect("b") as writer:
            with pytest.raises(NotConnectedError):
                await writer.publish("t", b"x")
            assert [each.payload for each in await take(reader, 1)] == [b"x"]
            await writer.wait_connected()

    run_virtually(story())
