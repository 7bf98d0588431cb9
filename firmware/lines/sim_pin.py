"""A SIM card's PIN out of a file that only this service may read; never in the settings, a log or a command line."""

import re
import stat
from pathlib import Path

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
