"""Where a line's modem is at this moment: by ports a person named, by where it is plugged in, or by its IMEI."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from modem_drivers.at.byte_port import BytePort
from modem_drivers.at.channel import AtChannel
from modem_drivers.at.serial_port import open_serial_port
from modem_drivers.baud_search import OpenPort, find_baud_rate
from modem_drivers.discovery import ModemPorts, UsbTty, list_usb_ttys, pair_ports
from modem_drivers.errors import (
    CommandError,
    CommandTimeoutError,
    ModemError,
    NotAModemError,
    PortError,
    PortMissingError,
)
from modem_drivers.modem import Modem
from modem_drivers.roster import Roster, Sighting
from modem_drivers.usb_power import UsbPower

USUAL_RATE_BAUD = 115200
SHOUT_S = 3.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which modem is meant: by its ports, by where it is plugged in (`1-1.3`), or by its IMEI; exactly one of these."""

    at_port: str = ""
    pcm_port: str = ""
    """With `at_port`; empty where sound has no tty."""
    usb_path: str = ""
    imei: str = field(default="", repr=False)
    baud_rate: int | None = None
    """Of a serial line without USB; None: it is searched for when nobody answers."""

    def __post_init__(self) -> None:
        if sum(bool(way) for way in (self.at_port, self.usb_path, self.imei)) != 1:
            raise ValueError("name a modem by its AT port, by its USB path or by its IMEI: one of the three")


def _open_serial(path: str, rate: int) -> BytePort:
    return open_serial_port(path, baud_rate=rate)


class SlotFinder:
    """Knows the modems of one box: which slot is whose, so that no line opens another line's modem."""

    def __init__(
        self,
        *,
        now_s: Callable[[], float],
        list_ttys: Callable[[], list[UsbTty]] = list_usb_ttys,
        open_port: OpenPort = _open_serial,
        sysfs: Path = Path("/sys"),
    ) -> None:
        self.now_s = now_s
        self.list_ttys = list_ttys
        self.open_port = open_port
        self.sysfs = sysfs
        self.roster = Roster()
        self.searching = asyncio.Lock()
        """One search by IMEI at a time: two would stand in each other's way."""
        self._slots: dict[str, Slot] = {}

    def slot(self, line: str, wanted: Wanted) -> "Slot":
        """Return the place of one line's modem. Raises ValueError when the line has one already."""
        if line in self._slots:
            raise ValueError(f"{line} has its modem already")
        slot = self._slots[line] = Slot(self, line, wanted)
        return slot

    def look(self) -> list[ModemPorts]:
        """Return the USB devices that may be modems, as the kernel lists them now."""
        return pair_ports(self.list_ttys())

    def unclaimed(self, seeker: str = "") -> list[ModemPorts]:
        """Return those that no other line names or holds."""
        taken = {slot.claim for line, slot in self._slots.items() if line != seeker}
        named = {slot.wanted.at_port for line, slot in self._slots.items() if line != seeker}
        free = (ports for ports in self.look() if ports.usb_path not in taken)
        return [ports for ports in free if not named & set(ports.at_candidates)]

    def note(self, usb_path: str, imei: str) -> Sighting | None:
        """Keep which modem answers where; say what is new about that, None for a modem without an IMEI."""
        if not imei:
            return None
        sighting = self.roster.saw(usb_path, imei)
        if sighting in {Sighting.MOVED, Sighting.REPLACED}:
            log.warning("modem_elsewhere", slot=usb_path, what=sighting.value)
        return sighting


class Slot:
    """The place of one line's modem. `open` finds it anew each time: names move with every restart."""

    def __init__(self, finder: SlotFinder, line: str, wanted: Wanted) -> None:
        self.line = line
        self.wanted = wanted
        self.usb_path: str | None = wanted.usb_path or None
        """Where it is plugged in, None as long as that is not known or not at the USB."""
        self.at_path = wanted.at_port
        self.pcm_path = wanted.pcm_port
        """As of the last `open`; empty where sound has no tty."""
        self._finder = finder
        self._rate_baud = wanted.baud_rate or USUAL_RATE_BAUD
        self._at_interface: int | None = None
        self._pcm_interface: int | None = None

    @property
    def claim(self) -> str | None:
        """Return the USB path that no other line may open."""
        return self.usb_path

    @property
    def power(self) -> UsbPower | None:
        """Return the switch of its USB port, None where it is not at the USB or not known."""
        if self.usb_path is None:
            return None
        with suppress(ValueError):
            return UsbPower(self.usb_path, sysfs=self._finder.sysfs)
        return None

    async def open(self) -> Modem:
        """Find the ports and open the modem behind them.

        Raises PortMissingError (it is not there), PortOpenError, NotAModemError, and what `Modem.open` raises.
        """
        if self.wanted.imei:
            return await self._open_by_imei()
        if self.wanted.usb_path:
            return await self._open_first(self._ports_at(self.wanted.usb_path))
        return await self._open_by_name()

    async def shout(self, commands: Sequence[str]) -> None:
        """Type commands into the port though nobody answers. Raises PortError when there is no one port to type into."""
        if not self.at_path:
            raise PortMissingError(self.line, "its port was never found")
        port = self._finder.open_port(self._current_at(), self._rate_baud)
        async with AtChannel(
            port, on_urc=lambda _line: None, on_closed=lambda: None, now_s=self._finder.now_s
        ) as channel:
            for command in commands:
                with suppress(ModemError):
                    await channel.execute(command, timeout_s=SHOUT_S, insist=True)

    # ---- by ports that a person named

    async def _open_by_name(self) -> Modem:
        self._follow_ports()
        is_usb = self.usb_path is not None
        try:
            modem = await self._open_at(self.at_path)
        except NotAModemError:
            if is_usb or self.wanted.baud_rate is not None:
                raise
            self._rate_baud = await find_baud_rate(
                self.at_path, open_port=self._finder.open_port, now_s=self._finder.now_s
            )
            modem = await self._open_at(self.at_path)
        if self.usb_path is not None:
            self._finder.note(self.usb_path, modem.identity.imei)
        return modem

    def _follow_ports(self) -> None:
        """Learn where the named ports are plugged in, and follow that place when its ttys get other names."""
        ttys = self._finder.list_ttys()
        if self.usb_path is None:
            named = next((tty for tty in ttys if _is_same(tty.path, self.wanted.at_port)), None)
            if named is None:
                return
            self.usb_path, self._at_interface = named.usb_path, named.interface
            pcm = next((tty for tty in ttys if _is_same(tty.path, self.wanted.pcm_port)), None)
            self._pcm_interface = pcm.interface if pcm is not None else None
        here = {tty.interface: tty.path for tty in ttys if tty.usb_path == self.usb_path}
        at_path = here.get(self._at_interface) if self._at_interface is not None else None
        if at_path is None:
            raise PortMissingError(self.wanted.at_port, f"the modem at USB {self.usb_path} is not there")
        if not _is_same(at_path, self.at_path):
            log.info("ports_followed", line=self.line, slot=self.usb_path, port=at_path)
            self.at_path = at_path
        pcm_path = here.get(self._pcm_interface) if self._pcm_interface is not None else None
        if pcm_path is not None and not _is_same(pcm_path, self.pcm_path):
            self.pcm_path = pcm_path

    def _current_at(self) -> str:
        if self.wanted.at_port:
            with suppress(PortMissingError):
                self._follow_ports()
            return self.at_path
        candidates = self._ports_at(self.usb_path or "").at_candidates
        return candidates[0] if len(candidates) == 1 else self.at_path

    # ---- by where it is plugged in

    def _ports_at(self, usb_path: str) -> ModemPorts:
        for ports in self._finder.look():
            if ports.usb_path == usb_path:
                return ports
        raise PortMissingError(f"USB {usb_path}", "no modem is plugged in there: see `branchline modem list`")

    async def _open_first(self, ports: ModemPorts) -> Modem:
        reasons = []
        for path in ports.at_candidates:
            try:
                modem = await self._open_at(path)
            except NotAModemError as error:
                reasons.append(error.reason)
                continue
            self.usb_path, self.at_path, self.pcm_path = ports.usb_path, path, ports.pcm_path or ""
            self._finder.note(ports.usb_path, modem.identity.imei)
            return modem
        raise NotAModemError(" ".join(ports.at_candidates), "; ".join(reasons))

    # ---- by its IMEI

    async def _open_by_imei(self) -> Modem:
        finder = self._finder
        async with finder.searching:
            last_known = finder.roster.slot_of(self.wanted.imei)
            trouble: ModemError = PortMissingError(
                self.line, "no modem with its IMEI is plugged in: see `branchline modem list`"
            )
            # Where it was last comes first; a slot last seen with another modem last, for they may have been moved.
            for ports in sorted(
                finder.unclaimed(self.line),
                key=lambda ports: (
                    ports.usb_path != last_known,
                    finder.roster.imei_at(ports.usb_path) is not None,
                ),
            ):
                try:
                    modem = await self._open_first(ports)
                except (PortError, CommandError, CommandTimeoutError) as error:
                    log.debug("slot_passed_over", line=self.line, slot=ports.usb_path, reason=str(error))
                    if ports.usb_path == last_known:
                        trouble = error
                    continue
                if modem.identity.imei == self.wanted.imei:
                    return modem
                await modem.close()
            self.usb_path = finder.roster.slot_of(self.wanted.imei)  # what may be restarted there is ours
            raise trouble

    async def _open_at(self, path: str) -> Modem:
        return await Modem.open(self._finder.open_port(path, self._rate_baud), now_s=self._finder.now_s)


def _is_same(path: str, other: str) -> bool:
    """Say whether two names lead to one device, links such as /dev/serial/by-id/… followed."""
    return bool(path and other) and (path == other or Path(path).resolve() == Path(other).resolve())
