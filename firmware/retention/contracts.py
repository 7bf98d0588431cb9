"""What this room needs of others: the audit log, the rules in force; and what a pass counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from firmware.compliance.policy import Policy
from firmware.store.connection import Connection


class Chain(Protocol):
    """The audit log, as far as this room writes it."""

    def person_ref(self, person: str) -> str:
        """Return what stands for a person in the chain."""
        ...

    def why_undatable(self, con: Connection) -> str:
        """Return why nothing may be deleted by date now; empty: it may."""
        ...

    def note(self, con: Connection, kind: str, fields: Mapping[str, object]) -> None:
        """Append an entry."""
        ...


class Rules(Protocol):
    """The rule packs in force."""

    @property
    def history_days(self) -> int:
        """Return how far back attempts count."""
        ...

    def policy_for(self, number: str, region: str | None) -> Policy:
        """Return what governs a number. Raises ComplianceError."""
        ...


@dataclass(slots=True)
class Pass:
    """What one pass found and did."""

    refused: str = ""
    """Why it was not made."""
    people: int = 0
    keys: int = 0
    recordings: int = 0
    held: int = 0
    unreceived: int = 0
    """Past their time, and the console has not got them: outcomes stay, recordings until it was warned."""
    contradictions: int = 0
    """For ever kept, because the packs contradict each other or none applies."""
    is_finished: bool = True
