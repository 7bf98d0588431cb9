"""What the calls tell the console: a contract, because this room knows nothing of MQTT."""

from datetime import datetime
from typing import Literal, Protocol

from firmware.store import attempts, outcomes, recordings
from firmware.store.campaigns import StoredContact
from firmware.store.connection import Connection
from firmware.store.operator_events import OperatorEvents


class Reports(OperatorEvents, Protocol):
    """What is told to the console, written in the same transaction."""

    def outcome(
        self,
        con: Connection,
        attempt: attempts.StoredAttempt,
        outcome: outcomes.Outcome,
        *,
        suppressed: str | None = None,
        recording: recordings.StoredRecording | None = None,
        first_word_ms: int | None = None,
    ) -> None:
        """Report what came of one attempt; `first_word_ms` is from the answer to our first word."""
        ...

    def standing(
        self,
        con: Connection,
        contact: StoredContact,
        verdict: Literal["defer", "refuse", "hold"],
        rule: str,
        *,
        until: datetime | None = None,
        explanation: str = "",
    ) -> None:
        """Report that a contact is not called now, and why."""
        ...
