"""What the AT channel talks through: a pipe of bytes to one modem."""

from typing import Protocol


class BytePort(Protocol):
    """One open port. Whoever opened it closes it."""

    @property
    def name(self) -> str:
        """Return what a person calls this port, for logs and errors (a device path)."""
        ...

    async def read(self) -> bytes:
        """Return at least one byte as soon as there is any. Raises PortClosedError when the port is gone."""
        ...

    def write(self, data: bytes) -> None:
        """Send `data` without ever blocking. Raises PortClosedError when the port is gone or stuck."""
        ...

    def close(self) -> None:
        """Let go of the port; a pending or later read or write raises PortClosedError. Idempotent."""
        ...
