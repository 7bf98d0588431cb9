"""How much an idle box with four lines takes: seconds until it serves, resident memory, share of one core.

    python -m benchmarks.idle_box [--seconds 60]

Four simulated modems (in this process, not counted) on PTYs, no broker to reach, no speech models; the daemon is the one
that a service manager would start, and it says ready as it would to that. As on a box, what it imports is compiled
(`provisioning.installing` does that for each release; here a first start into a folder of its own), and its database is
there already: what is measured is the second start. Budget: 3 s, 80 MB, 1 % of a core.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from console.authority import init_office, issue_box
from modem_drivers.simulator.pty_host import SimulatedModemProcess
from modem_drivers.simulator.simulation import ModemSpec, Simulation

READY_S, RSS_MB, CPU_PERCENT = 3.0, 80.0, 1.0
START_LIMIT_S = 60.0
SETTLE_S = 15.0
TICKS = os.sysconf("SC_CLK_TCK")


def rss_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


async def measure(seconds: float) -> tuple[float, float, float]:
    simulation = Simulation(
        modems=tuple(
            ModemSpec(personality=kind, imei=f"35693803564380{n}", number=f"+861312345660{n}")
            for n, kind in enumerate(("sim7600", "ec25", "sim7600", "ec25"))
        ),
        people="people: []",
        today=datetime.now(UTC).date(),
    )
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        office = init_office(
            Path(folder) / "office", "bench", "127.0.0.1", now=datetime.now(UTC), broker_port=9
        )
        box = issue_box(office, "idle-1", now=datetime.now(UTC))
        manager.bind(f"{folder}/notify")
        manager.setblocking(False)
        async with SimulatedModemProcess(simulation) as modems:
            with (box / "box.toml").open("a", encoding="utf-8") as file:
                file.write("\n[listening]\nrecognition = false\n")
                for n, port in enumerate(modems.ports):
                    file.write(
                        f'\n[[line]]\nid = "line-{n}"\nat_port = "{port.at_path}"\npcm_port = "{port.pcm_path}"\n'
                    )
            started = partial(
                running, box / "box.toml", manager, notify=f"{folder}/notify", compiled=f"{folder}/compiled"
            )
            async with started():
                pass
            async with started() as (daemon, ready_s):
                await asyncio.sleep(SETTLE_S)
                used_s, from_s = cpu_s(daemon.pid), time.monotonic()
                await asyncio.sleep(seconds)
                share = (cpu_s(daemon.pid) - used_s) / (time.monotonic() - from_s)
                return ready_s, rss_mb(daemon.pid), share * 100


@contextlib.asynccontextmanager
async def running(
    config: Path, manager: socket.socket, *, notify: str, compiled: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, float]]:
    """Run the daemon while the block runs, whose value is its process and how long it took to be ready."""
    environment = {**os.environ, "NOTIFY_SOCKET": notify, "PYTHONPYCACHEPREFIX": compiled}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    began_s = time.monotonic()
    daemon = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "firmware.cli", "run", "--config", str(config),
        env=environment, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(START_LIMIT_S):
            while b"READY=1" not in await asyncio.get_running_loop().sock_recv(manager, 4096):
                pass
        yield daemon, time.monotonic() - began_s
    finally:
        daemon.send_signal(signal.SIGTERM)
        await daemon.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to watch it idle")
    found = asyncio.run(measure(parser.parse_args().seconds))
    for what, value, most in zip(
        ("ready, s", "RSS, MB", "CPU, % of a core"), found, (READY_S, RSS_MB, CPU_PERCENT), strict=True
    ):
        print(f"{what:18} {value:8.2f}   budget {most:g}   {'within' if value <= most else 'OVER'}")


if __name__ == "__main__":
    main()
