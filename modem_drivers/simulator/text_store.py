"""The texts in one modem's memory, by slot (3GPP TS 27.005 §2.2)."""

from dataclasses import dataclass
from enum import IntEnum

SLOTS = 50


class TextStatus(IntEnum):
    """As +CMGL counts them."""

    UNREAD = 0
    READ = 1
    UNSENT = 2
    SENT = 3


@dataclass(slots=True, kw_only=True)
class StoredText:
    """One slot."""

    status: TextStatus
    octets: bytes
    """The TPDU, without the service centre's address."""


class TextStore:
    """A memory of so many slots, numbered from 1."""

    def __init__(self, slots: int = SLOTS) -> None:
        self.slots = slots
        self._texts: dict[int, StoredText] = {}

    def __len__(self) -> int:
        return len(self._texts)

    def put(self, octets: bytes, status: TextStatus) -> int | None:
        """Keep a text in the first free slot and return its number; None when there is none."""
        free = next((slot for slot in range(1, self.slots + 1) if slot not in self._texts), None)
        if free is not None:
            self._texts[free] = StoredText(status=status, octets=octets)
        return free

    def get(self, slot: int) -> StoredText | None:
        """Return what a slot holds."""
        return self._texts.get(slot)

    def select(self, status: TextStatus | None) -> list[tuple[int, StoredText]]:
        """Return the texts of one status, or all, in the order of their slots."""
        texts = sorted(self._texts.items())
        return [(slot, text) for slot, text in texts if status is None or text.status is status]

    def delete(self, slot: int) -> None:
        """Empty a slot; an empty one stays so."""
        self._texts.pop(slot, None)

    def delete_all(self, kept: frozenset[TextStatus]) -> None:
        """Empty every slot but those of the statuses kept."""
        self._texts = {slot: text for slot, text in self._texts.items() if text.status in kept}
