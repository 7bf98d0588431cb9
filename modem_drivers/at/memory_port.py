"""A port whose far end lives in the same event loop: tests and simulated boxes in virtual time."""

import asyncio
from collections.abc import Callable

from modem_drivers.errors import PortClosedError

MAX_UNREAD_BYTES = 64 * 1024


class MemoryPort:
    """A BytePort joined to a callable instead of a device."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.dropped_bytes = 0
        """Bytes from the peer that found the buffer full, as a tty's would be."""
        self._write_to_peer: Callable[[bytes], None] | None = None
        self._unread = bytearray()
        self._changed = asyncio.Event()
        self._closed_because: str | None = None

    def connect(self, write_to_peer: Callable[[bytes], None]) -> None:
        """Send what the host writes to `write_to_peer`, from the event loop, never from inside `write`."""
        self._write_to_peer = write_to_peer

    def feed(self, data: bytes) -> None:
        """Hand bytes of the peer to the host; ignored once the port is closed."""
        if self._closed_because is not None:
            return
        room = MAX_UNREAD_BYTES - len(self._unread)
        self.dropped_bytes += max(0, len(data) - room)
        self._unread += data[:room]
        if self._unread:
            self._changed.set()

    def break_off(self) -> None:
        """Die as a device does whose cable is pulled: unread bytes are lost."""
        self._close("the device is gone")

    async def read(self) -> bytes:
        """Return what has arrived, at least one byte. Raises PortClosedError."""
        await self._changed.wait()
        self._check_open()
        data = bytes(self._unread)
        self._unread.clear()
        self._changed.clear()
        return data

    def write(self, data: bytes) -> None:
        """Send `data` to the peer on the next turn of the loop. Raises PortClosedError."""
        self._check_open()
        if self._write_to_peer is not None:
            asyncio.get_running_loop().call_soon(self._write_to_peer, data)

    def close(self) -> None:
        """Close the host's side. Idempotent."""
        self._close("closed by us")

    def _close(self, reason: str) -> None:
        if self._closed_because is None:
            self._closed_because = reason
            self._unread.clear()
        self._changed.set()

    def _check_open(self) -> None:
        if self._closed_because is not None:
            raise PortClosedError(self.name, self._closed_because)
