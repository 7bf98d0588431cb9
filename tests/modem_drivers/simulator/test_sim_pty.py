"""Simulated modems in a process of their own, on PTYs, as gammu and the kernel see them."""

import asyncio
import errno
import fcntl
import json
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import time
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path

import pytest

from modem_drivers.simulator import (
    Faults,
    ModemProcessError,
    ModemSpec,
    SimulatedModemProcess,
    Simulation,
)

TIOCGEXCL = 0x80045440  # asm-generic/ioctls.h; not in Python's termios
TODAY = date(2026, 3, 2)
SIM7600 = ModemSpec(personality="sim7600", imei="861234567890123", number="+8613912345678")
EC25 = ModemSpec(personality="ec25", imei="867698041234567", number="+8613912345679")
PEOPLE = """
people:
  - number: "+8613800000001"
    ring_s: 0
    steps: [{press: "12345"}, hang_up]
"""


class Host:
    """A host with a port open the plain way."""

    def __init__(self, path: str) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self.fd)

    def write(self, data: bytes) -> None:
        os.write(self.fd, data)

    async def read_until(self, end: bytes, *, deadline_s: float = 15.0) -> bytes:
        loop = asyncio.get_running_loop()
        read = b""
        until = loop.time() + deadline_s
        while end not in read:
            assert loop.time() < until, f"{end!r} did not come: {read!r}"
            await asyncio.to_thread(select.select, [self.fd], [], [], 0.2)
            try:
                read += os.read(self.fd, 65536)
            except BlockingIOError:
                continue
        return read

    def close(self) -> None:
        os.close(self.fd)


@asynccontextmanager
async def host(path: str) -> AsyncIterator[Host]:
    opened = Host(path)
    try:
        yield opened
    finally:
        opened.close()


def simulation(*modems: ModemSpec, people: str = PEOPLE, call_log_path: str | None = None) -> Simulation:
    return Simulation(modems=modems, people=people, today=TODAY, setup_s=0.1, call_log_path=call_log_path)


def test_a_call_with_sound_on_real_terminals(tmp_path: Path) -> None:
    log = tmp_path / "calls.jsonl"

    async def scenario() -> tuple[float, int]:
        async with SimulatedModemProcess(simulation(EC25, call_log_path=str(log))) as process:
            pair = process.ports[0]
            async with host(pair.at_path) as at, host(pair.pcm_path) as pcm:
                at.write(b"AT+QPCMV=1,0\r")
                await at.read_until(b"OK\r\n")
                at.write(b"ATD13800000001;\r")
                first = await asyncio.to_thread(read_sound, pcm.fd, 0.8)
                await at.read_until(b"NO CARRIER")
                return first

    seconds, n_bytes = asyncio.run(scenario())
    assert n_bytes % 320 == 0
    assert n_bytes / 16000 == pytest.approx(seconds, abs=0.25)  # the modem's clock is the real one
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    assert [row["event"] for row in rows] == ["dialled", "answered", "released"]
    assert rows[-1]["pressed"] == "12345"


def read_sound(fd: int, duration_s: float) -> tuple[float, int]:
    """Read for so long from the first byte on; return seconds and bytes."""
    select.select([fd], [], [], 5.0)
    started_s, n_bytes = time.monotonic(), 0
    while time.monotonic() - started_s < duration_s:
        select.select([fd], [], [], 0.05)
        try:
            n_bytes += len(os.read(fd, 65536))
        except BlockingIOError:
            continue
    return time.monotonic() - started_s, n_bytes


def test_sound_the_host_does_not_read_is_dropped_not_kept() -> None:
    async def scenario() -> int:
        async with SimulatedModemProcess(
            simulation(EC25, people=PEOPLE.replace("hang_up", "pause: 60"))
        ) as process:
            pair = process.ports[0]
            async with host(pair.at_path) as at, host(pair.pcm_path) as pcm:
                at.write(b'AT+QPCMV=1,0;+QINDCFG="ccinfo",1\rATD13800000001;\r')
                await at.read_until(b"2,0,0,0,0")
                await asyncio.to_thread(time.sleep, 0.4)  # a host that stalls: real time is what is tested
                return len(os.read(pcm.fd, 65536))

    assert asyncio.run(scenario()) <= 3200 + 320


def test_pulling_the_cable_kills_the_port_and_leaves_the_other_modem_alone() -> None:
    async def scenario() -> tuple[str, bytes]:
        async with (
            SimulatedModemProcess(simulation(SIM7600, EC25)) as process,
            host(process.ports[0].at_path) as dead,
            host(process.ports[1].at_path) as alive,
        ):
            await process.unplug(0)
            alive.write(b"AT\r")
            answer = await alive.read_until(b"OK\r\n")
            try:
                end = "closed" if os.read(dead.fd, 100) == b"" else "data"
            except OSError as problem:
                end = errno.errorcode[problem.errno or 0]
            return end, answer

    end, answer = asyncio.run(scenario())
    assert end in {"EIO", "closed"}
    assert answer == b"AT\r\r\nOK\r\n"


def test_faults_and_network_change_while_it_runs() -> None:
    async def scenario() -> bytes:
        async with (
            SimulatedModemProcess(simulation(SIM7600)) as process,
            host(process.ports[0].at_path) as at,
        ):
            at.write(b"ATE0;+CREG=1\r")
            await at.read_until(b"OK\r\n")
            await process.set_network(registration=5)
            reported = await at.read_until(b"+CREG: 5\r\n")
            await process.set_faults(0, Faults(deaf=True))
            await process.set_network(registration=1)
            await process.set_faults(0, Faults())
            await process.set_network(registration=2)
            return reported + await at.read_until(b"+CREG: 2\r\n")

    assert b"+CREG: 1\r\n" not in asyncio.run(scenario())


def test_the_next_host_finds_a_raw_and_unclaimed_port() -> None:
    """The simulator keeps the port open itself, so what only a last close would undo it undoes on its own."""

    async def scenario() -> tuple[list[int], int, bytes]:
        async with SimulatedModemProcess(simulation(EC25)) as process:
            path = process.ports[0].at_path
            async with host(path) as first:
                fcntl.ioctl(first.fd, termios.TIOCEXCL)
                claims = [is_claimed(first.fd)]
                while claims[-1] and len(claims) < 40:
                    await asyncio.to_thread(time.sleep, 0.05)
                    claims.append(is_claimed(first.fd))
            fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            local_modes = termios.tcgetattr(fd)[3]
            os.close(fd)
            async with host(path) as second:
                second.write(b"AT\r")
                return (
                    claims,
                    local_modes & (termios.ECHO | termios.ICANON),
                    await second.read_until(b"OK\r\n"),
                )

    claims, modes, said = asyncio.run(scenario())
    assert claims[0] == 1
    assert claims[-1] == 0
    assert modes == 0
    assert said == b"AT\r\r\nOK\r\n"


def is_claimed(fd: int) -> int:
    return int(struct.unpack("i", fcntl.ioctl(fd, TIOCGEXCL, b"\0" * 4))[0])


@pytest.mark.parametrize("how", ["leaving", "kill"])
def test_the_child_ends_with_us(
    how: str, tmp_path: Path, wait_for: Callable[[Callable[[], bool]], None]
) -> None:
    """Also when we are killed and can end nothing ourselves: the pipe does it."""
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    assert parent.stdout is not None
    assert parent.stdin is not None
    with parent:
        child = int(parent.stdout.readline())
        assert is_running(child)
        if how == "kill":
            parent.send_signal(signal.SIGKILL)
        else:
            parent.stdin.close()
        parent.wait(10)
        wait_for(lambda: not is_running(child))


_PARENT = """
import asyncio, sys
from datetime import date
from modem_drivers.simulator import ModemSpec, SimulatedModemProcess, Simulation
async def main():
    spec = ModemSpec(personality="ec25", imei="867698041234567", number="1")
    async with SimulatedModemProcess(Simulation(modems=(spec,), today=date(2026, 3, 2))) as process:
        print(process.pid, flush=True)
        await asyncio.to_thread(sys.stdin.read)
asyncio.run(main())
"""


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(simulation(ModemSpec(personality="nokia", imei="1", number="1")), id="unknown family"),
        pytest.param(simulation(EC25, people="people: 3"), id="bad people"),
    ],
)
def test_a_simulation_that_cannot_run_says_so(wrong: Simulation, capfd: pytest.CaptureFixture[str]) -> None:
    async def scenario() -> None:
        async with SimulatedModemProcess(wrong):
            pass

    with pytest.raises(ModemProcessError, match="did not start"):
        asyncio.run(scenario())
    said = capfd.readouterr().err
    assert said.startswith("simulated modems: ")
    assert "Traceback" not in said
