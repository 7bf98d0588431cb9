"""Where a line's modem is: by name, by place, by IMEI; on a made USB and in virtual time."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modem_drivers.at.byte_port import BytePort
from modem_drivers.at.memory_port import MemoryPort
from modem_drivers.discovery import list_usb_ttys
from modem_drivers.errors import NotAModemError, PortMissingError
from modem_drivers.simulator import SIM7600, Network, SimulatedModem
from modem_drivers.simulator.memory_host import join
from modem_drivers.slots import Slot, SlotFinder, Wanted
from tests.modem_drivers.made_sysfs import MadeSysfs

Run = Callable[..., Any]
FIRST, SECOND = "861234567890116", "861234567890124"


class Bench:
    """Two modems that can be plugged in anywhere."""

    def __init__(self, root: Path) -> None:
        self.sysfs = MadeSysfs(root)
        loop = asyncio.get_running_loop()
        network = Network(())
        self.modems = {
            imei: SimulatedModem(
                SIM7600,
                network,
                imei=imei,
                number=f"+8613912345{imei[-3:]}",
                schedule=loop.call_later,
                now_s=loop.time,
            )
            for imei in (FIRST, SECOND)
        }
        self.behind: dict[str, SimulatedModem] = {}
        self.opened: list[str] = []
        self.finder = SlotFinder(
            now_s=loop.time,
            list_ttys=lambda: list_usb_ttys(root, Path("/dev")),
            open_port=self._open,
            sysfs=root,
        )

    def plug(self, slot: str, first_tty: int, imei: str) -> None:
        self.sysfs.plug(slot, first_tty)
        self.behind[f"/dev/ttyUSB{first_tty + 2}"] = self.modems[imei]

    def slot(self, line: str = "line-1", **wanted: Any) -> Slot:
        return self.finder.slot(line, Wanted(**wanted))

    def _open(self, path: str, rate: int) -> BytePort:
        self.opened.append(path)
        port = MemoryPort(path)
        if path in self.behind:
            join(self.behind[path], port)
        return port


async def imei_of(slot: Slot) -> str:
    async with await slot.open() as modem:
        return modem.identity.imei


def test_by_place_whatever_the_names(run_virtual: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        bench = Bench(tmp_path)
        slot = bench.slot(usb_path="1-1.3")
        with pytest.raises(PortMissingError, match="no modem is plugged in there"):
            await slot.open()
        bench.plug("1-1.3", 0, FIRST)
        assert await imei_of(slot) == FIRST
        assert (slot.at_path, slot.pcm_path) == ("/dev/ttyUSB2", "/dev/ttyUSB4")
        bench.sysfs.unplug("1-1.3")
        bench.plug("1-1.3", 10, FIRST)
        assert await imei_of(slot) == FIRST
        assert (slot.at_path, slot.pcm_path) == ("/dev/ttyUSB12", "/dev/ttyUSB14")

    run_virtual(scenario())


def test_by_imei_wherever_it_is_and_never_anothers(run_virtual: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        bench = Bench(tmp_path)
        bench.plug("1-1.1", 0, FIRST)
        bench.plug("1-1.2", 5, SECOND)
        one, two = bench.slot("a", imei=SECOND), bench.slot("b", imei=FIRST)
        assert await imei_of(one) == SECOND
        assert one.usb_path == "1-1.2"
        assert await imei_of(two) == FIRST
        bench.opened.clear()
        assert await imei_of(one) == SECOND
        assert bench.opened == ["/dev/ttyUSB7"], "it is looked for first where it was last"
        assert SECOND not in repr(one.wanted)

    run_virtual(scenario())


def test_a_modem_that_is_nowhere_is_missing_but_a_deaf_one_is_deaf(run_virtual: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        bench = Bench(tmp_path)
        slot = bench.slot(imei=FIRST)
        bench.plug("1-1.2", 5, SECOND)
        with pytest.raises(PortMissingError, match="IMEI"):
            await slot.open()
        assert slot.power is None
        bench.plug("1-1.1", 0, FIRST)
        assert await imei_of(slot) == FIRST
        del bench.behind["/dev/ttyUSB2"]
        with pytest.raises(NotAModemError):
            await slot.open()
        assert slot.power is not None
        assert slot.power.usb_path == "1-1.1", "known to be there: its power may be cut"

    run_virtual(scenario())


def test_a_slot_that_another_line_names_is_not_searched(run_virtual: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        bench = Bench(tmp_path)
        bench.plug("1-1.1", 0, FIRST)
        bench.slot("named", usb_path="1-1.1")
        by_hand = bench.slot("by hand", at_port="/dev/ttyUSB7")
        bench.plug("1-1.2", 5, SECOND)
        with pytest.raises(PortMissingError):
            await bench.slot("seeker", imei=FIRST).open()
        assert bench.opened == []
        assert [ports.usb_path for ports in bench.finder.unclaimed()] == []
        assert await imei_of(by_hand) == SECOND

    run_virtual(scenario())


def test_a_name_that_now_belongs_to_another_modem_is_not_opened(run_virtual: Run, tmp_path: Path) -> None:
    """Two modems restart and come back in the other order: /dev/ttyUSB2 is the other one's."""

    async def scenario() -> None:
        bench = Bench(tmp_path)
        bench.plug("1-1.1", 0, FIRST)
        slot = bench.slot(at_port="/dev/ttyUSB2", pcm_port="/dev/ttyUSB4")
        assert await imei_of(slot) == FIRST
        bench.sysfs.unplug("1-1.1")
        bench.plug("1-1.2", 0, SECOND)
        with pytest.raises(PortMissingError, match=r"1-1\.1"):
            await slot.open()
        bench.plug("1-1.1", 5, FIRST)
        assert await imei_of(slot) == FIRST
        assert slot.pcm_path == "/dev/ttyUSB9"

    run_virtual(scenario())


@pytest.mark.parametrize("wanted", [{}, {"at_port": "/dev/a", "imei": FIRST}, {"pcm_port": "/dev/b"}])
def test_a_modem_is_named_in_one_way(wanted: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="one of the three"):
        Wanted(**wanted)  # type: ignore[arg-type]
