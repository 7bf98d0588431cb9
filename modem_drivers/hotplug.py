"""Modems that come, go and come back under other names: told by udev where it runs, by looking where it does not."""

import asyncio
import importlib
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import structlog

from modem_drivers.discovery import ModemPorts, list_usb_sound_cards, list_usb_ttys, pair_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOK_EVERY_S = 2.0
# A modem's ports appear one after the other: what is seen at the first event is not all of it.
SETTLE_S = 0.5

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugged:
    """A modem is there that was not."""

    ports: ModemPorts


@dataclass(frozen=True, slots=True, kw_only=True)
class Renamed:
    """The modem in a slot has other ports than before: it has re-enumerated, all that was open is dead."""

    ports: ModemPorts


@dataclass(frozen=True, slots=True, kw_only=True)
class Unplugged:
    """A modem is gone from its slot."""

    usb_path: str


Change: TypeAlias = Plugged | Renamed | Unplugged


def compare(before: Iterable[ModemPorts], after: Iterable[ModemPorts]) -> list[Change]:
    """Return what has changed between two looks, departures first."""
    was = {ports.usb_path: ports for ports in before}
    now = {ports.usb_path: ports for ports in after}
    changes: list[Change] = [Unplugged(usb_path=path) for path in sorted(was.keys() - now.keys())]
    for path, ports in sorted(now.items()):
        if path not in was:
            changes.append(Plugged(ports=ports))
        elif was[path] != ports:
            changes.append(Renamed(ports=ports))
    return changes


def look(sysfs: Path = Path("/sys"), dev: Path = Path("/dev")) -> list[ModemPorts]:
    """Return the modems as the kernel lists them now."""
    return pair_ports(list_usb_ttys(sysfs, dev), list_usb_sound_cards(sysfs))


async def watch_modems(
    look_now: Callable[[], Sequence[ModemPorts]] = look, *, look_every_s: float = LOOK_EVERY_S
) -> AsyncIterator[Change]:
    """Yield every change for ever, the modems already there first.

    With pyudev the kernel's news wake it at once; a look every `look_every_s` finds the rest.
    """
    known: Sequence[ModemPorts] = ()
    stirred = asyncio.Event()
    with _udev_news(stirred.set):
        while True:
            current = look_now()
            for change in compare(known, current):
                log.info("modem_ports_changed", change=type(change).__name__.lower(), slot=_slot(change))
                yield change
            known = current
            try:
                async with asyncio.timeout(look_every_s):
                    await stirred.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(SETTLE_S)
            stirred.clear()


@contextmanager
def _udev_news(on_news: Callable[[], None]) -> "Iterator[None]":
    """Call `on_news` for every event of a tty; without pyudev or without udev, never."""
    try:
        pyudev: Any = importlib.import_module("pyudev")
        monitor = pyudev.Monitor.from_netlink(pyudev.Context())
        monitor.filter_by("tty")
        monitor.start()
    except (ImportError, OSError) as error:
        log.info("no_udev_news", reason=str(error), effect="looking instead")
        yield
        return

    def drain() -> None:
        while monitor.poll(timeout=0) is not None:
            pass
        on_news()

    loop = asyncio.get_running_loop()
    loop.add_reader(monitor.fileno(), drain)
    try:
        yield
    finally:
        loop.remove_reader(monitor.fileno())


def _slot(change: Change) -> str:
    return change.usb_path if isinstance(change, Unplugged) else change.ports.usb_path
