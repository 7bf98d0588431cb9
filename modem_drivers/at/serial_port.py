"""A modem's tty on the running event loop: exclusive, raw, never blocking. Only pyserial importer here."""

import asyncio
import fcntl
import os
import termios
from contextlib import suppress
from errno import EACCES, EAGAIN, EBUSY, ENODEV, ENOENT, ENXIO, EPERM
from typing import Protocol

import serial

from modem_drivers.errors import PortClosedError, PortMissingError, PortOpenError

MAX_UNREAD_BYTES = 64 * 1024
MAX_UNSENT_BYTES = 8 * 1024
_CHUNK_BYTES = 4096
_CC = 6
_VMIN, _VTIME = termios.VMIN, termios.VTIME

_MISSING = frozenset({ENOENT, ENODEV, ENXIO})
_ADVICE = {
    **dict.fromkeys(_MISSING, "there is no such device: is the modem plugged in and powered?"),
    EACCES: "permission denied: add the user to the dialout group, or install the udev rules",
    EPERM: "permission denied: add the user to the dialout group, or install the udev rules",
    EBUSY: "in use by another program: stop it (ModemManager and gammu-smsd take modems for themselves)",
    EAGAIN: "in use by another program: stop it (ModemManager and gammu-smsd take modems for themselves)",
}


def open_serial_port(path: str, *, baud_rate: int = 115200) -> "SerialPort":
    """Open a modem's tty for this process alone, on the running event loop. Raises PortOpenError."""
    try:
        device = serial.Serial(path, baud_rate, timeout=0, write_timeout=0, exclusive=True)
    except (OSError, ValueError) as error:  # SerialException is an OSError
        code = error.errno if isinstance(error, OSError) else None
        kind = PortMissingError if code in _MISSING else PortOpenError
        raise kind(path, _ADVICE.get(code or 0, f"cannot be opened: {error}")) from error
    try:
        fd = device.fileno()
        fcntl.ioctl(fd, termios.TIOCEXCL)  # keeps out programs that do not look at the lock
        attributes = termios.tcgetattr(fd)
        # With VMIN=1 a read without data says EAGAIN, and an empty one can only mean that the device hung up.
        attributes[_CC][_VMIN], attributes[_CC][_VTIME] = 1, 0
        termios.tcsetattr(fd, termios.TCSANOW, attributes)
        os.set_blocking(fd, False)
        return SerialPort(path, device)
    except (OSError, termios.error) as error:
        device.close()
        raise PortOpenError(path, f"is no usable serial port: {error}") from error


class _Device(Protocol):
    """What is needed of serial.Serial once it is open."""

    def fileno(self) -> int: ...
    def close(self) -> None: ...


class SerialPort:
    """A BytePort over an open tty."""

    def __init__(self, name: str, device: _Device) -> None:
        self.name = name
        self._device = device
        self._fd = device.fileno()
        self._loop = asyncio.get_running_loop()
        self._unread = bytearray()
        self._unsent = bytearray()
        self._changed = asyncio.Event()
        self._closed_because: str | None = None
        self._is_reading = True
        self._loop.add_reader(self._fd, self._on_readable)

    async def read(self) -> bytes:
        """Return what has arrived, at least one byte. Raises PortClosedError once all of it has been read."""
        await self._changed.wait()
        if not self._unread:
            raise PortClosedError(self.name, self._closed_because or "closed")
        data = bytes(self._unread)
        self._unread.clear()
        if self._closed_because is None:
            self._changed.clear()
            if not self._is_reading:
                self._is_reading = True
                self._loop.add_reader(self._fd, self._on_readable)
        return data

    def write(self, data: bytes) -> None:
        """Send `data` now or as soon as the device takes it. Raises PortClosedError when gone or stuck."""
        if self._closed_because is not None:
            raise PortClosedError(self.name, self._closed_because)
        if len(self._unsent) + len(data) > MAX_UNSENT_BYTES:
            self._shut("the device takes no more bytes: stuck")
            raise PortClosedError(self.name, "the device takes no more bytes: stuck")
        was_idle = not self._unsent
        self._unsent += data
        if was_idle:
            self._on_writable()
            if self._closed_because is None and self._unsent:
                self._loop.add_writer(self._fd, self._on_writable)

    def close(self) -> None:
        """Let go of the device and drop what was not read. Idempotent."""
        self._unread.clear()
        self._shut("closed by us")

    def _on_readable(self) -> None:
        try:
            data = os.read(self._fd, _CHUNK_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._shut(f"the device is gone ({error.strerror})")
            return
        if not data:
            self._shut("the device is gone (hung up)")
            return
        self._unread += data
        self._changed.set()
        if len(self._unread) >= MAX_UNREAD_BYTES:
            self._is_reading = False
            self._loop.remove_reader(self._fd)

    def _on_writable(self) -> None:
        try:
            n_sent = os.write(self._fd, self._unsent)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._shut(f"the device is gone ({error.strerror})")
            return
        del self._unsent[:n_sent]
        if not self._unsent:
            self._loop.remove_writer(self._fd)

    def _shut(self, reason: str) -> None:
        if self._closed_because is not None:
            return
        self._closed_because = reason
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        self._unsent.clear()
        with suppress(OSError, termios.error):
            # Closing waits up to 30 s for unsent bytes, which a stuck device never takes.
            termios.tcflush(self._fd, termios.TCOFLUSH)
        with suppress(OSError):
            self._device.close()
        self._changed.set()
