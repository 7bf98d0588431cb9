"""MqttConnection against a real mosquitto: sessions, manual acknowledgement, refusals, windows, outages."""

import asyncio
import itertools
import random
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from firmware.sync.connection import MqttConnection, MqttSettings, Received, Will, probe_broker
from firmware.sync.errors import BrokerRefusedError, NotConnectedError, PublishRefusedError
from firmware.sync.mqtt_thread import back_off_s
from tests.firmware.sync.conftest import Mosquitto

DEADLINE_S = 15
CONNACK = b"\x20\x03\x00\x00\x00"
"""Success, no session, no properties."""


def settings_for(broker: Mosquitto, client_id: str = "box-1", **changes: object) -> MqttSettings:
    values: dict[str, object] = {
        "host": "127.0.0.1",
        "port": broker.port,
        "client_id": client_id,
        "back_off_s": 0.02,
    }
    return MqttSettings(**{**values, "back_off_cap_s": 0.3, **changes})  # type: ignore[arg-type]


def run(story: Callable[[], object]) -> None:
    async def with_deadline() -> None:
        async with asyncio.timeout(DEADLINE_S):
            await story()  # type: ignore[misc]

    asyncio.run(with_deadline())


async def take(connection: MqttConnection, n: int) -> list[Received]:
    found = []
    async for received in connection.received():
        found.append(received)
        if len(found) == n:
            break
    return found


async def wait_down(connection: MqttConnection) -> None:
    while connection.connected:
        await connection.wait_changed()


def test_topic_payload_and_properties_arrive(start_mosquitto: Callable[..., Mosquitto]) -> None:
    broker = start_mosquitto()

    async def story() -> None:
        async with (
            MqttConnection(settings_for(broker, "a"), subscriptions=["t/#"]) as reader,
            MqttConnection(settings_for(broker, "b")) as writer,
        ):
            await reader.wait_connected()
            await writer.wait_connected()
            await writer.publish("t/1", b"\x00\xff{}", properties={"kid": "k", "sig": "s=="})
            (received,) = await take(reader, 1)
            received.ack()
            assert (received.topic, received.payload) == ("t/1", b"\x00\xff{}")
            assert dict(received.properties) == {"kid": "k", "sig": "s=="}
            assert not received.dup

    run(story)


def test_what_was_not_acknowledged_comes_again_and_nothing_else(
    start_mosquitto: Callable[..., Mosquitto],
) -> None:
    """Five arrive, two are acknowledged, the connection is ended on purpose: exactly the other three return."""
    broker = start_mosquitto()

    async def story() -> None:
        async with (
            MqttConnection(settings_for(broker, "a"), subscriptions=["t"]) as reader,
            MqttConnection(settings_for(broker, "b")) as writer,
        ):
            await reader.wait_connected()
            await writer.wait_connected()
            for number in range(5):
                await writer.publish("t", str(number).encode())
            first = await take(reader, 5)
            first[0].ack()
            first[3].ack()
            first[1].give_back()
            await wait_down(reader)
            await reader.wait_connected()
            again = await take(reader, 3)
            assert [(each.payload, each.dup) for each in again] == [(b"1", True), (b"2", True), (b"4", True)]
            # An acknowledgement of the old connection must not reach a packet id of the new one.
            first[1].ack()
            again[1].give_back()
            await wait_down(reader)
            await reader.wait_connected()
            last = await take(reader, 3)
            assert [each.payload for each in last] == [b"1", b"2", b"4"]
            for each in last:
                each.ack()

    run(story)


def test_messages_wait_at_the_broker_while_the_client_is_away(
    start_mosquitto: Callable[..., Mosquitto],
) -> None:
    broker = start_mosquitto()

    async def story() -> None:
        async with MqttConnection(settings_for(broker, "a"), subscriptions=["t"]) as reader:
            await reader.wait_connected()
        async with MqttConnection(settings_for(broker, "b")) as writer:
            await writer.wait_connected()
            await writer.publish("t", b"meanwhile")
        async with MqttConnection(settings_for(broker, "a"), subscriptions=["t"]) as reader:
            (received,) = await take(reader, 1)
            assert received.payload == b"meanwhile"
            received.ack()

    run(story)


def test_a_refused_publication_says_so(start_mosquitto: Callable[..., Mosquitto], tmp_path: Path) -> None:
    (tmp_path / "acl").write_text("topic write allowed\n")
    broker = start_mosquitto(extra=f"acl_file {tmp_path}/acl")

    async def story() -> None:
        async with MqttConnection(settings_for(broker)) as connection:
            await connection.wait_connected()
            await connection.publish("allowed", b"x")
            with pytest.raises(PublishRefusedError) as caught:
                await connection.publish("forbidden", b"x")
            assert caught.value.reason_code == 0x87
            await connection.publish("allowed", b"still works")

    run(story)


def test_a_refused_subscription_is_no_connection() -> None:
    """mosquitto grants every subscription, so a listener that refuses one plays the broker here."""
    listener = socket.create_server(("127.0.0.1", 0))

    def refuse() -> None:
        link, _ = listener.accept()
        link.recv(65_536)
        link.sendall(CONNACK)
        subscribe = link.recv(65_536)
        link.sendall(b"\x90\x04" + subscribe[2:4] + b"\x00\x87")  # SUBACK, not authorized
        link.recv(1)

    threading.Thread(target=refuse, daemon=True).start()

    async def story() -> None:
        settings = MqttSettings(host="127.0.0.1", port=listener.getsockname()[1], client_id="box")
        with pytest.raises(
            BrokerRefusedError, match=r"refuses the subscription to down/# \(Not authorized\)"
        ):
            await probe_broker(settings, ["down/#"])

    run(story)
    listener.close()


def test_a_broker_that_restarts_finds_the_subscription_and_the_messages_again(
    start_mosquitto: Callable[..., Mosquitto],
) -> None:
    broker = start_mosquitto()

    async def story() -> None:
        async with (
            MqttConnection(settings_for(broker, "a"), subscriptions=["t"]) as reader,
            MqttConnection(settings_for(broker, "b")) as writer,
        ):
            await reader.wait_connected()
            await writer.wait_connected()
            await asyncio.to_thread(broker.stop)
            await wait_down(writer)
            with pytest.raises(NotConnectedError):
                await writer.publish("t", b"into the void")
            assert writer.failure
            await asyncio.to_thread(broker.start)
            await writer.wait_connected()
            await reader.wait_connected()
            await writer.publish("t", b"back")
            (received,) = await take(reader, 1)
            assert received.payload == b"back"
            assert writer.failure == ""

    run(story)


def test_hundreds_at_once_stay_inside_the_brokers_window(start_mosquitto: Callable[..., Mosquitto]) -> None:
    """mosquitto announces a Receive Maximum of 5 and would disconnect who exceeds it."""
    broker = start_mosquitto(extra="max_inflight_messages 5")

    async def story() -> None:
        async with (
            MqttConnection(settings_for(broker, "a"), subscriptions=["t"]) as reader,
            MqttConnection(settings_for(broker, "b")) as writer,
        ):
            await reader.wait_connected()
            await writer.wait_connected()

            async def read() -> list[bytes]:
                found = []
                async for received in reader.received():
                    found.append(received.payload)
                    received.ack()
                    if len(found) == 300:
                        break
                return found

            reading = asyncio.create_task(read())
            await asyncio.gather(*(writer.publish("t", str(number).encode()) for number in range(300)))
            assert await reading == [str(number).encode() for number in range(300)]

    run(story)
    assert broker.stop_and_read_log().count("New client connected") == 2, "a connection broke on the way"


def test_no_more_than_the_brokers_receive_maximum_is_under_way() -> None:
    """A listener that grants 3 and answers the oldest publication only when no more come."""
    listener = socket.create_server(("127.0.0.1", 0))
    under_way: list[int] = []

    def serve() -> None:
        link, _ = listener.accept()
        link.recv(65_536)
        link.sendall(b"\x20\x06\x00\x00\x03\x21\x00\x03")  # CONNACK, Receive Maximum 3
        link.settimeout(0.1)
        stream = b""
        waiting: list[bytes] = []
        with suppress(OSError):
            while True:
                try:
                    came = link.recv(65_536)
                    if not came:
                        return
                    stream += came
                except TimeoutError:
                    under_way.append(len(waiting))
                    if waiting:
                        link.sendall(b"\x40\x02" + waiting.pop(0))
                while len(stream) > 1 and len(stream) >= 2 + stream[1]:
                    packet, stream = stream[: 2 + stream[1]], stream[2 + stream[1] :]
                    if packet[0] & 0xF0 == 0x30:
                        waiting.append(packet[5:7])  # behind the one-letter topic

    server = threading.Thread(target=serve, daemon=True)
    server.start()

    async def story() -> None:
        settings = MqttSettings(host="127.0.0.1", port=listener.getsockname()[1], client_id="box")
        async with MqttConnection(settings) as connection:
            await connection.wait_connected()
            await asyncio.gather(*(connection.publish("t", b"x") for _ in range(8)))

    run(story)
    server.join(10)
    assert not server.is_alive(), "a peer that goes on takes a core from every later test"
    listener.close()
    assert max(under_way) == 3


def test_a_reader_that_does_not_acknowledge_is_sent_no_more_than_its_window(
    start_mosquitto: Callable[..., Mosquitto],
) -> None:
    broker = start_mosquitto()

    async def story() -> None:
        async with (
            MqttConnection(settings_for(broker, "a", receive_maximum=7), subscriptions=["t"]) as reader,
            MqttConnection(settings_for(broker, "b")) as writer,
        ):
            await reader.wait_connected()
            await writer.wait_connected()
            await asyncio.gather(*(writer.publish("t", b"x") for _ in range(40)))
            first = await take(reader, 7)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await take(reader, 1)
            for received in first:
                received.ack()
            for received in await take(reader, 7):
                received.ack()

    run(story)


def test_a_long_list_gets_through_to_a_slow_reader(start_mosquitto: Callable[..., Mosquitto]) -> None:
    """mosquitto 2.0.11 forgets our Receive Maximum once acknowledgements are deferred: that must not cost the link."""
    broker = start_mosquitto(extra="max_queued_messages 1000")

    async def story() -> None:
        async with (
            MqttConnection(settings_for(broker, "a"), subscriptions=["t"]) as reader,
            MqttConnection(settings_for(broker, "b")) as writer,
        ):
            await reader.wait_connected()
            await writer.wait_connected()
            await asyncio.gather(*(writer.publish("t", b"%d" % n) for n in range(300)))
            got = []
            async for received in reader.received():
                await asyncio.sleep(0)
                received.ack()
                got.append(int(received.payload))
                if len(got) == 300:
                    break
            assert got == list(range(300))
            assert reader.failure == ""

    run(story)


def test_a_message_above_the_brokers_limit_is_refused_here(start_mosquitto: Callable[..., Mosquitto]) -> None:
    broker = start_mosquitto(extra="max_packet_size 2000")

    async def story() -> None:
        async with MqttConnection(settings_for(broker)) as connection:
            await connection.wait_connected()
            with pytest.raises(PublishRefusedError, match="2000"):
                await connection.publish("t", b"x" * 3000)
            await connection.publish("t", b"x" * 1000)

    run(story)


def test_the_will_speaks_for_a_client_that_is_gone_and_not_for_one_that_said_goodbye(
    start_mosquitto: Callable[..., Mosquitto],
) -> None:
    broker = start_mosquitto()

    async def story() -> None:
        async with MqttConnection(settings_for(broker, "watch"), subscriptions=["state/#"]) as watcher:
            await watcher.wait_connected()
            will = Will(topic="state/polite", payload=b"gone", delay_s=0)
            async with MqttConnection(settings_for(broker, "polite"), will=will) as polite:
                await polite.wait_connected()
            will = Will(topic="state/cut", payload=b"gone", delay_s=0)
            async with MqttConnection(settings_for(broker, "cut", back_off_s=60.0), will=will) as cut:
                await cut.wait_connected()
                assert cut._thread is not None
                cut._thread.drop(1, "cut by the test")
                (received,) = await take(watcher, 1)
                assert received.topic == "state/cut"

    run(story)


def test_a_broker_that_never_answers_a_publication_is_left(tmp_path: Path) -> None:
    """A listener that speaks just enough MQTT to connect, and then swallows everything."""
    listener = socket.create_server(("127.0.0.1", 0))
    connections = itertools.count()

    def swallow() -> None:
        while True:
            try:
                link, _ = listener.accept()
            except OSError:
                return
            next(connections)
            link.recv(65_536)
            link.sendall(CONNACK)
            threading.Thread(target=lambda link=link: link.recv(1) and link.recv(65_536), daemon=True).start()

    threading.Thread(target=swallow, daemon=True).start()

    async def story() -> None:
        settings = MqttSettings(
            host="127.0.0.1",
            port=listener.getsockname()[1],
            client_id="box",
            publish_timeout_s=0.2,
            back_off_s=0.01,
            back_off_cap_s=0.01,
        )
        async with MqttConnection(settings) as connection:
            await connection.wait_connected()
            with pytest.raises(NotConnectedError, match="no PUBACK"):
                await connection.publish("t", b"x")
            await wait_down(connection)
            await connection.wait_connected()

    run(story)
    listener.close()
    assert next(connections) >= 2


@pytest.mark.parametrize(("failures", "limit_s"), [(1, 2.0), (4, 16.0), (7, 120.0), (500, 120.0)])
def test_a_fleet_does_not_come_back_in_step(failures: int, limit_s: float) -> None:
    """Waits are spread over the whole of 0 … limit, not around it."""
    settings = MqttSettings(host="h", port=1, client_id="c")
    waits = [back_off_s(settings, failures, random.Random(seed)) for seed in range(400)]
    assert 0 <= min(waits) < limit_s * 0.05
    assert limit_s * 0.95 < max(waits) <= limit_s
    assert limit_s * 0.4 < sum(waits) / len(waits) < limit_s * 0.6


@pytest.mark.parametrize(
    ("host", "port", "reason"),
    [
        pytest.param("127.0.0.1", None, "nobody listens there", id="no broker"),
        pytest.param("no-such-host.invalid", 8883, "no such host", id="no host"),
    ],
)
def test_a_probe_says_in_one_line_what_to_check(host: str, port: int | None, reason: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        settings = MqttSettings(
            host=host, port=port or closed.getsockname()[1], client_id="box", connect_timeout_s=3
        )

        async def story() -> None:
            with pytest.raises(BrokerRefusedError, match=reason) as caught:
                await probe_broker(settings)
            assert "\n" not in str(caught.value)

        run(story)


def test_something_else_on_the_port_is_told_from_a_broker() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = MqttSettings(
            host="127.0.0.1", port=silent.getsockname()[1], client_id="box", connect_timeout_s=0.3
        )

        async def story() -> None:
            with pytest.raises(BrokerRefusedError, match="does not answer as an MQTT 5 broker"):
                await probe_broker(settings)

        run(story)


@pytest.mark.parametrize(
    "connack",
    [
        pytest.param(b"\x20\x02\x00\x01", id="3.1.1, which refuses version 5"),
        pytest.param(b"\x20\x02\x00\x00", id="3.1.1, which takes it for its own"),
        pytest.param(b"", id="hangs up"),
    ],
)
def test_a_broker_of_an_older_version_is_refused_with_the_next_step(connack: bytes) -> None:
    """A receipt or a list without a signature must have no effect, so such a broker would carry nothing down."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        writer.write(connack)
        writer.close()

    async def story() -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            settings = MqttSettings(host="127.0.0.1", port=port, client_id="box", connect_timeout_s=3)
            with pytest.raises(BrokerRefusedError, match="signatures; use one with MQTT 5"):
                await probe_broker(settings)

    run(story)


def test_a_probe_does_not_disturb_the_running_daemon(start_mosquitto: Callable[..., Mosquitto]) -> None:
    broker = start_mosquitto()

    async def story() -> None:
        async with MqttConnection(settings_for(broker)) as daemon:
            await daemon.wait_connected()
            await probe_broker(settings_for(broker))
            await daemon.publish("t", b"still here")
            assert daemon.connected

    run(story)
    assert broker.stop_and_read_log().count(" as box-1 ") == 1
