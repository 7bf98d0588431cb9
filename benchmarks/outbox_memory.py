"""Memory of a box with five thousand and with a million messages waiting, while it sends some of them.

Run: python benchmarks/outbox_memory.py [--rows N]. One process for each size: it fills an outbox on disk (not counted),
then, in a fresh process, opens it and publishes 3 000 messages against a mosquitto of its own, each gone at its PUBACK,
and reports its peak. Target: no more for a million than for five thousand,
within 10 MB.
"""

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import structlog

from benchmarks.local_broker import LocalMosquitto
from benchmarks.uplink_drain import TOPICS, fill
from firmware.store import outbox
from firmware.store.database import Database
from firmware.sync.connection import MqttConnection, MqttSettings
from firmware.sync.uplink import Uplink

N_SENT = 3000


async def send_some(path: Path, port: int) -> dict[str, float]:
    """Open the outbox, send, and return what it took."""
    began_s = time.perf_counter()
    database = Database.open(path)
    opened_s = time.perf_counter() - began_s
    settings = MqttSettings(host="127.0.0.1", port=port, client_id="box-1", session_expiry_s=0)
    async with MqttConnection(settings) as link:
        await link.wait_connected()
        uplink = Uplink(database, link, TOPICS, expects_receipts=False)
        task = asyncio.create_task(uplink.run())
        began_s = time.perf_counter()
        wanted = min(N_SENT, (await database.read(outbox.heads))[1])
        while (await database.read(outbox.heads))[0] < wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        sent_s = time.perf_counter() - began_s
        task.cancel()
        await asyncio.wait([task])
    began_s = time.perf_counter()
    depth = await database.read(outbox.depth)
    depth_s = time.perf_counter() - began_s
    await database.close()
    return {
        "waiting": depth.n_waiting,
        "open_s": round(opened_s, 2),
        "messages_per_s": round(wanted / sent_s),
        "depth_ms": round(depth_s * 1000, 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def main() -> None:
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(40),
    )
    if sys.argv[1:2] == ["--box"]:
        print(json.dumps(asyncio.run(send_some(Path(sys.argv[2]), int(sys.argv[3])))))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    arguments = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as made, LocalMosquitto(Path(made)) as port:
        for n in (5_000, arguments.rows):
            path = Path(made) / f"{n}.db"
            fill(path, n).close_now()
            done = subprocess.run(
                [sys.executable, __file__, "--box", str(path), str(port)],
                capture_output=True,
                text=True,
                check=True,
            )
            found[f"{n} rows"] = json.loads(done.stdout.splitlines()[-1])
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
