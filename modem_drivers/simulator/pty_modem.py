"""One simulated modem on two PTYs: bytes between the kernel and the modem, nothing else."""

import asyncio
import fcntl
import os
import struct
import termios
import tty
from typing import Protocol

from modem_drivers.simulator.modem import SimulatedModem
from modem_drivers.simulator.port_links import PortLinks
from modem_drivers.simulator.simulation import PortPair

_READ_BYTES = 65536
_UNREAD_LIMIT_BYTES = 3200
"""200 ms of sound the host has not read: more is dropped, as a module's small buffers do."""


class Pty:
    """A terminal pair; the host opens `path`, we hold both ends."""

    def __init__(self) -> None:
        # We hold the host's end open too: the kernel sets a closed one back to cooked and echoing.
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self.master, False)
        self.path = os.ttyname(self._slave)

    def read(self) -> bytes:
        """Return what the host has written, b"" for nothing."""
        try:
            return os.read(self.master, _READ_BYTES)
        except BlockingIOError:
            return b""

    def write(self, data: bytes) -> None:
        """Write what the host's buffer takes; the rest is lost, as on a module whose host does not read."""
        try:
            os.write(self.master, data)
        except BlockingIOError:
            return

    @property
    def unread_bytes(self) -> int:
        """How much the host has not read yet."""
        return int(struct.unpack("i", fcntl.ioctl(self._slave, termios.FIONREAD, b"\0" * 4))[0])

    def allow_next_host(self) -> None:
        """Take back a host's claim to exclusive use: devices forget it at their last close."""
        fcntl.ioctl(self._slave, termios.TIOCNXCL)

    def close(self) -> None:
        """Let the port die: the host reads EIO or end of file."""
        os.close(self._slave)
        os.close(self.master)


class Listener(Protocol):
    """Who holds the AT port in place of the terminal."""

    def write(self, data: bytes) -> None:
        """Take what the modem says."""

    def close(self) -> None:
        """The modem is gone."""


class PtyModem:
    """A modem that any program can open. With links, a reboot moves the ports of a USB modem as the kernel would."""

    def __init__(
        self, modem: SimulatedModem, loop: asyncio.AbstractEventLoop, links: PortLinks | None = None
    ) -> None:
        self.modem = modem
        self.is_plugged = False
        self.listener: Listener | None = None
        """While there is one, the AT port is its, and the terminal's input is thrown away."""
        self._loop = loop
        self._links = links
        self._is_pulled = False
        self._next = (Pty(), Pty())
        self._appear()
        modem.power_changed = self._power_changed

    def tick(self) -> None:
        """Exchange 20 ms of sound."""
        if not self.is_plugged:
            return
        to_host = self.modem.pcm_exchange(self._pcm.read())
        if to_host and self._pcm.unread_bytes < _UNREAD_LIMIT_BYTES:
            self._pcm.write(to_host)

    def forget_claims(self) -> None:
        """Let another host open the ports."""
        if self.is_plugged:
            self._at.allow_next_host()
            self._pcm.allow_next_host()

    def unplug(self) -> None:
        """Let both ports die."""
        self._is_pulled = True
        if self.is_plugged:
            self._vanish()
        self.modem.power_off()

    def plug(self) -> None:
        """Power an unplugged modem; new ports appear when it has booted."""
        if self._is_pulled:
            self._is_pulled = False
            self.modem.power_on()

    def _power_changed(self, is_on: bool) -> None:
        moves = self._links is not None and self.modem.device.personality.leaves_usb
        if is_on and not self.is_plugged and not self._is_pulled:
            self._appear()
        elif not is_on and self.is_plugged and moves:
            self._vanish()

    def _appear(self) -> None:
        self._at, self._pcm = self._next
        self.is_plugged = True
        self.ports = PortPair(at_path=self._at.path, pcm_path=self._pcm.path)
        self.modem.send_to_host = self._to_host
        self._loop.add_reader(self._at.master, self._host_wrote)
        if self._links is not None:
            self._links.place(self.ports)

    def _vanish(self) -> None:
        self.is_plugged = False
        self.modem.send_to_host = lambda _data: None
        self._loop.remove_reader(self._at.master)
        self._next = (Pty(), Pty())  # before the old ones go, so that their names are not the same
        self._at.close()
        self._pcm.close()
        if self._links is not None:
            self._links.remove()
        if self.listener is not None:
            self.listener.close()

    def _to_host(self, data: bytes) -> None:
        if self.listener is None:
            self._at.write(data)
        else:
            self.listener.write(data)

    def _host_wrote(self) -> None:
        data = self._at.read()
        if self.listener is None:
            self.modem.on_host_bytes(data)
