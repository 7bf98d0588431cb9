"""Open a serial port that carries sound: raw, exclusive and never blocking."""

import errno
import fcntl
import os
import termios
import tty

from audio.errors import PortOpenError

_ADVICE = {
    errno.ENOENT: "not there: is the modem plugged in, and is this the name of its audio port?",
    errno.EACCES: "not permitted: add this user to the group that owns it (usually dialout)",
    errno.EBUSY: "in use by another program: close it first",
    errno.ENXIO: "no device behind it: unplug the modem and plug it in again",
}


def open_tty(path: str) -> int:
    """Return a file descriptor of the port. Raises PortOpenError saying what to do."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise PortOpenError(path, _ADVICE.get(error.errno or 0, str(error.strerror))) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.ioctl(fd, termios.TIOCEXCL)
        tty.setraw(fd)
        settings = termios.tcgetattr(fd)
        settings[2] = (settings[2] | termios.CLOCAL | termios.CREAD) & ~termios.HUPCL & ~termios.CRTSCTS
        settings[4] = settings[5] = (
            termios.B115200
        )  # a USB modem ignores it, a real UART needs it for 8 kHz sound
        termios.tcsetattr(fd, termios.TCSANOW, settings)
        termios.tcflush(fd, termios.TCIOFLUSH)  # what an earlier call left there is not this one's
    except BlockingIOError as error:
        os.close(fd)
        raise PortOpenError(path, _ADVICE[errno.EBUSY]) from error
    except (OSError, termios.error) as error:
        os.close(fd)
        raise PortOpenError(path, "not a serial port: give the tty of the modem's audio") from error
    return fd
