"""What the AT layer costs: tokenizer bytes/s, commands/s over a PTY, and the time from decision to ATD on the wire.

Run: python benchmarks/modem_at.py [--peer-python PYTHON]. The peer is python-gsmmodem-new, in an environment of its own
(python -m venv V && V/bin/pip install python-gsmmodem-new); without it the table says that it is absent. Both sides
talk to the same far end: a thread that answers at once, so what is measured is the host's side and the kernel's tty.
"""

import argparse
import asyncio
import os
import pty
import random
import statistics
import subprocess
import sys
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import structlog
from rich.console import Console
from rich.table import Table

from modem_drivers.at.channel import AtChannel
from modem_drivers.at.serial_port import open_serial_port
from modem_drivers.at.tokenizer import AtTokenizer
from modem_drivers.modem import Modem

ROUNDS = 3
N_COMMANDS = 2000
N_DIALS = 30
NUMBER = "+8613800000001"
TRAFFIC = (
    b"\r\n+CSQ: 18,99\r\n\r\nOK\r\n" * 4
    + b'\r\n+CLCC: 1,0,2,0,0,"+8613800000001",145,""\r\n\r\nOK\r\n' * 3
    + b'\r\n+QIND: "ccinfo",1,0,0,0,0,"13800000001",129\r\n\r\nVOICE CALL: BEGIN\r\n\r\nNO CARRIER\r\n'
)
ANSWERS = {
    b"AT+CGMI": b"SIMCOM INCORPORATED",
    b"AT+CGMM": b"SIMCOM_SIM7600E-H",
    b"AT+CGMR": b"1.0",
    b"AT+CGSN": b"860000000000016",
    b"AT+CMEE?": b"+CMEE: 1",
    b"AT+CSQ": b"+CSQ: 18,99",
    b"AT+CPIN?": b"+CPIN: READY",
    b"AT+CREG?": b"+CREG: 0,1",
    b"AT+COPS?": b'+COPS: 0,0,"X",7',
}
# The peer's own command call, measured inside its own process on the same kind of far end.
PEER = """
import logging, sys, time
logging.disable(logging.CRITICAL)
from gsmmodem.serial_comms import SerialComms
port = SerialComms(sys.argv[1], 115200)
port.connect()
n = int(sys.argv[2])
for _ in range(20):
    port.write("AT+CSQ\\r")
began = time.perf_counter()
for _ in range(n):
    port.write("AT+CSQ\\r")
print(n / (time.perf_counter() - began))
port.close()
"""


class FarEnd:
    """A modem that answers everything at once, on the master of a PTY, and notes when ATD came."""

    def __init__(self) -> None:
        self.master, slave = pty.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        self._slave = slave  # kept open, so that the next program to open it does not find it hung up
        self.dialled_at_s: list[float] = []
        self._in_call = False
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        typed = b""
        while True:
            try:
                typed += os.read(self.master, 4096)
            except OSError:
                return
            *commands, typed = typed.split(b"\r")
            for command in commands:
                os.write(self.master, self._answer(command.strip(b"\x1b\n")))

    def _answer(self, command: bytes) -> bytes:
        if command.startswith(b"ATD"):
            self.dialled_at_s.append(time.perf_counter())
            self._in_call = True
        elif command in {b"AT+CHUP", b"ATH"}:
            self._in_call = False
        line = ANSWERS.get(command, b"")
        if command == b"AT+CLCC" and self._in_call:
            line = b'+CLCC: 1,0,2,0,0,"+8613800000001",145'
        return (b"\r\n" + line + b"\r\n" if line else b"") + b"\r\nOK\r\n"


def tokenizer_bytes_per_s() -> float:
    data = TRAFFIC * 2000
    rng = random.Random(1)
    chunks = []
    while data:
        n_bytes = rng.randrange(1, 128)  # as a tty hands them over
        chunks.append(data[:n_bytes])
        data = data[n_bytes:]
    best = float("inf")
    for _ in range(ROUNDS):
        tokenizer = AtTokenizer()
        began_s = time.perf_counter()
        for chunk in chunks:
            tokenizer.feed(chunk)
        best = min(best, time.perf_counter() - began_s)
    return sum(map(len, chunks)) / best


def split_bytes_per_s() -> float:
    """The floor: bytes.split of the same traffic, which makes no tokens."""
    data = TRAFFIC * 2000
    began_s = time.perf_counter()
    data.split(b"\r\n")
    return len(data) / (time.perf_counter() - began_s)


async def commands_per_s() -> float:
    far_end = FarEnd()
    loop = asyncio.get_running_loop()
    channel = AtChannel(
        open_serial_port(far_end.path), on_urc=lambda _: None, on_closed=lambda: None, now_s=loop.time
    )
    async with channel:
        await channel.probe(timeout_s=2, escape=False)
        began_s = time.perf_counter()
        for _ in range(N_COMMANDS):
            await channel.command("AT+CSQ", timeout_s=2, prefix="+CSQ")
        return N_COMMANDS / (time.perf_counter() - began_s)


def peer_commands_per_s(python: str) -> float | str:
    """Return the peer's rate, or why there is none."""
    if not python:
        return "absent: no --peer-python given"
    try:
        done = subprocess.run(
            [python, "-c", PEER, FarEnd().path, str(N_COMMANDS)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"absent: {error}"
    if done.returncode:
        return "absent: " + done.stderr.strip().rsplit("\n", 1)[-1]
    return float(done.stdout)


async def dial_latencies_ms(n_dials: int) -> list[float]:
    """From calling `dial` on an idle modem, its checks of the line included, to ATD in the far end's hands."""
    far_end = FarEnd()
    loop = asyncio.get_running_loop()
    latencies = []
    async with await Modem.open(open_serial_port(far_end.path), now_s=loop.time) as modem:
        for _ in range(n_dials):
            decided_at_s = time.perf_counter()
            call = await modem.dial(NUMBER)
            latencies.append((far_end.dialled_at_s[-1] - decided_at_s) * 1e3)
            await call.hang_up()
            await asyncio.sleep(modem.dialect.timing.redial_gap_s + 0.1)
    return latencies


def best_of(measure: Callable[[], float]) -> float:
    return max(measure() for _ in range(ROUNDS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer-python", default="", help="a Python that has python-gsmmodem-new")
    parser.add_argument("--dials", type=int, default=N_DIALS, help="how many calls to time; 2 s each")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    table = Table("what", "value", "unit")
    table.add_row("tokenizer", f"{best_of(tokenizer_bytes_per_s) / 1e6:.1f}", "MB/s")
    table.add_row("bytes.split of the same traffic", f"{best_of(split_bytes_per_s) / 1e6:.1f}", "MB/s")
    ours = best_of(lambda: asyncio.run(commands_per_s()))
    table.add_row("AT+CSQ over a PTY", f"{ours:.0f}", "commands/s")
    peers = [peer_commands_per_s(arguments.peer_python) for _ in range(ROUNDS)]
    rates = [rate for rate in peers if isinstance(rate, float)]
    table.add_row(
        "the same, python-gsmmodem-new",
        f"{max(rates):.0f}" if rates else str(peers[0]),
        "commands/s" if rates else "",
    )
    if rates:
        table.add_row("ours to theirs", f"{ours / max(rates):.2f}", "times")
    latencies = sorted(asyncio.run(dial_latencies_ms(arguments.dials)))
    table.add_row("decision to ATD on the wire, median", f"{statistics.median(latencies):.2f}", "ms")
    table.add_row("decision to ATD on the wire, worst", f"{latencies[-1]:.2f}", "ms")
    Console().print(table)


if __name__ == "__main__":
    main()
