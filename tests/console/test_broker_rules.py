"""A real mosquitto under the configuration and ACL that `init` writes."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from console.broker import broker_settings
from console.office import Office
from firmware.sync.connection import MqttConnection, probe_broker
from firmware.sync.errors import BrokerRefusedError, PublishRefusedError
from firmware.sync.mqtt_settings import MqttSettings, TlsFiles
from firmware.sync.topics import BoxTopics, all_boxes_down, up_filter
from tests.console.made_office import make_office

Playing = Callable[[Office, str], AbstractAsyncContextManager[Any]]
NOT_AUTHORIZED = 0x87


def settings_of(office: Office, box: str) -> MqttSettings:
    folder = office.box_folder(box)
    files = TlsFiles(ca=office.ca_certificate, certificate=folder / "box.crt", key=folder / "box.key")
    return MqttSettings(
        host="localhost", port=office.broker_port, client_id=f"x-{box}", tls=files, session_expiry_s=0
    )


@pytest.mark.usefixtures("broker")
@pytest.mark.parametrize(
    "topic",
    [
        BoxTopics("demo", "b2").up("outcome"),
        BoxTopics("demo", "b1").down("receipt"),
        BoxTopics("demo", "b2").down("control"),
        BoxTopics("other", "b1").up("outcome"),
        all_boxes_down("demo", "suppress"),
        "elsewhere",
    ],
)
def test_a_box_speaks_only_for_itself(office: Office, topic: str) -> None:
    async def story() -> None:
        async with MqttConnection(settings_of(office, "b1")) as box:
            await box.wait_connected()
            await box.publish(BoxTopics("demo", "b1").up("outcome"), b"{}")
            with pytest.raises(PublishRefusedError) as caught:
                await box.publish(topic, b"{}")
            assert caught.value.reason_code == NOT_AUTHORIZED

    asyncio.run(asyncio.wait_for(story(), 10))


@pytest.mark.usefixtures("broker")
def test_a_box_hears_only_what_is_for_it(office: Office) -> None:
    """b1 asks for everything there is, and gets what is its own; the last message shows that the rest is over."""

    async def story() -> list[str]:
        console = MqttConnection(broker_settings(office, lasting=False))
        box = MqttConnection(settings_of(office, "b1"), subscriptions=["#"])
        async with console, box:
            await console.wait_connected()
            await box.wait_connected()
            own = BoxTopics("demo", "b1").down("control")
            for topic in (
                BoxTopics("demo", "b2").down("control"),
                BoxTopics("demo", "b2").campaign("nov"),
                all_boxes_down("demo", "suppress"),
                own,
            ):
                await console.publish(topic, b"{}")
            heard = []
            async for received in box.received():
                received.ack()
                heard.append(received.topic)
                if received.topic == own:
                    return heard
        raise AssertionError("the connection ended")

    heard = asyncio.run(asyncio.wait_for(story(), 10))
    assert heard == [all_boxes_down("demo", "suppress"), BoxTopics("demo", "b1").down("control")]


@pytest.mark.usefixtures("broker")
def test_the_console_hears_every_box_and_speaks_for_none(office: Office, play: Playing) -> None:
    async def story() -> str:
        async with MqttConnection(
            broker_settings(office, lasting=False), subscriptions=[up_filter("demo")]
        ) as console:
            await console.wait_connected()
            with pytest.raises(PublishRefusedError):
                await console.publish(BoxTopics("demo", "b1").up("outcome"), b"{}")
            async with play(office, "b2") as box:
                await box.connection.publish(box.topics.up("event"), b"{}")
                async for received in console.received():
                    return received.topic
        raise AssertionError("the connection ended")

    assert asyncio.run(asyncio.wait_for(story(), 10)) == "branchline/1/demo/b2/up/event"


@pytest.mark.usefixtures("broker")
def test_without_a_certificate_of_this_office_nobody_comes_in(office: Office, tmp_path: Path) -> None:
    stranger = make_office(tmp_path / "stranger", boxes=["b1"])
    own = settings_of(office, "b1")
    assert own.tls is not None
    folder = stranger.box_folder("b1")
    foreign = replace(own.tls, certificate=folder / "box.crt", key=folder / "box.key")
    server = replace(
        own.tls, certificate=office.broker_folder / "server.crt", key=office.broker_folder / "server.key"
    )
    distrustful = replace(own.tls, ca=stranger.ca_certificate)

    async def story() -> None:
        await probe_broker(own)
        for tls in (foreign, server, distrustful, None):
            with pytest.raises(BrokerRefusedError):
                await probe_broker(replace(own, tls=tls, connect_timeout_s=2.0))

    asyncio.run(asyncio.wait_for(story(), 20))
