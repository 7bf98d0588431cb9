"""A world is a clock, the trust in it, and the lines whose telephones ring under it.

`Box` takes all three from one `World[W]`. Only `simulated_world` makes a `World[SimulatedWorld]` with ports of its own
choosing: it takes the running process of simulated modems, never a path, so no simulated clock ever meets a real port.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from audio.ports.port import AudioPort
from audio.ports.serial_pcm import SerialPcmPort
from firmware.clock import Clock, RealWorld, SimulatedClock, SimulatedWorld, SystemClock
from firmware.host.clock_trust import ClockTrust, SimulatedClockTrust, SystemClockTrust
from firmware.lines.gsm_line import GsmLine
from firmware.settings import LineSection
from firmware.values import E164, LineId, parse_e164
from modem_drivers.at.byte_port import BytePort
from modem_drivers.at.serial_port import open_serial_port
from modem_drivers.dialect import AudioPlan
from modem_drivers.simulator.pty_host import SimulatedModemProcess

WorldT = TypeVar("WorldT")


@dataclass(frozen=True, slots=True, kw_only=True)
class World(Generic[WorldT]):
    """What belongs together, or a type checker objects."""

    clock: Clock[WorldT]
    trust: ClockTrust[WorldT]
    lines: Sequence[GsmLine[WorldT]]


class HardwarePorts:
    """The ports of a modem named in the settings."""

    world = RealWorld

    def __init__(self, line: LineSection) -> None:
        self._line = line

    def open_at(self) -> BytePort:
        """Open the AT port. Raises PortOpenError."""
        return open_serial_port(self._line.at_port)

    def make_audio(self, plan: AudioPlan) -> AudioPort:
        """Return the PCM port, not yet started."""
        return SerialPcmPort(self._line.pcm_port, block_bytes=plan.block_bytes)


class SimulatedPorts:
    """The ports of one modem of a running simulation, opened by pyserial like any hardware."""

    world = SimulatedWorld

    def __init__(self, process: SimulatedModemProcess, modem: int) -> None:
        self._pair = process.ports[modem]

    def open_at(self) -> BytePort:
        """Open the AT port. Raises PortOpenError."""
        return open_serial_port(self._pair.at_path)

    def make_audio(self, plan: AudioPlan) -> AudioPort:
        """Return the PCM port, not yet started."""
        return SerialPcmPort(self._pair.pcm_path, block_bytes=plan.block_bytes)


def hardware_world(lines: Sequence[LineSection], now_s: Callable[[], float]) -> World[RealWorld]:
    """Return the modems named in the settings under the system's clock."""
    return World(
        clock=SystemClock(),
        trust=SystemClockTrust(),
        lines=[
            GsmLine(LineId(line.id), HardwarePorts(line), number=_own_number(line), now_s=now_s)
            for line in lines
        ],
    )


def simulated_world(
    process: SimulatedModemProcess, starts_at: datetime, now_s: Callable[[], float]
) -> World[SimulatedWorld]:
    """Return the modems of a running simulation under a clock that starts at `starts_at`."""
    return World(
        clock=SimulatedClock(starts_at, now_s),
        trust=SimulatedClockTrust(),
        lines=[
            GsmLine(LineId(f"line-{modem + 1}"), SimulatedPorts(process, modem), now_s=now_s)
            for modem in range(len(process.ports))
        ],
    )


def _own_number(line: LineSection) -> E164 | None:
    return parse_e164(line.number) if line.number else None
