"""Which modem sits where: the slot (USB path) names the place, the IMEI the modem (pure)."""

from dataclasses import dataclass, field
from enum import StrEnum


class Sighting(StrEnum):
    """What is new about a modem seen in a slot."""

    NEW = "new"
    SAME = "same"
    MOVED = "moved"
    """It was in another slot before."""
    REPLACED = "replaced"
    """Another modem was in this slot before."""


@dataclass(slots=True)
class Roster:
    """The modems of one box. IMEIs stay inside: they name a device for good and are never logged."""

    _imei_by_slot: dict[str, str] = field(default_factory=dict, repr=False)

    def saw(self, slot: str, imei: str) -> Sighting:
        """Note that the modem with this IMEI answers in this slot. Raises ValueError without an IMEI."""
        if not imei:
            raise ValueError("a modem without an IMEI cannot be told from another")
        before = self._imei_by_slot.get(slot)
        if before == imei:
            return Sighting.SAME
        old_slot = self.slot_of(imei)
        if old_slot is not None:
            del self._imei_by_slot[old_slot]
        self._imei_by_slot[slot] = imei
        if old_slot is not None:
            return Sighting.MOVED
        return Sighting.NEW if before is None else Sighting.REPLACED

    def slot_of(self, imei: str) -> str | None:
        """Return where the modem was last seen, None if never."""
        return next((slot for slot, known in self._imei_by_slot.items() if known == imei), None)

    def imei_at(self, slot: str) -> str | None:
        """Return which modem was last seen in a slot, None if none ever was."""
        return self._imei_by_slot.get(slot)
