"""What a process of simulated modems is told: a spec, then orders; one JSON document a line."""

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

import msgspec

from modem_drivers.simulator.faults import Faults


class Voice(StrEnum):
    """How people sound."""

    BURSTS = "bursts"  # the rhythm of speech, rendered at once
    ESPEAK = "espeak"  # real words


@dataclass(frozen=True, slots=True, kw_only=True)
class ModemSpec:
    """One modem to simulate."""

    personality: str
    imei: str
    number: str
    """The modem's own number."""
    faults: Faults = field(default_factory=Faults)
    pin: str | None = None
    link: str | None = None
    """Where a link to the AT port stands, and with `-pcm` one to the sound; with it, a reboot moves the ports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """Modems, a network, and people behind it."""

    modems: tuple[ModemSpec, ...]
    people: str = ""
    """A people file's text; empty: nobody has a telephone."""
    today: date
    """The day the people's scripts live in."""
    voice: Voice = Voice.BURSTS
    setup_s: float = 1.5
    ring_limit_s: float = 55.0
    call_log_path: str | None = None
    speaks_sip: bool = False
    """The same people can be called over SIP too: the second line of the answer is the UDP port."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortPair:
    """The two ports of one simulated modem, as the host sees them."""

    at_path: str
    pcm_path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What happens to one running modem, or to the network."""

    modem: int | None = None
    faults: Faults | None = None
    unplug: bool = False
    """The modem's ports die, as when its cable is pulled."""
    plug: bool = False
    """An unplugged modem gets power; its ports come back, under other names, when it has booted."""
    registration: int | None = None
    """The network's answer to every modem, as +CREG counts it."""
    rssi: int | None = None


def to_line(document: Simulation | Order | tuple[PortPair, ...] | int) -> bytes:
    """Return one JSON line."""
    return msgspec.json.encode(document) + b"\n"


def read_simulation(line: bytes) -> Simulation:
    """Return what a line says. Raises msgspec.DecodeError."""
    return msgspec.json.decode(line, type=Simulation)


def read_order(line: bytes) -> Order:
    """Return what a line says. Raises msgspec.DecodeError."""
    return msgspec.json.decode(line, type=Order)


def read_sip_port(line: bytes) -> int:
    """Return what a line says. Raises msgspec.DecodeError."""
    return msgspec.json.decode(line, type=int)


def read_ports(line: bytes) -> tuple[PortPair, ...]:
    """Return what a line says. Raises msgspec.DecodeError."""
    return msgspec.json.decode(line, type=tuple[PortPair, ...])
