"""Modems come, go, move and come back under other names; on a sysfs tree made for the test."""

import asyncio
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from modem_drivers.dialects.catalogue import DIALECTS
from modem_drivers.discovery import ModemPorts, list_usb_sound_cards
from modem_drivers.hotplug import Change, Plugged, Renamed, Unplugged, compare, watch_modems
from modem_drivers.roster import Roster, Sighting
from modem_drivers.udev_rules import FILE_NAME, rules_text
from tests.modem_drivers.made_sysfs import MadeSysfs

Run = Callable[..., Any]


def ports(usb_path: str, at: int, pcm: int | None = None) -> ModemPorts:
    return ModemPorts(
        usb_path=usb_path,
        at_candidates=(f"/dev/ttyUSB{at}",),
        pcm_path=None if pcm is None else f"/dev/ttyUSB{pcm}",
    )


async def take(changes: Any, n: int) -> list[Change]:
    taken = []
    async for change in changes:
        taken.append(change)
        if len(taken) == n:
            break
    return taken


def test_what_changes_between_two_looks() -> None:
    a, b, c = ports("1-1", 2, 4), ports("1-2", 7, 9), ports("1-3", 12, 14)
    assert compare([], [a, b]) == [Plugged(ports=a), Plugged(ports=b)]
    assert compare([a, b], [a, b]) == []
    assert compare([a, b], [c]) == [Unplugged(usb_path="1-1"), Unplugged(usb_path="1-2"), Plugged(ports=c)]
    moved = ports("1-1", 22, 24)
    assert compare([a], [moved]) == [Renamed(ports=moved)]


def test_a_modem_that_resets_comes_back_in_its_slot_under_other_names(
    run_virtual: Run, tmp_path: Path
) -> None:
    sysfs = MadeSysfs(tmp_path)
    sysfs.plug("1-1.3", 0)

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(10, sysfs.unplug, "1-1.3")
        loop.call_later(25, sysfs.plug, "1-1.3", 5)
        changes = await take(watch_modems(sysfs.look), 3)
        assert changes == [
            Plugged(ports=ports("1-1.3", 2, 4)),
            Unplugged(usb_path="1-1.3"),
            Plugged(ports=ports("1-1.3", 7, 9)),
        ]
        assert 25 <= loop.time() - 1000 <= 28

    run_virtual(scenario())


def test_a_reset_between_two_looks_shows_as_other_names(run_virtual: Run, tmp_path: Path) -> None:
    sysfs = MadeSysfs(tmp_path)
    sysfs.plug("1-1.3", 0)

    def reset() -> None:
        sysfs.unplug("1-1.3")
        sysfs.plug("1-1.3", 5)

    async def scenario() -> None:
        asyncio.get_running_loop().call_later(3, reset)
        changes = await take(watch_modems(sysfs.look), 2)
        assert changes[1] == Renamed(ports=ports("1-1.3", 7, 9))

    run_virtual(scenario())


def test_udev_wakes_the_watch_where_it_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A stand-in for pyudev: a real descriptor that becomes readable, real time, no waiting for the next look."""
    sysfs = MadeSysfs(tmp_path)
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    filters: list[str] = []

    class MadeMonitor:
        @classmethod
        def from_netlink(cls, context: object) -> "MadeMonitor":
            return cls()

        def filter_by(self, subsystem: str) -> None:
            filters.append(subsystem)

        def start(self) -> None:
            pass

        def fileno(self) -> int:
            return reading

        def poll(self, timeout: float | None = None) -> object | None:
            try:
                return os.read(reading, 1)
            except BlockingIOError:
                return None

    made = SimpleNamespace(Monitor=MadeMonitor, Context=object)
    monkeypatch.setitem(sys.modules, "pyudev", made)
    monkeypatch.setattr("modem_drivers.hotplug.SETTLE_S", 0.01)

    def plug() -> None:
        sysfs.plug("1-1.3", 0)
        os.write(writing, b"!")

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(0.05, plug)
        async with asyncio.timeout(5):
            watching = watch_modems(sysfs.look, look_every_s=3600.0)
            assert await anext(watching) == Plugged(ports=ports("1-1.3", 2, 4))
            await watching.aclose()  # type: ignore[attr-defined]
        assert loop.remove_reader(reading) is False, "let go of when the watch ends"

    try:
        asyncio.run(scenario())
    finally:
        os.close(reading)
        os.close(writing)
    assert filters == ["tty"]


def test_a_modems_own_sound_card_belongs_to_it(tmp_path: Path) -> None:
    sysfs = MadeSysfs(tmp_path)
    sysfs.plug("1-1.2", 0, ids=("2c7c", "0125"), n=4)
    sysfs.plug("1-1.3", 4)
    sysfs.add_sound_card("1-1.2")
    assert list_usb_sound_cards(tmp_path) == {"1-1.2": "hw:Android"}
    assert [modem.sound_card for modem in sysfs.look()] == ["hw:Android", None]


def test_slots_and_modems_are_told_apart() -> None:
    roster = Roster()
    assert roster.saw("1-1", "860000000000016") is Sighting.NEW
    assert roster.saw("1-1", "860000000000016") is Sighting.SAME
    assert roster.saw("1-2", "860000000000016") is Sighting.MOVED
    assert roster.slot_of("860000000000016") == "1-2"
    assert roster.saw("1-1", "860000000000024") is Sighting.NEW
    assert roster.saw("1-1", "860000000000032") is Sighting.REPLACED
    assert roster.slot_of("860000000000024") is None
    assert "86000" not in repr(roster)
    with pytest.raises(ValueError, match="IMEI"):
        roster.saw("1-1", "")


def test_the_rules_file_of_the_service_is_the_one_the_dialects_make() -> None:
    shipped = Path(__file__).resolve().parents[2] / "systemd" / FILE_NAME
    assert shipped.read_text(encoding="utf-8") == rules_text()


def test_modem_manager_is_kept_off_every_device_a_dialect_knows() -> None:
    text = rules_text()
    assert FILE_NAME < "77-mm"
    for dialect in DIALECTS:
        for layout in dialect.usb:
            ids = f'ATTR{{idVendor}}=="{layout.vendor_id}", ATTR{{idProduct}}=="{layout.product_id}"'
            rule = next(line for line in text.splitlines() if ids in line)
            assert rule.endswith('ENV{ID_MM_DEVICE_IGNORE}="1"')
    pair = re.compile(r'[A-Z]+(\{[.\w]+\})?(==|!=|=|\+=)"[^"]*"')
    for line in text.splitlines():
        assert line.startswith("#") or all(pair.fullmatch(part) for part in line.split(", ")), line
    assert 'ATTRS{idProduct}=="9001", ENV{ID_MM_DEVICE_IGNORE}="1", SYMLINK+="modem/by-port/%b-pcm"' in text
