"""A socket for paho that gathers: one system call for many packets, not one for each and three for each answer.

paho reads a packet byte by byte and sends each by itself. Every such call lets another thread of this process in,
and the way back into Python is what an uplink in full flow waits for.
"""

import ssl
from typing import Any

_READ_BYTES = 65_536
_GATHER_BYTES = 65_536
"""So much waits here at most before it is sent at once; what the socket does not take then stays with paho."""


class BufferedLink:
    """A non-blocking socket, plain or TLS, whose owner calls `flush` when it has said what it had to say."""

    def __init__(self, link: Any) -> None:
        self._link = link
        self._come = b""
        self._come_at = 0
        self._going = bytearray()
        self._is_last = False

    def fileno(self) -> int:
        """Return the descriptor, for select."""
        return int(self._link.fileno())

    def setblocking(self, flag: bool) -> None:
        """Say whether calls may wait."""
        self._link.setblocking(flag)

    def pending(self) -> int:
        """Return how many bytes can be had that do not make the socket readable."""
        held = getattr(self._link, "pending", None)
        return len(self._come) - self._come_at + (held() if held is not None else 0)

    def recv(self, size: int) -> bytes:
        """Return up to so many bytes; none at the end. Raises what the socket does."""
        if self._come_at == len(self._come):
            self._come, self._come_at = self._link.recv(_READ_BYTES), 0
        found = self._come[self._come_at : self._come_at + size]
        self._come_at += len(found)
        return found

    def send(self, data: bytes) -> int:
        """Take bytes to be sent by `flush`. Raises BlockingIOError while too many wait, and what the socket does."""
        if len(self._going) >= _GATHER_BYTES:
            self.flush()
            if len(self._going) >= _GATHER_BYTES:
                raise BlockingIOError
        self._going += data
        if self._is_last:
            self.flush()
        return len(data)

    @property
    def wants_write(self) -> bool:
        """Say whether something waits to be sent."""
        return bool(self._going)

    def flush(self) -> None:
        """Send what waits, as far as the socket takes it. Raises what the socket does."""
        while self._going:
            try:
                # A copy: TLS wants the very same buffer again when it could not write.
                sent = self._link.send(bytes(self._going))
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                return
            del self._going[:sent]

    def gather_no_more(self) -> None:
        """From here on send at once: paho says goodbye and closes in one step."""
        self._is_last = True

    def close(self) -> None:
        """Close the socket; what waits is not sent."""
        self._link.close()
