"""How much room is left, and when that is too little for recordings, or for the database itself."""

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

MIB = 1024 * 1024


class Room(StrEnum):
    """What the disk still has room for."""

    ENOUGH = "enough"
    LOW = "low"
    """Recordings past their least time go."""
    SCARCE = "scarce"
    """No new calls: each would want a recording."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskBudget:
    """When room is low or scarce."""

    folder: Path
    low_bytes: int = 2048 * MIB
    scarce_bytes: int = 512 * MIB

    def free_bytes(self) -> int:
        """Return what an ordinary user may still write."""
        disk = os.statvfs(self.folder)
        return disk.f_bavail * disk.f_frsize

    def room(self) -> Room:
        """Return how much room there is; a disk that cannot be asked has none."""
        try:
            free = self.free_bytes()
        except OSError:
            return Room.SCARCE
        if free < self.scarce_bytes:
            return Room.SCARCE
        return Room.LOW if free < self.low_bytes else Room.ENOUGH
