"""The daemon on four simulated modems, in real time: what the demo shows. There is no telephone behind it."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec

from audio.ports.frame_thread import FrameThread
from audio.ports.port import AudioPort
from audio.ports.serial_pcm import SerialPcmPort
from firmware.clock import SimulatedClock, SimulatedWorld
from firmware.daemon.sip_trunks import simulated_trunk
from firmware.daemon.starting import serve
from firmware.daemon.worlds import World
from firmware.host.clock_trust import SimulatedClockTrust
from firmware.lines.gsm_line import GsmLine
from firmware.lines.gsm_ports import FixedPorts
from firmware.lines.sip_line import SipLine
from firmware.settings import Settings
from firmware.settings_sections import SpeechSection, VoiceSection
from firmware.values import LineId
from modem_drivers.at.byte_port import BytePort
from modem_drivers.at.serial_port import open_serial_port
from modem_drivers.dialect import AudioPlan
from modem_drivers.simulator.pty_host import SimulatedModemProcess
from modem_drivers.simulator.simulation import ModemSpec, Simulation, Voice

DEMO_WORDS_PER_MINUTE = 350
"""The demo speaks fast: it is watched, not called."""
DEMO_SPEECH = SpeechSection(en=VoiceSection(engines=["espeak"]), zh=VoiceSection(engines=["espeak"]))
"""…and at once: a better voice takes minutes to render what its people may hear."""


class SimulatedPorts(FixedPorts):
    """The ports of one modem of a running simulation, opened by pyserial like any hardware."""

    world = SimulatedWorld

    def __init__(self, process: SimulatedModemProcess, modem: int, frames: FrameThread | None = None) -> None:
        """Name the modem; `frames` moves the sound of all that are given the same."""
        self._frames = frames
        self._pair = process.ports[modem]

    def open_at(self) -> BytePort:
        """Open the AT port. Raises PortOpenError."""
        return open_serial_port(self._pair.at_path)

    def make_audio(self, plan: AudioPlan) -> AudioPort:
        """Return the PCM port, not yet started."""
        return SerialPcmPort(self._pair.pcm_path, block_bytes=plan.block_bytes, frames=self._frames)


async def run_simulated_box(
    settings: Settings, *, people_file: Path, starts_at: datetime, call_log: Path | None, n_sip_lines: int = 0
) -> None:
    """Run the daemon on four simulated lines, in real time, under a clock that starts at `starts_at`.

    So many of the four are SIP lines, the others modems. Raises SettingsError.
    """
    simulation = Simulation(
        modems=tuple(
            ModemSpec(personality=personality, imei=f"35693803564380{modem}", number=f"+861312345660{modem}")
            for modem, personality in enumerate(("sim7600", "ec25", "sim7600", "ec25")[n_sip_lines:])
        ),
        people=people_file.read_text(encoding="utf-8"),
        today=starts_at.date(),
        voice=Voice.ESPEAK,
        call_log_path=str(call_log) if call_log else None,
        speaks_sip=n_sip_lines > 0,
    )
    async with SimulatedModemProcess(simulation) as process:
        now_s = asyncio.get_running_loop().time
        world = simulated_world(process, starts_at, now_s, n_sip_lines=n_sip_lines)
        await serve(
            msgspec.structs.replace(settings, speech=DEMO_SPEECH),
            world,
            log_file=Path(settings.box.data_dir) / "box.log",
            words_per_minute=DEMO_WORDS_PER_MINUTE,
        )


def simulated_world(
    process: SimulatedModemProcess, starts_at: datetime, now_s: Callable[[], float], *, n_sip_lines: int = 0
) -> World[SimulatedWorld]:
    """Return the modems of a running simulation, and SIP lines to its people, under a clock that starts at `starts_at`.

    Raises SettingsError when no SIP engine is installed.
    """
    frames = FrameThread()
    sip: list[SipLine[SimulatedWorld]] = []
    if n_sip_lines:
        numbers = tuple(f"+86213456780{line}" for line in range(n_sip_lines))
        trunk = simulated_trunk(f"127.0.0.1:{process.sip_port}", n_lines=n_sip_lines, numbers=numbers)
        sip = [
            SipLine(LineId(f"sip-{line + 1}"), trunk, line, world=SimulatedWorld, now_s=now_s, frames=frames)
            for line in range(n_sip_lines)
        ]
    return World(
        clock=SimulatedClock(starts_at, now_s),
        trust=SimulatedClockTrust(),
        lines=[
            *(
                GsmLine(LineId(f"line-{modem + 1}"), SimulatedPorts(process, modem, frames), now_s=now_s)
                for modem in range(len(process.ports))
            ),
            *sip,
        ],
    )
