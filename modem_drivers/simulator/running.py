"""Modems on PTYs, on a running loop: built from a simulation, ticked every 20 ms, changed by orders."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from modem_drivers.simulator.errors import SimulatorError
from modem_drivers.simulator.espeak_voice import espeak_voice
from modem_drivers.simulator.modem import SimulatedModem
from modem_drivers.simulator.network import Network
from modem_drivers.simulator.people_file import load_people
from modem_drivers.simulator.personality import PERSONALITIES
from modem_drivers.simulator.port_links import PortLinks
from modem_drivers.simulator.pty_modem import PtyModem
from modem_drivers.simulator.sim_card import SimCard
from modem_drivers.simulator.simulation import ModemSpec, Order, Simulation, Voice
from modem_drivers.simulator.sip_exchange import SipExchange
from modem_drivers.simulator.tones import FRAME_S

_LATE_S = 0.2
"""Ticks further behind than this are given up, not caught up: a host cannot use a burst of old sound."""
_CLAIMS_EVERY_TICKS = 25


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


def plug_in(spec: ModemSpec, modem: SimulatedModem, loop: asyncio.AbstractEventLoop) -> PtyModem:
    """Give a modem its ports. Raises SimulatorError when the links cannot stand where they should."""
    return PtyModem(modem, loop, None if spec.link is None else PortLinks(Path(spec.link)))


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
        if order.plug:
            modem.plug()


async def tick_for_ever(devices: Sequence[PtyModem | SipExchange]) -> None:
    """Drive the sound of all modems, and of an exchange, every 20 ms on an absolute schedule."""
    loop = asyncio.get_running_loop()
    due_s, ticks = loop.time(), 0
    while True:
        due_s, ticks = due_s + FRAME_S, ticks + 1
        now_s = loop.time()
        if now_s - due_s > _LATE_S:
            due_s = now_s
        await asyncio.sleep(max(0.0, due_s - now_s))
        for device in devices:
            device.tick()
            if ticks % _CLAIMS_EVERY_TICKS == 0:
                device.forget_claims()
