"""The child process: reads a simulation from stdin, says its ports on stdout, ends when stdin does."""

import asyncio
import signal
import sys
from contextlib import suppress
from pathlib import Path

import msgspec

from modem_drivers.simulator.errors import SimulatorError
from modem_drivers.simulator.espeak_voice import espeak_voice
from modem_drivers.simulator.modem import SimulatedModem
from modem_drivers.simulator.network import Network
from modem_drivers.simulator.people_file import load_people
from modem_drivers.simulator.personality import PERSONALITIES
from modem_drivers.simulator.pty_modem import PtyModem
from modem_drivers.simulator.sim_card import SimCard
from modem_drivers.simulator.simulation import (
    ModemSpec,
    Order,
    Simulation,
    Voice,
    read_order,
    read_simulation,
    to_line,
)
from modem_drivers.simulator.tones import FRAME_S

_LATE_S = 0.2
"""Ticks further behind than this are given up, not caught up: a host cannot use a burst of old sound."""
_CLAIMS_EVERY_TICKS = 25
_LINE_LIMIT_BYTES = 16 * 1024 * 1024


async def run() -> None:
    """Simulate until stdin ends, whoever closed it and however it died."""
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader(limit=_LINE_LIMIT_BYTES)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    simulation = read_simulation(await orders.readline())
    network = build_network(simulation)
    modems = [PtyModem(build_modem(spec, network, loop), loop) for spec in simulation.modems]
    sys.stdout.buffer.write(to_line(tuple(modem.ports for modem in modems)))
    sys.stdout.buffer.flush()
    ticking = asyncio.create_task(tick_for_ever(modems), name="ticks")
    try:
        while line := await orders.readline():
            obey(read_order(line), network, modems)
    finally:
        ticking.cancel()
        with suppress(asyncio.CancelledError):
            await ticking
        for modem in modems:
            modem.unplug()


def build_network(simulation: Simulation) -> Network:
    """Build the network and give its people their voices. Raises SimulatorError."""
    people = load_people(simulation.people, today=simulation.today) if simulation.people.strip() else []
    return Network(
        people,
        voice=espeak_voice if simulation.voice is Voice.ESPEAK else None,
        call_log_path=None if simulation.call_log_path is None else Path(simulation.call_log_path),
        setup_s=simulation.setup_s,
        ring_limit_s=simulation.ring_limit_s,
    )


def build_modem(spec: ModemSpec, network: Network, loop: asyncio.AbstractEventLoop) -> SimulatedModem:
    """Build one modem on the loop's clock. Raises SimulatorError."""
    if spec.personality not in PERSONALITIES:
        raise SimulatorError(f"{spec.personality} is no personality: use {', '.join(PERSONALITIES)}")
    modem = SimulatedModem(
        PERSONALITIES[spec.personality],
        network,
        imei=spec.imei,
        number=spec.number,
        schedule=loop.call_later,
        now_s=loop.time,
        sim=SimCard.for_modem(network.operator.numeric, spec.number, spec.imei, pin=spec.pin),
    )
    modem.faults = spec.faults
    return modem


def obey(order: Order, network: Network, modems: list[PtyModem]) -> None:
    """Carry out one order."""
    if order.registration is not None:
        network.registration = order.registration
    if order.rssi is not None:
        network.rssi = order.rssi
    if order.modem is not None:
        modem = modems[order.modem]
        if order.faults is not None:
            modem.modem.faults = order.faults
        if order.unplug:
            modem.unplug()


async def tick_for_ever(modems: list[PtyModem]) -> None:
    """Drive the sound of all modems every 20 ms on an absolute schedule."""
    loop = asyncio.get_running_loop()
    due_s, ticks = loop.time(), 0
    while True:
        due_s, ticks = due_s + FRAME_S, ticks + 1
        now_s = loop.time()
        if now_s - due_s > _LATE_S:
            due_s = now_s
        await asyncio.sleep(max(0.0, due_s - now_s))
        for modem in modems:
            modem.tick()
            if ticks % _CLAIMS_EVERY_TICKS == 0:
                modem.forget_claims()


def main() -> int:
    """Run as a program; a bad simulation is one line on stderr."""
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
    sys.exit(main())
