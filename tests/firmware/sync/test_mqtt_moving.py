"""A connection that moves to another broker and back, and requests with answers, on real brokers."""

import asyncio
from collections.abc import Callable

import pytest

from firmware.sync.connection import MqttConnection
from firmware.sync.errors import NotConnectedError
from firmware.sync.mqtt_settings import MqttSettings
from tests.firmware.sync.conftest import Mosquitto


def settings(broker: Mosquitto, client_id: str) -> MqttSettings:
    return MqttSettings(
        host="127.0.0.1", port=broker.port, client_id=client_id, back_off_s=0.02, back_off_cap_s=0.2
    )


async def within(seconds: float, connection: MqttConnection) -> None:
    async with asyncio.timeout(seconds):
        await connection.wait_connected()


def test_it_moves_to_another_broker_and_nothing_more_goes_over_the_first(
    start_mosquitto: Callable[..., Mosquitto],
) -> None:
    first, second = start_mosquitto(), start_mosquitto()

    async def story() -> None:
        async with (
            MqttConnection(settings(first, "box"), subscriptions=["down/#"]) as box,
            MqttConnection(settings(second, "desk"), subscriptions=["up/#"]) as desk,
        ):
            await within(10, box)
            await within(10, desk)
            box.move("127.0.0.1", second.port)
            assert not box.connected
            with pytest.raises(NotConnectedError, match="moving"):
                await box.publish("up/x", b"over the old one")
            await within(10, box)
            await box.publish("up/x", b"over the new one")
            async with asyncio.timeout(10):
                arrived = await anext(desk.received())
            assert arrived.payload == b"over the new one"
            box.move("127.0.0.1", 1)  # nobody is there
            assert not box.connected
            async with asyncio.timeout(10):
                while "127.0.0.1:1" not in box.failure and "refused" not in box.failure:
                    await box.wait_changed()
            box.move("127.0.0.1", first.port)
            await within(10, box)

    asyncio.run(story())


def test_a_request_carries_where_to_answer_and_the_answer_what_it_answers(
    start_mosquitto: Callable[..., Mosquitto],
) -> None:
    broker = start_mosquitto()

    async def story() -> None:
        async with (
            MqttConnection(settings(broker, "box"), subscriptions=["down/#"]) as box,
            MqttConnection(settings(broker, "desk"), subscriptions=["up/#"]) as desk,
        ):
            await within(10, box)
            await within(10, desk)
            await desk.publish("down/command", b"{}", response_topic="up/response/7", correlation=b"\0\xff")
            async with asyncio.timeout(10):
                request = await anext(box.received())
            assert (request.response_topic, request.correlation) == ("up/response/7", b"\0\xff")
            await box.publish(request.response_topic, b"done", correlation=request.correlation)
            async with asyncio.timeout(10):
                answer = await anext(desk.received())
            assert (answer.topic, answer.correlation, answer.response_topic) == (
                "up/response/7",
                b"\0\xff",
                "",
            )

    asyncio.run(story())
