"""A sysfs tree made for a test."""

import shutil
from pathlib import Path

from modem_drivers.discovery import ModemPorts
from modem_drivers.hotplug import look


class MadeSysfs:
    """A tree like the kernel's, with what this package reads of it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "class/tty").mkdir(parents=True)
        (root / "class/sound").mkdir()

    def plug(
        self, usb_path: str, first_tty: int, *, ids: tuple[str, str] = ("1e0e", "9001"), n: int = 5
    ) -> None:
        device = self.root / "devices/usb1" / usb_path
        for interface in range(n):
            node = device / f"{usb_path}:1.{interface}"
            name = f"ttyUSB{first_tty + interface}"
            (node / name).mkdir(parents=True)
            (node / "bInterfaceNumber").write_text(f"{interface:02x}\n")
            (self.root / "class/tty" / name).mkdir()
            (self.root / "class/tty" / name / "device").symlink_to(node / name)
        (device / "idVendor").write_text(f"{ids[0]}\n")
        (device / "idProduct").write_text(f"{ids[1]}\n")

    def unplug(self, usb_path: str) -> None:
        shutil.rmtree(self.root / "devices/usb1" / usb_path)
        for entry in (self.root / "class/tty").iterdir():
            if not (entry / "device").exists():
                shutil.rmtree(entry)

    def add_sound_card(self, usb_path: str) -> None:
        node = self.root / "devices/usb1" / usb_path / f"{usb_path}:1.5/sound/card2"
        node.mkdir(parents=True)
        entry = self.root / "class/sound/card2"
        entry.mkdir()
        (entry / "id").write_text("Android\n")
        (entry / "device").symlink_to(node.parent.parent)

    def look(self) -> list[ModemPorts]:
        return look(self.root, Path("/dev"))
