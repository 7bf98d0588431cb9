"""What a box answers to a message of the console, before it has an outbox number."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from firmware.store.connection import Connection
from firmware.sync.messages import Ack, RejectedRow

_MAX_DETAIL = 1500
_MAX_ROW_DETAIL = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Accepted or not, and why not: a name and a text for a person."""

    accepted: bool
    reason: str = ""
    detail: str = ""
    campaign: str | None = None
    batch: int | None = None
    taken: int = 0
    rejected: Sequence[RejectedRow] = ()

    def to_ack(self, *, about: str, kind: str, id: str, at: datetime, stream: str, seq: int) -> Ack:
        """Return the message for ``up/ack``."""
        return Ack(
            id=id,
            at=at,
            stream=stream,
            seq=seq,
            about=about,
            kind=kind,
            accepted=self.accepted,
            reason=self.reason,
            detail=self.detail[:_MAX_DETAIL],
            campaign=self.campaign,
            batch=self.batch,
            taken=self.taken,
            rejected=list(self.rejected),
        )


Apply = Callable[[Connection], Answer]
"""What a message does, inside the transaction that remembers it."""


def refused(reason: str, detail: str, *, campaign: str | None = None, batch: int | None = None) -> Answer:
    """Return the answer to a message that changes nothing."""
    return Answer(accepted=False, reason=reason, detail=detail, campaign=campaign, batch=batch)


def rejected_row(row: int, reason: str, detail: str, contact: str | None = None) -> RejectedRow:
    """Return a rejected row; `detail` must not contain what the row said."""
    return RejectedRow(row=row, contact=contact, reason=reason, detail=detail[:_MAX_ROW_DETAIL])
