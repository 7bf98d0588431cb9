"""A SIM card's PIN out of a file that only this service may read; never in the settings, a log or a command line."""

import re
import stat
from collections.abc import Callable
from pathlib import Path

import structlog

from firmware.values import LineId
from modem_drivers.errors import ModemError, SimError
from modem_drivers.modem import Modem

log = structlog.get_logger()
_PIN = re.compile(r"[0-9]{4,8}")


class PinFileError(Exception):
    """There is no PIN to be had from the file; the text says what to do and never what stands there."""


def read_pin(path: Path) -> str:
    """Return the PIN that stands alone in a file. Raises PinFileError."""
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii").strip()
    except UnicodeDecodeError:
        raise PinFileError(f"{path} holds no PIN: write its 4 to 8 digits there, nothing else") from None
    except OSError as error:
        raise PinFileError(f"{path}: {error.strerror}: put the PIN there, mode 0400") from None
    if stat.S_IMODE(mode) & 0o077:
        raise PinFileError(f"{path} can be read by others: chmod 0400 it")
    if not _PIN.fullmatch(text):
        raise PinFileError(f"{path} holds no PIN: write its 4 to 8 digits there, nothing else")
    return text


class PinEntry:
    """Types the PIN of one line's SIM card, never again one that the card has refused."""

    def __init__(self, source: Callable[[], str] | None, *, line: LineId) -> None:
        self.source = source
        """Gives the PIN or raises PinFileError; None where there is none."""
        self.trouble = ""
        """Why the card still waits, and what to do."""
        self._line = line
        self._refused = ""

    async def enter(self, modem: Modem) -> bool:
        """Type the PIN if there is one that the card has not refused; say whether it was taken."""
        self.trouble = "the SIM card asks for its PIN: name its file with pin_file in box.toml"
        if self.source is None:
            return False
        try:
            pin = self.source()
            if pin == self._refused:
                self.trouble = "the SIM card has refused the PIN: put the right one into its file"
                return False
            await modem.unlock_sim(pin)
        except PinFileError as error:
            self.trouble = str(error)
        except SimError as error:
            self.trouble = str(error)
            if modem.sim_refused_pin:
                self._refused = pin
        except ModemError as error:  # shows in the next look
            log.info("pin_not_entered", line=self._line, reason=str(error))
        else:
            return True
        return False
