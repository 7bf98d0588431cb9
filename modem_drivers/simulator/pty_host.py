"""Simulated modems in a child process, on PTYs that any program can open."""

import asyncio
import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from modem_drivers.simulator.errors import ModemProcessError
from modem_drivers.simulator.faults import Faults
from modem_drivers.simulator.simulation import Order, PortPair, Simulation, read_ports, read_sip_port, to_line

_PACKAGE_ROOT = Path(__file__).resolve().parents[2]
_START_DEADLINE_S = 60.0
"""Rendering real voices for many people takes its time."""
_STOP_DEADLINE_S = 3.0


class SimulatedModemProcess:
    """Runs a simulation in a child process while entered; if we die, the child ends by itself."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._process: asyncio.subprocess.Process | None = None
        self.ports: list[PortPair] = []
        """One pair a modem, in the order of the spec."""
        self.sip_port: int | None = None
        """Where its people can be called over SIP, on 127.0.0.1; None where the spec has them not."""

    @property
    def pid(self) -> int:
        """The child's process id. Raises ModemProcessError before it runs."""
        return self._running.pid

    async def __aenter__(self) -> Self:
        package_root = str(_PACKAGE_ROOT)
        paths = [package_root, *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "modem_drivers.simulator",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )
        try:
            self.ports = await self._start(self._process)
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def set_faults(self, modem: int, faults: Faults) -> None:
        """Give modem number `modem` these faults. Raises ModemProcessError when the child is gone."""
        await self._order(Order(modem=modem, faults=faults))

    async def unplug(self, modem: int) -> None:
        """Let a modem's ports die. Raises ModemProcessError when the child is gone."""
        await self._order(Order(modem=modem, unplug=True))

    async def set_network(self, *, registration: int | None = None, rssi: int | None = None) -> None:
        """Change what the network tells every modem. Raises ModemProcessError when the child is gone."""
        await self._order(Order(registration=registration, rssi=rssi))

    @property
    def _running(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            raise ModemProcessError("the process of simulated modems is not running")
        return self._process

    async def _start(self, process: asyncio.subprocess.Process) -> list[PortPair]:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(to_line(self._simulation))
            await process.stdin.drain()
            async with asyncio.timeout(_START_DEADLINE_S):
                line = await process.stdout.readline()
                if self._simulation.speaks_sip:
                    self.sip_port = read_sip_port(await process.stdout.readline())
            return list(read_ports(line))
        except (TimeoutError, ConnectionError, msgspec.DecodeError) as problem:
            raise ModemProcessError(
                "simulated modems did not start: their own message is on stderr"
            ) from problem

    async def _order(self, order: Order) -> None:
        stdin = self._running.stdin
        assert stdin is not None
        try:
            stdin.write(to_line(order))
            await stdin.drain()
        except ConnectionError as problem:
            raise ModemProcessError("the process of simulated modems is gone") from problem

    async def _stop(self) -> None:
        process = self._process
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(_STOP_DEADLINE_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
