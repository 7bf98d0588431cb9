"""Names that stay while ports come and go: PATH leads to the AT port, PATH-pcm to the sound."""

import os
from pathlib import Path

from modem_drivers.simulator.errors import SimulatorError
from modem_drivers.simulator.simulation import PortPair


class PortLinks:
    """Two symbolic links; nothing but links of ours is ever replaced or removed."""

    def __init__(self, path: Path) -> None:
        """Raises SimulatorError when something else stands there already."""
        self.at, self.pcm = path, path.with_name(path.name + "-pcm")
        self._targets: dict[Path, str] = {}
        for link in (self.at, self.pcm):
            if os.path.lexists(link) and not link.is_symlink():
                raise SimulatorError(f"{link} is there already and is no link: choose another --link")
            if not link.parent.is_dir():
                raise SimulatorError(f"{link.parent} is no folder: make it first, or choose another --link")

    def place(self, ports: PortPair) -> None:
        """Let the names lead to these ports, each in one step."""
        for link, target in ((self.at, ports.at_path), (self.pcm, ports.pcm_path)):
            beside = link.with_name(f".{link.name}.{os.getpid()}")
            beside.unlink(missing_ok=True)
            beside.symlink_to(target)
            beside.replace(link)
            self._targets[link] = target

    def remove(self) -> None:
        """Take the names away, unless somebody else has taken them over."""
        for link, target in self._targets.items():
            if link.is_symlink() and str(link.readlink()) == target:
                link.unlink()
        self._targets.clear()
