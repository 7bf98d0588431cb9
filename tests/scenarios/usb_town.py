"""A town whose modems sit at a USB that a test made: they leave it with every restart and come back under other names."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from audio.ports.loopback import LoopbackPort
from audio.ports.port import AudioPort
from firmware.clock import SimulatedWorld
from firmware.lines.gsm_line import GsmLine
from firmware.values import LineId
from modem_drivers.at.byte_port import BytePort
from modem_drivers.at.memory_port import MemoryPort
from modem_drivers.dialect import AudioPlan
from modem_drivers.discovery import ModemPorts, list_usb_ttys
from modem_drivers.errors import PortMissingError, PortOpenError
from modem_drivers.hotplug import watch_modems
from modem_drivers.modem import Modem
from modem_drivers.simulator.memory_host import join
from modem_drivers.simulator.modem import SimulatedModem
from modem_drivers.simulator.people import Person
from modem_drivers.slots import Slot, SlotFinder, Wanted
from modem_drivers.usb_power import UsbPower
from tests.modem_drivers.made_sysfs import MadeSysfs
from tests.scenarios.town import Town

IDS = {"sim7600": ("1e0e", "9001"), "ec25": ("2c7c", "0125")}
KERNEL_LOOKS_EVERY_S = 0.5


class Bus:
    """The USB: who is plugged in where, under which names, and what writing to its switches does."""

    def __init__(self, root: Path) -> None:
        self.sysfs = MadeSysfs(root)
        self.root = root
        self.by_slot: dict[str, SimulatedModem] = {}
        self.typed: list[tuple[float, str, str]] = []
        """(seconds, slot, command) of everything that reached a modem's AT port."""
        self.after_rebind: Callable[[SimulatedModem], None] = lambda _modem: None
        self._ports: dict[str, MemoryPort] = {}
        self._next_tty = 0
        self._seen: Sequence[ModemPorts] | None = None

    def look(self) -> Sequence[ModemPorts]:
        """Return what `MadeSysfs.look` does, read anew only after something came or went."""
        if self._seen is None:
            self._seen = self.sysfs.look()
        return self._seen

    def plug(self, slot: str, modem: SimulatedModem) -> None:
        self.by_slot[slot] = modem
        switch = self._switch(slot)
        switch.parent.mkdir(parents=True, exist_ok=True)
        switch.write_text("1")
        modem.power_changed = partial(self._power_changed, slot)
        self._appear(slot)

    def unplug(self, slot: str) -> SimulatedModem:
        """Pull the cable: descriptors die, the call is lost."""
        modem = self.by_slot.pop(slot)
        self._switch(slot).unlink()
        modem.power_off()
        self._vanish(slot)
        return modem

    def replug(self, slot: str, modem: SimulatedModem) -> None:
        """Put a cable back: the ports appear when the modem has booted."""
        self.by_slot[slot] = modem
        self._switch(slot).write_text("1")
        modem.power_changed = partial(self._power_changed, slot)
        modem.power_on()

    def at_port_of(self, slot: str) -> str:
        return next(ports.at_candidates[0] for ports in self.look() if ports.usb_path == slot)

    def pcm_port_of(self, slot: str) -> str:
        return next(ports.pcm_path or "" for ports in self.look() if ports.usb_path == slot)

    def open_port(self, path: str, rate: int) -> BytePort:
        del rate  # USB modems speak at any
        for slot, modem in self.by_slot.items():
            if self._is_there(slot) and self.at_port_of(slot) == path:
                if slot in self._ports and not self._is_closed(slot):
                    raise PortOpenError(path, "in use")
                port = self._ports[slot] = MemoryPort(path)
                join(modem, port)
                port.connect(partial(self._type, slot))
                return port
        raise PortMissingError(path, "no such device")

    def audio_at(self, path: str) -> AudioPort:
        for slot, modem in self.by_slot.items():
            if self._is_there(slot) and self.pcm_port_of(slot) == path:
                return LoopbackPort(modem.pcm_exchange)
        return LoopbackPort(lambda _said: b"")

    async def kernel(self) -> None:
        """Do what writing to `authorized` does."""
        off: set[str] = set()
        while True:
            await asyncio.sleep(KERNEL_LOOKS_EVERY_S)
            for slot, modem in list(self.by_slot.items()):
                is_off = self._switch(slot).read_text() == "0"
                if is_off and slot not in off:
                    off.add(slot)
                    modem.power_off()
                    self._vanish(slot)
                elif not is_off and slot in off:
                    off.discard(slot)
                    self.after_rebind(modem)
                    modem.power_on()

    def _type(self, slot: str, data: bytes) -> None:
        time_s = asyncio.get_running_loop().time()
        self.typed += [(time_s, slot, line) for line in data.decode().split("\r") if line]
        self.by_slot[slot].on_host_bytes(data)

    def _power_changed(self, slot: str, is_on: bool) -> None:
        if is_on and not self._is_there(slot):
            self._appear(slot)
        elif not is_on and self._is_there(slot):
            self._vanish(slot)

    def _appear(self, slot: str) -> None:
        ids = IDS[self.by_slot[slot].device.personality.name]
        self.sysfs.plug(slot, self._next_tty, ids=ids)
        self._seen = None
        self._next_tty += 5  # the kernel gives the next free names: never the old ones while they are held

    def _vanish(self, slot: str) -> None:
        self.sysfs.unplug(slot)
        self._seen = None
        if slot in self._ports:
            self._ports.pop(slot).break_off()

    def _is_there(self, slot: str) -> bool:
        return any(ports.usb_path == slot for ports in self.look())

    def _is_closed(self, slot: str) -> bool:
        try:
            self._ports[slot].write(b"")
        except Exception:
            return True
        return False

    def _switch(self, slot: str) -> Path:
        return self.root / "bus/usb/devices" / slot / "authorized"


class BusPorts:
    """A line's ports at the made USB: a simulated world by construction."""

    world = SimulatedWorld

    def __init__(self, bus: Bus, slot: Slot) -> None:
        self._bus = bus
        self._slot = slot

    @property
    def power(self) -> UsbPower | None:
        return self._slot.power

    async def open_modem(self, now_s: Callable[[], float]) -> Modem:
        del now_s
        return await self._slot.open()

    async def shout(self, commands: Sequence[str]) -> None:
        await self._slot.shout(commands)

    def make_audio(self, plan: AudioPlan) -> AudioPort:
        del plan
        return self._bus.audio_at(self._slot.pcm_path)

    async def audio_trouble(self, *, is_proved: bool) -> str:
        del is_proved
        return ""


class UsbTown(Town):
    """A town on a made USB; `wanted` says how each line names its modem (by its slot where left out)."""

    def __init__(
        self,
        folder: Path,
        people: Iterable[Person],
        *,
        wanted: Sequence[Wanted] | None = None,
        pin: Callable[[], str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(folder, people, **more)
        self.bus = Bus(folder / "sys")
        self._wanted = wanted
        self._pin = pin
        self._hotplug = lambda: watch_modems(self.bus.look)
        self.modems: list[SimulatedModem] = []
        self.prepare: Callable[[SimulatedModem], None] = lambda _modem: None

    def _lines(self, modems: list[SimulatedModem]) -> list[GsmLine[SimulatedWorld]]:
        self.modems = modems
        for index, modem in enumerate(modems):
            self.prepare(modem)
            self.bus.plug(f"1-1.{index + 1}", modem)
        finder = SlotFinder(
            now_s=self.loop.time,
            list_ttys=lambda: list_usb_ttys(self.bus.root, Path("/dev")),
            open_port=self.bus.open_port,
            sysfs=self.bus.root,
        )
        wanted = self._wanted or [Wanted(usb_path=f"1-1.{index + 1}") for index in range(len(modems))]
        return [
            GsmLine(
                LineId(f"line-{index + 1}"),
                BusPorts(self.bus, finder.slot(f"line-{index + 1}", each)),
                pin=self._pin,
                now_s=self.loop.time,
                refresh_s=self._refresh_s,
            )
            for index, each in enumerate(wanted)
        ]

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator["UsbTown"]:
        async with self.console(), self.running_box():
            kernel = asyncio.create_task(self.bus.kernel())
            await self.renew_lease()
            try:
                yield self
            finally:
                kernel.cancel()

    def line(self, index: int = 0) -> Any:
        """Return a line as the console sees it; None before the first word of the box."""
        state = self.state()
        return state.lines[index] if state is not None and state.lines else None
