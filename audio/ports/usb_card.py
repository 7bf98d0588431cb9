"""A sound card by the USB port that it is plugged into: two of a kind have one name, and their order changes.

``usb:1-1.3`` is the port as udev and `branchline modem list` name it. ALSA numbers cards as they come; PortAudio's name
of a card ends in that number (``USB Audio: - (hw:2,0)``).
"""

import re
from pathlib import Path

from audio.errors import PortOpenError

PORT = re.compile(r"usb:(\d+-\d+(?:\.\d+)*)")
CARDS = Path("/sys/class/sound")


def portaudio_name(name: str, *, cards: Path | None = None) -> str:
    """Return what in PortAudio's name tells the card at a USB port; any other name as it is. Raises PortOpenError."""
    port = PORT.fullmatch(name)
    if port is None:
        return name
    found = [
        path.name.removeprefix("card")
        for path in sorted((cards or CARDS).glob("card[0-9]*"))
        if port.group(1) in (path / "device").resolve().parts
    ]
    if len(found) != 1:
        what = "no sound card is" if not found else f"{len(found)} sound cards are"
        raise PortOpenError(name, f"{what} plugged in there; `branchline modem list` shows the ports")
    return f"(hw:{found[0]},"
