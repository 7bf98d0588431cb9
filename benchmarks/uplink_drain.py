"""How fast a full outbox drains, beside bare paho with the same window, broker, console and messages.

Run: python benchmarks/uplink_drain.py [--outcomes N]. A mosquitto of its own on a loopback port; a console process that
reads every message, counts numbers, and signs a receipt every 50. Ours: outcomes from SQLite through `Uplink`, gone
from the outbox when receipted. Peer: the same bodies from a list through paho, QoS 1, 32 under way, done at the last
PUBACK; it keeps nothing, checks nothing and deletes nothing. Target: 0.8 of the peer or more. Beside the rates stands
the processor time of the sending process alone, which other work on the machine disturbs less.
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import msgspec
import paho.mqtt.client as paho
import structlog
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from rich.console import Console
from rich.table import Table

from benchmarks.local_broker import LocalMosquitto
from firmware.clock import SystemClock
from firmware.store import outbox
from firmware.store.connection import Connection
from firmware.store.database import Database
from firmware.sync.answers import Apply
from firmware.sync.api_channels import CHANNELS
from firmware.sync.connection import MqttConnection, MqttSettings, Received
from firmware.sync.content_check import CampaignCheck
from firmware.sync.downlink import Downlink
from firmware.sync.key_ring import KeyRing
from firmware.sync.messages import OutcomeMessage, Receipt, encode
from firmware.sync.messages_policy import PolicyRelease
from firmware.sync.reading import MessageRefusedError
from firmware.sync.signing import key_id, signed_properties
from firmware.sync.topics import BoxTopics
from firmware.sync.uplink import Uplink
from firmware.values import UuidV7

WINDOW = 32
ROUNDS = 3
RECEIPT_EVERY = 50
TOPICS = BoxTopics("acme", "box-1")
NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


def example(stream: str) -> OutcomeMessage:
    """Return the API document's own example of an outcome."""
    found = next(channel.example for channel in CHANNELS if channel.message is OutcomeMessage)
    assert isinstance(found, OutcomeMessage)
    return msgspec.structs.replace(found, stream=stream)


class _Seq(msgspec.Struct):
    seq: int
    stream: str


def run_console(port: int, n: int, key_hex: str) -> None:
    """Be the console: print `ready`, count, receipt, end when every number from 1 to n has come."""
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(key_hex))
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="console", protocol=paho.MQTTv5)
    decode = msgspec.json.Decoder(_Seq).decode
    ids = UuidV7()
    seen: set[int] = set()
    done = threading.Event()
    up_to = 0
    n_since = 0

    def on_message(_client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        nonlocal up_to, n_since
        got = decode(message.payload)
        seen.add(got.seq)
        while up_to + 1 in seen:
            up_to += 1
        n_since += 1
        if n_since >= RECEIPT_EVERY or up_to == n:
            n_since = 0
            now = SystemClock().now()
            receipt = Receipt(id=ids.new(time.time_ns() // 1_000_000), at=now, stream=got.stream, up_to=up_to)
            topic, payload = TOPICS.down("receipt"), encode(receipt)
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.UserProperty = list(signed_properties(key, topic, payload).items())
            client.publish(topic, payload, qos=1, properties=properties)
        if up_to == n:
            done.set()

    client.on_message = on_message
    client.on_subscribe = lambda *_: print("ready", flush=True)
    client.connect("127.0.0.1", port)
    client.subscribe(f"{TOPICS.up('#')}", qos=1)
    client.loop_start()
    done.wait()
    time.sleep(0.3)  # the last receipt is on its way
    client.loop_stop()


def console_process(port: int, n: int, key: Ed25519PrivateKey) -> subprocess.Popen[str]:
    raw = key.private_bytes(
        serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption()
    ).hex()
    process = subprocess.Popen(
        [sys.executable, __file__, "--console", str(port), str(n), raw], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def peer_rate(port: int, n: int, key: Ed25519PrivateKey) -> tuple[float, float]:
    """Return messages/s of bare paho, and its microseconds of processor time a message."""
    bodies = [encode(msgspec.structs.replace(example("peer"), seq=seq)) for seq in range(1, n + 1)]
    console = console_process(port, n, key)
    room = threading.Semaphore(WINDOW)
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="peer", protocol=paho.MQTTv5)
    client.on_publish = lambda *_: room.release()
    connected = threading.Event()
    client.on_connect = lambda *_: connected.set()
    client.connect("127.0.0.1", port)
    client.loop_start()
    connected.wait()
    topic = TOPICS.up("outcome")
    began_s, cpu_s = time.perf_counter(), time.process_time()
    for body in bodies:
        room.acquire()
        client.publish(topic, body, qos=1)
    for _ in range(WINDOW):
        room.acquire()
    took_s, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
    client.disconnect()
    client.loop_stop()
    console.wait(60)
    return n / took_s, cpu_s / n * 1e6


def fill(path: Path, n: int) -> Database:
    """Return a database with so many outcomes waiting."""
    database = Database.open(path)
    outcome = example(database.stream)

    def numbered(seq: int) -> bytes:
        return encode(msgspec.structs.replace(outcome, seq=seq))

    def some(con: Connection, count: int) -> None:
        for _ in range(count):
            outbox.append(con, "outcome", numbered, NOW)

    for first in range(0, n, 10_000):
        database.run_now(partial(some, count=min(10_000, n - first)))
    return database


class NoReleases:
    """No rules come in this benchmark."""

    async def prepare(self, release: PolicyRelease, received: Received) -> Apply:
        """Refuse it."""
        raise MessageRefusedError("unexpected", f"release {release.version} on {received.topic}")


def our_rate(folder: Path, port: int, n: int, key: Ed25519PrivateKey) -> tuple[float, float]:
    """Return messages/s of the box until its outbox is empty, and its microseconds of processor time a message."""
    database = fill(folder / f"box-{time.monotonic_ns()}.db", n)
    console = console_process(port, n, key)

    async def drain() -> tuple[float, float]:
        settings = MqttSettings(host="127.0.0.1", port=port, client_id="box-1", session_expiry_s=0)
        async with MqttConnection(settings, subscriptions=TOPICS.subscriptions()) as link:
            await link.wait_connected()
            downlink = Downlink(
                database,
                TOPICS,
                KeyRing({key_id(key.public_key()): key.public_key()}, SystemClock().now),
                clock=SystemClock(),
                ids=UuidV7(),
                check=CampaignCheck(flow_check=str, contact_check=lambda *_: None, refusals=()),
                rules=NoReleases(),
            )
            emptied = asyncio.Event()

            async def look() -> None:
                if (await database.read(outbox.heads))[0] == n:
                    emptied.set()

            tasks: set[asyncio.Task[None]] = set()

            def on_commit(_touched: frozenset[str]) -> None:
                task = asyncio.get_running_loop().create_task(look())
                tasks.add(task)
                task.add_done_callback(tasks.discard)

            database.subscribe(on_commit)
            uplink = Uplink(database, link, TOPICS)
            began_s, cpu_s = time.perf_counter(), time.process_time()
            running = [asyncio.create_task(uplink.run()), asyncio.create_task(downlink.run(link))]
            await emptied.wait()
            took_s, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
            for task in running:
                task.cancel()
            await asyncio.wait(running)
        return took_s, cpu_s

    took_s, cpu_s = asyncio.run(drain())
    database.close_now()
    console.wait(60)
    return n / took_s, cpu_s / n * 1e6


def main() -> None:
    if sys.argv[1:2] == ["--console"]:
        run_console(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--outcomes", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    key = Ed25519PrivateKey.generate()
    pairs = []
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        with LocalMosquitto(folder) as port:
            for _ in range(arguments.rounds):
                peer = peer_rate(port, arguments.outcomes, key)
                pairs.append((peer, our_rate(folder, port, arguments.outcomes, key)))
    table = Table(
        title=f"Draining {arguments.outcomes:,} outcomes, messages/s (CPU in us/message), window {WINDOW}"
    )
    for name in ("round", "bare paho", "uplink", "ratio", "ratio of CPU"):
        table.add_column(name, justify="right")
    for number, ((bare, peer_us), (ours, our_us)) in enumerate(pairs, 1):
        rates = (f"{bare:,.0f} ({peer_us:.0f})", f"{ours:,.0f} ({our_us:.0f})", f"{ours / bare:.2f}")
        table.add_row(str(number), *rates, f"{peer_us / our_us:.2f}")
    medians = (
        statistics.median(our[0] / peer[0] for peer, our in pairs),
        statistics.median(peer[1] / our[1] for peer, our in pairs),
    )
    table.add_row("median", "", "", *(f"{each:.2f}" for each in medians))
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
