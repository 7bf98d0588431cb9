"""A world is a clock, the trust in it, and the lines whose telephones ring under it.

`Box` takes all three from one `World[W]`. Only `simulated_world` makes a `World[SimulatedWorld]` with ports of its own
choosing: it takes the running process of simulated modems, never a path, so no simulated clock ever meets a real port.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from audio.errors import PortOpenError
from audio.ports.frame_thread import FrameThread
from audio.ports.port import AudioPort
from audio.ports.serial_pcm import SerialPcmPort
from firmware.clock import Clock, RealWorld, SystemClock
from firmware.daemon.sip_trunks import trunk_of
from firmware.host.clock_trust import ClockTrust, SystemClockTrust
from firmware.host.credentials import CredentialMissingError, credential_file
from firmware.lines.gsm_line import GsmLine
from firmware.lines.line_card import LineCard
from firmware.lines.sim_pin import PinFileError, read_pin
from firmware.lines.sip_line import SipLine
from firmware.settings_sections import LineSection, TrunkSection
from firmware.values import LineId, parse_e164
from modem_drivers.dialect import AudioPlan
from modem_drivers.hotplug import Change, watch_modems
from modem_drivers.modem import Modem
from modem_drivers.power_hook import PowerHook
from modem_drivers.slots import SlotFinder, Wanted
from modem_drivers.usb_power import UsbPower

WorldT = TypeVar("WorldT")


@dataclass(frozen=True, slots=True, kw_only=True)
class World(Generic[WorldT]):
    """What belongs together, or a type checker objects."""

    clock: Clock[WorldT]
    trust: ClockTrust[WorldT]
    lines: Sequence[GsmLine[WorldT] | SipLine[WorldT]]
    hotplug: Callable[[], AsyncIterator[Change]] | None = None
    """Tells of modems that come, go or come back under other names; None where none can."""


class HardwarePorts:
    """The ports of a modem named in the settings, wherever they are."""

    world = RealWorld

    def __init__(self, line: LineSection, finder: SlotFinder, frames: FrameThread | None = None) -> None:
        """Name the line; `frames` moves the sound of all lines that are given the same."""
        self._frames = frames
        self._card = LineCard(line.sound_card, line.sound_rate_hz) if line.sound_card else None
        self._slot = finder.slot(
            line.id,
            Wanted(
                at_port=line.at_port or "",
                pcm_port=line.pcm_port or "",
                usb_path=line.usb_path or "",
                imei=line.imei or "",
                baud_rate=line.baud_rate,
            ),
        )

    @property
    def power(self) -> UsbPower | None:
        """Return the switch of its USB port, None where there is none."""
        return self._slot.power

    async def open_modem(self, now_s: Callable[[], float]) -> Modem:
        """Find the AT port and open the modem behind it. Raises ModemError."""
        del now_s  # the finder has the same
        modem = await self._slot.open()
        if self._card is not None:
            modem.use_sound_card()
        return modem

    async def shout(self, commands: Sequence[str]) -> None:
        """Type commands into the AT port though nobody answers. Raises ModemError."""
        await self._slot.shout(commands)

    def make_audio(self, plan: AudioPlan) -> AudioPort:
        """Return the port of the line's sound card, or else the PCM port, not yet started."""
        if self._card is not None:
            return self._card.make_port()
        return SerialPcmPort(self._slot.pcm_path, block_bytes=plan.block_bytes, frames=self._frames)

    async def audio_trouble(self, *, is_proved: bool) -> str:
        """Say what is wrong with the line's sound card, "" for nothing or where there is none."""
        if self._card is None:
            return ""
        try:
            await (self._card.find() if is_proved else self._card.try_it())
        except PortOpenError as error:
            return str(error)
        return ""


def hardware_world(
    lines: Sequence[LineSection], now_s: Callable[[], float], trunks: Sequence[TrunkSection] = ()
) -> World[RealWorld]:
    """Return the modems and the SIP trunks named in the settings under the system's clock. Raises SettingsError."""
    finder, frames = SlotFinder(now_s=now_s), FrameThread()
    return World(
        clock=SystemClock(),
        trust=SystemClockTrust(),
        lines=[
            *(hardware_line(line, finder, frames) for line in lines),
            *(line for trunk in trunks for line in sip_lines(trunk, now_s, frames)),
        ],
        hotplug=watch_modems,
    )


def hardware_line(
    line: LineSection, finder: SlotFinder, frames: FrameThread | None = None
) -> GsmLine[RealWorld]:
    """Return one line of the settings, its PIN and its power switch included."""
    return GsmLine(
        LineId(line.id),
        HardwarePorts(line, finder, frames),
        number=parse_e164(line.number) if line.number else None,
        pin=pin_source(line),
        power_hook=PowerHook(line.power_hook) if line.power_hook else None,
        now_s=finder.now_s,
    )


def sip_lines(
    section: TrunkSection, now_s: Callable[[], float], frames: FrameThread | None = None
) -> list[SipLine[RealWorld]]:
    """Return the lines of one trunk: as many as calls may be up on it at once. Raises SettingsError."""
    trunk = trunk_of(section)
    return [
        SipLine(
            LineId(f"{section.id}-{index + 1}"), trunk, index, world=RealWorld, now_s=now_s, frames=frames
        )
        for index in range(section.lines)
    ]


def pin_source(line: LineSection) -> Callable[[], str] | None:
    """Return what reads the SIM card's PIN, None where the settings name none. It raises PinFileError."""
    if line.pin_file is not None:
        return partial(read_pin, Path(line.pin_file))
    if line.pin_credential is not None:
        return partial(_read_credential, line.pin_credential)
    return None


def _read_credential(name: str) -> str:
    try:
        path = credential_file(name)
    except CredentialMissingError as error:
        raise PinFileError(str(error)) from None
    return read_pin(path)
