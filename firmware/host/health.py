"""What the machine says of itself: temperature, memory, load, disk; and when the disk will be full."""

import os
import shutil
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

RESERVE_BYTES = 200_000_000
"""What `branchline check` wants free: a disk with less counts as full."""
_THERMAL, _MEMINFO = Path("/sys/class/thermal"), Path("/proc/meminfo")
_LOWEST_C, _HIGHEST_C = -40.0, 150.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HostHealth:
    """One look; None for what this machine does not tell."""

    cpu_temp_c: float | None
    load_1m: float | None
    memory_available_bytes: int | None
    disk_free_bytes: int | None


def host_health(data_dir: Path, *, thermal: Path = _THERMAL, meminfo: Path = _MEMINFO) -> HostHealth:
    """Look at the machine; quick, and never an error."""
    load = disk_free = None
    with suppress(OSError):
        load = round(os.getloadavg()[0], 2)
    with suppress(OSError):
        disk_free = shutil.disk_usage(data_dir).free
    return HostHealth(
        cpu_temp_c=_hottest(thermal),
        load_1m=load,
        memory_available_bytes=_available(meminfo),
        disk_free_bytes=disk_free,
    )


class FillForecast:
    """When a disk will be full, from how its free space went down over the last hours (pure)."""

    WINDOW_S = 6 * 3600.0
    LEAST_S = 600.0
    """A shorter look says nothing: one recording would look like the end."""

    def __init__(self, *, reserve_bytes: int = RESERVE_BYTES) -> None:
        self._reserve_bytes = reserve_bytes
        self._samples: deque[tuple[float, int]] = deque(maxlen=2048)

    def note(self, at_s: float, free_bytes: int) -> None:
        """Take a sample."""
        self._samples.append((at_s, free_bytes))
        while at_s - self._samples[0][0] > self.WINDOW_S:
            self._samples.popleft()

    def time_to_full_s(self) -> int | None:
        """Return the seconds left at the rate of late; None while nothing is known or it does not fill."""
        if not self._samples:
            return None
        (first_s, first), (last_s, last) = self._samples[0], self._samples[-1]
        left = last - self._reserve_bytes
        if left <= 0:
            return 0
        if last_s - first_s < self.LEAST_S or last >= first:
            return None
        return int(left / ((first - last) / (last_s - first_s)))


def _hottest(thermal: Path) -> float | None:
    found = []
    for zone in sorted(thermal.glob("thermal_zone*/temp")):
        with suppress(OSError, ValueError):
            celsius = int(zone.read_text(encoding="ascii")) / 1000
            if _LOWEST_C < celsius < _HIGHEST_C:
                found.append(celsius)
    return max(found, default=None)


def _available(meminfo: Path) -> int | None:
    with suppress(OSError, ValueError, IndexError):
        for line in meminfo.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return None
