"""A thousand boxes in one process against a broker, or a cluster with a node killed in the middle: is anything lost, or twice?

Run: python benchmarks/fleet.py [--boxes N] [--outcomes N] [--broker mosquitto|rabbitmq]. Each box is a session of its own
(client id, topics, window, receipts down, resend after silence) over one event loop; nothing is deleted before its
receipt. The console is the real `Ingest` and `Ledger`. With rabbitmq three nodes run on this machine, mirrored queues
hold the sessions, boxes are spread over the nodes, and one node is killed (SIGKILL) at a third of the way. Debian 12's
RabbitMQ (3.10) speaks MQTT 3.1.1 only: boxes and console do so too there, without user properties, so receipts are
unsigned; a real box refuses those, and wants MQTT 5 (RabbitMQ 3.13 or later). The check at
the end is by ids: what every box said, each once, against what the ledger holds.
"""

import argparse
import asyncio
import json
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import func, select

from benchmarks.fleet_box import FleetBox, Tally
from benchmarks.local_broker import LocalMosquitto
from benchmarks.old_link import OldLink
from benchmarks.rabbit_cluster import RabbitCluster
from console.ingest import Ingest
from console.ledger import Ledger
from console.ledger_tables import OUTCOME
from console.signed_sender import SignedSender
from firmware.clock import SystemClock
from firmware.sync.connection import Connection, MqttConnection, MqttSettings
from firmware.sync.topics import up_filter
from firmware.values import UuidV7

TENANT = "fleet"
DEADLINE_S = 500.0
KILL_AT = 1 / 3


async def play(
    folder: Path, ports: Sequence[int], tally: Tally, kill: "RabbitCluster | None"
) -> dict[str, object]:
    """Run the fleet until every box has its receipts; return what was measured."""
    ledger = Ledger(folder / "ledger.db")
    key = Ed25519PrivateKey.generate()
    clock, ids = SystemClock(), UuidV7()
    loop = asyncio.get_running_loop()
    recorded = 0
    killed_after: float | None = None

    def on_recorded(_: object) -> None:
        nonlocal recorded
        recorded += 1

    settings = MqttSettings(
        host="127.0.0.1",
        port=ports[0],
        client_id="fleet-console",
        receive_maximum=1000,
        keep_alive_s=60,
        back_off_cap_s=5,
    )
    async with AsyncExitStack() as stack:
        office: Connection = await stack.enter_async_context(
            MqttConnection(settings, subscriptions=[up_filter(TENANT)])
            if tally.version == 5
            else OldLink("fleet-console", [up_filter(TENANT)], ports)
        )
        await office.wait_connected()
        ingest = Ingest(
            connection=office,
            sender=SignedSender(office, key),
            ledger=ledger,
            tenant=TENANT,
            clock=clock,
            ids=ids,
            on_recorded=on_recorded,
        )
        reading = asyncio.create_task(ingest.run(), name="ingest")
        boxes = [
            # The console stays on the first node; boxes are spread over all of them, and know the others.
            FleetBox(TENANT, f"box-{number:05d}", [*ports[number % len(ports) :], *ports], tally)
            for number in range(tally.n_boxes)
        ]
        began_s = loop.time()
        tasks = [asyncio.create_task(box.run(), name=box.name) for box in boxes]
        tasks_done = asyncio.gather(*tasks)
        try:
            async with asyncio.timeout(DEADLINE_S):
                await tally.all_connected.wait()
                connected_s = loop.time() - began_s
                tally.go.set()
                went_s = loop.time()
                if kill is not None:
                    while recorded < tally.n_said * KILL_AT:  # noqa: ASYNC110
                        await asyncio.sleep(0.1)
                    killed_after = loop.time() - went_s
                    await asyncio.to_thread(kill.kill_last)
                ends: set[asyncio.Future[Any]] = {tasks_done, reading}
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                if reading.done():
                    reading.result()
                await tasks_done
                took_s = loop.time() - went_s
        finally:
            for task in [*tasks, reading]:
                task.cancel()
            await asyncio.gather(*tasks, reading, tasks_done, return_exceptions=True)
    with ledger.reading() as rows:
        kept = {(row.box, row.id) for row in rows.execute(select(OUTCOME.c.box, OUTCOME.c.id))}
        n_rows = rows.execute(select(func.count()).select_from(OUTCOME)).scalar_one()
        attempts = rows.execute(
            select(func.count(func.distinct(OUTCOME.c.box + "/" + OUTCOME.c.attempt)))
        ).scalar_one()
    said = {(box.name, message_id) for box in boxes for message_id in box.ids}
    ledger.close()
    return {
        "boxes": tally.n_boxes,
        "said": len(said),
        "lost": len(said - kept),
        "of_nobody": len(kept - said),
        "twice": n_rows - attempts,
        "sent_over_the_wire": tally.n_published,
        "arrived_at_console": recorded,
        "reconnects": tally.n_connects - tally.n_boxes,
        "all_connected_s": round(connected_s, 1),
        "node_killed_after_s": None if killed_after is None else round(killed_after, 1),
        "drained_s": round(took_s, 1),
        "outcomes_per_s": round(len(said) / took_s),
        "rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "cpu_s": round(time.process_time(), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--boxes", type=int, default=1000)
    parser.add_argument("--outcomes", type=int, default=20, help="of each box")
    parser.add_argument("--broker", choices=("mosquitto", "rabbitmq"), default="mosquitto")
    arguments = parser.parse_args()
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(40),
    )
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 4 * arguments.boxes + 500), hard), hard))
    version = 5 if arguments.broker == "mosquitto" else 4
    tally = Tally(arguments.boxes, arguments.outcomes, version)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        if arguments.broker == "mosquitto":
            with LocalMosquitto(folder) as port:
                found = asyncio.run(play(folder, [port], tally, None))
        else:
            with RabbitCluster(folder) as cluster:
                found = asyncio.run(play(folder, cluster.ports, tally, cluster))
    print(json.dumps({"broker": arguments.broker, **found}, indent=1))
    if found["lost"] or found["twice"] or found["of_nobody"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
