"""Simulated modems as a program: with options for a person, or without as a child told everything on stdin.

The child reads a simulation from stdin, says its ports on stdout, obeys orders, and ends when stdin does.
"""

import asyncio
import signal
import sys
from contextlib import suppress

import msgspec

from modem_drivers.simulator import command
from modem_drivers.simulator.errors import SimulatorError
from modem_drivers.simulator.pty_modem import PtyModem
from modem_drivers.simulator.running import build_modem, build_network, obey, plug_in, tick_for_ever
from modem_drivers.simulator.simulation import read_order, read_simulation, to_line
from modem_drivers.simulator.sip_exchange import SipExchange, open_exchange

_LINE_LIMIT_BYTES = 16 * 1024 * 1024


async def run() -> None:
    """Simulate until stdin ends, whoever closed it and however it died."""
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader(limit=_LINE_LIMIT_BYTES)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    simulation = read_simulation(await orders.readline())
    network = build_network(simulation)
    modems = [plug_in(spec, build_modem(spec, network, loop), loop) for spec in simulation.modems]
    if modems:
        network.begin(loop.call_later, loop.time)
    exchange = await open_exchange(network) if simulation.speaks_sip else None
    sys.stdout.buffer.write(to_line(tuple(modem.ports for modem in modems)))
    if exchange is not None:
        sys.stdout.buffer.write(to_line(exchange.port))
    sys.stdout.buffer.flush()
    devices: list[PtyModem | SipExchange] = [*modems, *([] if exchange is None else [exchange])]
    ticking = asyncio.create_task(tick_for_ever(devices), name="ticks")
    try:
        while line := await orders.readline():
            obey(read_order(line), network, modems)
    finally:
        ticking.cancel()
        with suppress(asyncio.CancelledError):
            await ticking
        for device in devices:
            device.unplug()


def main() -> int:
    """Run as a child; a bad simulation is one line on stderr."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's; it closes our stdin
    try:
        asyncio.run(run())
    except ConnectionError:
        return 0  # the parent died while we were talking to it
    except (SimulatorError, msgspec.DecodeError, IndexError) as problem:
        print(f"simulated modems: {problem}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(command.main(sys.argv[1:]) if sys.argv[1:] else main())
