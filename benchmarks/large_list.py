"""A list of 100 000 contacts from its first message to dialable, and what the box needs for it.

Run: python benchmarks/large_list.py [--contacts N] [--plain]. A mosquitto of its own; a console process signs the demo's
flow and batches of 500, packed as for a box that reads zstd (--plain: as they are); this process is the box's half:
connection, downlink with the real flow checks, database on disk. Beside it, in the same run: the same batches decoded
and inserted by bare msgspec and sqlite3, one transaction each, nothing checked. Targets: 5 s and 150 MB.
"""

import argparse
import asyncio
import hashlib
import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import msgspec
import structlog
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.local_broker import LocalMosquitto
from benchmarks.uplink_drain import NoReleases
from firmware.clock import SystemClock
from firmware.daemon.campaign_checks import campaign_check
from firmware.store import campaigns
from firmware.store.database import Database
from firmware.sync.connection import MqttConnection, MqttSettings
from firmware.sync.content_encoding import compressed
from firmware.sync.downlink import Downlink
from firmware.sync.key_ring import KeyRing
from firmware.sync.messages import (
    MAX_CONTACTS_A_BATCH,
    CampaignManifest,
    ContactBatch,
    ContactRow,
    encode,
)
from firmware.sync.signing import key_id, signed_properties
from firmware.sync.topics import BoxTopics
from firmware.values import UuidV7

TOPICS = BoxTopics("acme", "box-1")
FLOW = Path(__file__).resolve().parents[1] / "examples" / "overdue-reminder.yaml"


def rows(first: int, n: int) -> list[msgspec.Raw]:
    return [
        msgspec.Raw(
            encode(
                ContactRow(
                    contact=f"c-{number}",
                    person=f"p-{number * 2654435761 % 2**32:08x}",
                    numbers=[f"+86131{number * 48271 % 10**8:08d}"],
                    language="zh-CN",
                    region="CN-SH",
                    vars={
                        # No two alike: a check that remembers names would be quick here and nowhere else. Nor are
                        # figures in a row: they would pack better than anybody's.
                        "callee_name": "王" + chr(0x5100 + number % 6000) + chr(0x7000 + number // 6000),
                        "creditor": "安心银行",
                        "amount_due": {"minor": 10_000 + number * 69_621 % 900_000, "currency": "CNY"},
                        "due_date": f"2026-11-{1 + number * 7919 % 28:02d}",
                        "last4": f"{number * 16_807 % 10_000:04d}",
                    },
                )
            )
        )
        for number in range(first, first + n)
    ]


def messages(n: int) -> Iterator[tuple[str, bytes]]:
    """Return the manifest and the batches."""
    ids, now = UuidV7(), SystemClock().now()
    flow = FLOW.read_text(encoding="utf-8")
    sizes = [min(MAX_CONTACTS_A_BATCH, n - first) for first in range(0, n, MAX_CONTACTS_A_BATCH)]
    yield (
        TOPICS.campaign("big"),
        encode(
            CampaignManifest(
                id=ids.new(0),
                at=now,
                campaign="big",
                name="big",
                flow=flow,
                flow_sha256=hashlib.sha256(flow.encode()).hexdigest(),
                contacts=n,
                batches=len(sizes),
                expires_at=now + timedelta(days=3),
            )
        ),
    )
    for batch, size in enumerate(sizes):
        first = batch * MAX_CONTACTS_A_BATCH
        message = ContactBatch(
            id=ids.new(0), at=now, campaign="big", batch=batch, first_row=first, contacts=rows(first, size)
        )
        yield TOPICS.contacts("big"), encode(message)


def sent(n: int, *, is_plain: bool) -> Iterator[tuple[str, bytes]]:
    """Return the messages as they travel."""
    for topic, body in messages(n):
        yield topic, body if is_plain or topic != TOPICS.contacts("big") else compressed(body)


async def be_console(port: int, n: int, key: Ed25519PrivateKey, *, is_plain: bool) -> None:
    """Make everything, say how many bytes it is, wait for a line on stdin, send."""
    made = [(topic, body, signed_properties(key, topic, body)) for topic, body in sent(n, is_plain=is_plain)]
    print(sum(len(body) for _, body, _ in made), flush=True)
    sys.stdin.readline()
    settings = MqttSettings(host="127.0.0.1", port=port, client_id="console", session_expiry_s=0)
    async with MqttConnection(settings) as link:
        await link.wait_connected()
        for topic, body, properties in made:
            await link.publish(topic, body, properties=properties)


def console_process(
    port: int, n: int, key: Ed25519PrivateKey, *, is_plain: bool
) -> "subprocess.Popen[bytes]":
    """Start the console; it says how many bytes it will send and waits for a line."""
    raw = key.private_bytes(
        serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption()
    )
    return subprocess.Popen(
        [sys.executable, __file__, "--console", str(port), str(n), raw.hex(), str(int(is_plain))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


async def be_box(
    folder: Path, port: int, n: int, key: Ed25519PrivateKey, *, is_plain: bool
) -> tuple[float, float, int, int]:
    """Return seconds from the first message, until ready and until the first due contact; how many are open; bytes."""
    console = console_process(port, n, key, is_plain=is_plain)
    assert console.stdin is not None
    assert console.stdout is not None
    database = Database.open(folder / "box.db")
    began_s = 0.0
    ready = asyncio.Event()

    async def look() -> None:
        found = await database.read(campaigns.get_campaigns)
        if found and found[0].state is campaigns.CampaignState.READY:
            ready.set()

    settings = MqttSettings(host="127.0.0.1", port=port, client_id="box-1")
    async with MqttConnection(settings, subscriptions=TOPICS.subscriptions()) as link:
        await link.wait_connected()
        n_bytes = int(await asyncio.to_thread(console.stdout.readline))

        def heard(_at: object) -> None:
            nonlocal began_s
            began_s = began_s or time.perf_counter()

        downlink = Downlink(
            database,
            TOPICS,
            KeyRing({key_id(key.public_key()): key.public_key()}, SystemClock().now),
            clock=SystemClock(),
            ids=UuidV7(),
            check=campaign_check(),
            rules=NoReleases(),
            on_signed=heard,
        )
        running = asyncio.create_task(downlink.run(link))
        tasks: set[asyncio.Task[None]] = set()

        def on_commit(touched: frozenset[str]) -> None:
            if "campaign" in touched:
                task = asyncio.get_running_loop().create_task(look())
                tasks.add(task)
                task.add_done_callback(tasks.discard)

        database.subscribe(on_commit)
        console.stdin.write(b"go\n")
        console.stdin.flush()
        async with asyncio.timeout(300):
            await ready.wait()
        ready_s = time.perf_counter() - began_s
        due = await database.read(lambda con: campaigns.due_contacts(con, SystemClock().now(), 4))
        due_s = time.perf_counter() - began_s
        assert len(due) == 4
        running.cancel()
        await asyncio.wait([running])
    n_open = await database.read(lambda con: con.value("SELECT count(*) FROM contact WHERE state = 'open'"))
    console.wait(30)
    await database.close()
    return ready_s, due_s, int(n_open), n_bytes


def bare_s(folder: Path, n: int) -> float:
    """Return how long bare msgspec and sqlite3 take over the same batches."""
    bodies = [body for topic, body in messages(n) if topic == TOPICS.contacts("big")]
    con = sqlite3.connect(folder / "bare.db", isolation_level=None)
    con.execute("PRAGMA journal_mode=WAL")
    con.execute("PRAGMA synchronous=FULL")
    con.execute(
        "CREATE TABLE contact (campaign TEXT, contact TEXT, row TEXT, PRIMARY KEY (campaign, contact))"
    )
    began_s = time.perf_counter()
    for body in bodies:
        batch = msgspec.json.decode(body, type=ContactBatch)
        con.execute("BEGIN IMMEDIATE")
        con.executemany(
            "INSERT INTO contact VALUES (?, ?, ?)",
            (
                ("big", msgspec.json.decode(raw, type=ContactRow).contact, bytes(raw).decode())
                for raw in batch.contacts
            ),
        )
        con.execute("COMMIT")
    took_s = time.perf_counter() - began_s
    con.close()
    return took_s


def main() -> None:
    if sys.argv[1:2] == ["--console"]:
        key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(sys.argv[4]))
        asyncio.run(be_console(int(sys.argv[2]), int(sys.argv[3]), key, is_plain=sys.argv[5] == "1"))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--contacts", type=int, default=100_000)
    parser.add_argument("--plain", action="store_true", help="batches as plain JSON")
    given = parser.parse_args()
    n = given.contacts
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(40),
    )
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        with LocalMosquitto(folder) as port:
            before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            cpu_s = time.process_time()
            key = Ed25519PrivateKey.generate()
            ready_s, due_s, n_open, n_bytes = asyncio.run(be_box(folder, port, n, key, is_plain=given.plain))
            cpu_s = time.process_time() - cpu_s
            peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        found = {
            "contacts": n_open,
            "sent_mb": round(n_bytes / 1e6, 1),
            "ready_s": round(ready_s, 2),
            "first_due_s": round(due_s, 2),
            "box_cpu_s": round(cpu_s, 2),
            "bare_s": round(bare_s(folder, n), 2),
            "memory_before_mb": round(before_mb),
            "memory_peak_mb": round(peak_mb),
        }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
