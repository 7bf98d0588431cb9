"""Which ttys belong to one modem, by USB device and interface rather than by a name that moves with every reset."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import structlog

from modem_drivers.at.serial_port import open_serial_port
from modem_drivers.dialects.catalogue import usb_layout
from modem_drivers.errors import NotAModemError, PortError
from modem_drivers.modem import Modem

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbTty:
    """One tty of one USB device."""

    path: str
    vendor_id: str
    product_id: str
    interface: int
    usb_path: str
    """Where the device is plugged in (``1-1.3``): stays the same over resets, unlike ``/dev/ttyUSB2``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModemPorts:
    """The ttys that make up one modem."""

    usb_path: str
    at_candidates: tuple[str, ...]
    """The AT port; for a device no dialect knows, every port that may be it, in the order to try."""
    pcm_path: str | None
    sound_card: str | None = None
    """The modem's own USB sound card, as ALSA names it (`hw:Android`)."""


def list_usb_ttys(sysfs: Path = Path("/sys"), dev: Path = Path("/dev")) -> list[UsbTty]:
    """Return the ttys of all USB devices as the kernel lists them now; one that leaves meanwhile is left out."""
    found = []
    for entry in sorted((sysfs / "class" / "tty").glob("tty*")):
        try:
            node = (entry / "device").resolve(strict=True)
            interface = next(at for at in (node, *node.parents) if (at / "bInterfaceNumber").is_file())
            device = next(at for at in interface.parents if (at / "idVendor").is_file())
            found.append(
                UsbTty(
                    path=str(dev / entry.name),
                    vendor_id=(device / "idVendor").read_text().strip().lower(),
                    product_id=(device / "idProduct").read_text().strip().lower(),
                    interface=int((interface / "bInterfaceNumber").read_text(), 16),
                    usb_path=device.name,
                )
            )
        except (OSError, StopIteration, ValueError):
            continue
    return found


def list_usb_sound_cards(sysfs: Path = Path("/sys")) -> dict[str, str]:
    """Return the sound cards of USB devices as ALSA names them, by where the device is plugged in."""
    found = {}
    for entry in sorted((sysfs / "class" / "sound").glob("card*")):
        try:
            node = (entry / "device").resolve(strict=True)
            device = next(at for at in (node, *node.parents) if (at / "idVendor").is_file())
            found[device.name] = f"hw:{(entry / 'id').read_text().strip()}"
        except (OSError, StopIteration):
            continue
    return found


def pair_ports(
    ttys: Iterable[UsbTty], sound_cards: Mapping[str, str] = MappingProxyType({})
) -> list[ModemPorts]:
    """Return one entry per USB device that may be a modem, ordered by where it is plugged in."""
    by_device: dict[str, list[UsbTty]] = {}
    for tty in ttys:
        by_device.setdefault(tty.usb_path, []).append(tty)
    modems = []
    for usb_path, ports in sorted(by_device.items()):
        ports.sort(key=lambda tty: tty.interface)
        layout = usb_layout(ports[0].vendor_id, ports[0].product_id)
        if layout is None:
            modems.append(
                ModemPorts(
                    usb_path=usb_path,
                    at_candidates=tuple(p.path for p in ports),
                    pcm_path=None,
                    sound_card=sound_cards.get(usb_path),
                )
            )
            continue
        by_interface = {port.interface: port.path for port in ports}
        # Without it the device is just re-enumerating: the next look will see all of it.
        if layout.at_interface in by_interface:
            pcm_path = by_interface.get(layout.pcm_interface) if layout.pcm_interface is not None else None
            modems.append(
                ModemPorts(
                    usb_path=usb_path,
                    at_candidates=(by_interface[layout.at_interface],),
                    pcm_path=pcm_path,
                    sound_card=sound_cards.get(usb_path),
                )
            )
    return modems


def own_sound_card(port: str, modems: Iterable[ModemPorts]) -> str:
    """Return the sound card of the modem with this AT port or USB path, "" for none."""
    for ports in modems:
        if port == ports.usb_path or port in ports.at_candidates:
            return ports.sound_card or ""
    return ""


async def open_modem(path: str, *, now_s: Callable[[], float], baud_rate: int = 115200) -> Modem:
    """Open the modem whose AT port is `path`. Raises PortOpenError, NotAModemError and what `Modem.open` raises."""
    return await Modem.open(open_serial_port(path, baud_rate=baud_rate), now_s=now_s)


async def open_first_modem(paths: Sequence[str], *, now_s: Callable[[], float]) -> Modem:
    """Open the first of `paths` behind which a modem answers. Raises NotAModemError naming why each did not."""
    reasons = []
    for path in paths:
        try:
            return await open_modem(path, now_s=now_s)
        except PortError as error:
            log.debug("not_an_at_port", port=path, reason=error.reason)
            reasons.append(str(error))
    raise NotAModemError(" ".join(paths) or "no port", "; ".join(reasons) or "nothing to try")
