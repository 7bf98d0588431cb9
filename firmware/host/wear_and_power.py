"""What a box's own hardware suffers from: a worn-out card, and a power supply that is too weak.

Read from sysfs, where the kernel tells it without any privilege: the JEDEC life time estimates of an eMMC or SD card
(JESD84-B51 §7.4.79), and the under-voltage alarm of a Raspberry Pi (hwmon `rpi_volt`). Where there is no such hwmon,
`vcgencmd get_throttled` is asked, if it is installed.
"""

import asyncio
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_BLOCK, _HWMON = Path("/sys/block"), Path("/sys/class/hwmon")
_VCGENCMD_LIMIT_S = 5.0
_THROTTLED = re.compile(r"throttled=0x([0-9a-fA-F]+)")
_UNDER_VOLTAGE_NOW = 0x1
_MOST_STEPS = 0x0B
"""0x01: up to 10 % of its life is used … 0x0A: up to 100 %; 0x0B: more than was promised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WearAndPower:
    """One look; None for what this machine does not tell."""

    card_used_percent: int | None = None
    """Of the life that its maker promised, the most worn card and part of it; 110: more than that."""
    under_voltage: bool | None = None


async def wear_and_power(
    *, block: Path = _BLOCK, hwmon: Path = _HWMON, vcgencmd: str = "vcgencmd"
) -> WearAndPower:
    """Look at the card and the supply; never an error."""
    under_voltage = _alarm_of_the_kernel(hwmon)
    if under_voltage is None:
        under_voltage = await _alarm_of_the_firmware(vcgencmd)
    return WearAndPower(card_used_percent=_card_used_percent(block), under_voltage=under_voltage)


def _card_used_percent(block: Path) -> int | None:
    steps = []
    for path in sorted(block.glob("mmcblk*/device/life_time")):
        with suppress(OSError, ValueError):
            # "0x02 0x03": the two kinds of memory in it; 0x00: not told
            steps += [int(text, 16) for text in path.read_text(encoding="ascii").split()]
    told = [step for step in steps if 0 < step <= _MOST_STEPS]
    return max(told) * 10 if told else None


def _alarm_of_the_kernel(hwmon: Path) -> bool | None:
    for name in sorted(hwmon.glob("hwmon*/name")):
        with suppress(OSError, UnicodeDecodeError):
            if name.read_text(encoding="ascii").strip() == "rpi_volt":
                return (name.parent / "in0_lcrit_alarm").read_text(encoding="ascii").strip() == "1"
    return None


async def _alarm_of_the_firmware(program: str) -> bool | None:
    path = shutil.which(program)
    if path is None:
        return None
    try:
        process = await asyncio.create_subprocess_exec(
            path, "get_throttled", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
    except OSError:
        return None
    try:
        async with asyncio.timeout(_VCGENCMD_LIMIT_S):
            said, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return None
    found = _THROTTLED.search(said.decode("ascii", "replace"))
    return bool(int(found.group(1), 16) & _UNDER_VOLTAGE_NOW) if found else None
