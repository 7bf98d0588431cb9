"""What came of each attempt: exactly one outcome per attempt, and the promise that was read back."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from firmware.clock import from_ms, to_ms
from firmware.store.connection import Connection, Row
from firmware.values import AttemptId, CampaignId, ContactId, Disposition, Money, PersonId


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """A date and an amount that the person agreed to."""

    due: date
    amount: Money | None
    confirmed: bool
    """It was read back and confirmed."""
    instalments: int = 1
    """More than one: a plan; `due` is the first, `amount` each but the last."""
    every: Literal["week", "fortnight", "month"] | None = None
    """How far a plan's instalments are apart: week, fortnight or month."""
    total: Money | None = None
    """Of a plan: all its instalments; None where an older version did not keep it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one attempt."""

    attempt: AttemptId
    campaign: CampaignId
    contact: ContactId
    person: PersonId
    disposition: Disposition
    reached: bool
    right_party: bool
    final: bool
    ended_at: datetime
    talk_ms: int = 0
    confidence: float = 1.0
    flow: str = ""
    flow_version: int = 0
    digits_heard: int = 0
    note: str = ""
    promise: Promise | None = None
    answers: Mapping[str, str] = field(default_factory=dict)
    """What the flow keeps of the answers, by name."""
    callback_local: str | None = None
    """When to ring back, by the callee's own clock: ``2026-03-05T15:30``."""
    callback_at: datetime | None = None
    """The same as an instant; where the callee's zone is not certain, the last that it may be."""
    transfer: str | None = None
    """Why a person was wished for, in the flow's own word; None: nobody was."""
    hand_over: Mapping[str, str | int] | None = None
    """What became of that wish: result, agent, n_called, waited_ms, talk_ms."""


def add_outcome(con: Connection, outcome: Outcome) -> None:
    """Keep an outcome and its promise. Raises StoreConflictError if the attempt has one or is unknown."""
    con.insert(
        "outcome",
        {
            "attempt": outcome.attempt,
            "campaign": outcome.campaign,
            "contact": outcome.contact,
            "person": outcome.person,
            "disposition": outcome.disposition,
            "reached": int(outcome.reached),
            "right_party": int(outcome.right_party),
            "final": int(outcome.final),
            "ended_at": to_ms(outcome.ended_at),
            "talk_ms": outcome.talk_ms,
            "confidence": outcome.confidence,
            "flow": outcome.flow,
            "flow_version": outcome.flow_version,
            "digits_heard": outcome.digits_heard,
            "note": outcome.note,
            "answers": json.dumps(dict(outcome.answers), ensure_ascii=False, sort_keys=True),
            "callback_local": outcome.callback_local,
            "callback_at": to_ms(outcome.callback_at) if outcome.callback_at else None,
            "transfer": outcome.transfer,
            "hand_over": None
            if outcome.hand_over is None
            else json.dumps(dict(outcome.hand_over), sort_keys=True),
        },
    )
    promise = outcome.promise
    if promise is not None:
        con.insert(
            "promise",
            {
                "attempt": outcome.attempt,
                "due": promise.due.isoformat(),
                "amount_minor": promise.amount.minor if promise.amount else None,
                "currency": promise.amount.currency if promise.amount else None,
                "confirmed": int(promise.confirmed),
                "instalments": promise.instalments,
                "every": promise.every,
                "total_minor": promise.total.minor if promise.total else None,
            },
        )
    con.touch("outcome")


def get_outcome(con: Connection, attempt: AttemptId) -> Outcome | None:
    """Return the outcome of one attempt."""
    row = con.row("SELECT * FROM outcome LEFT JOIN promise USING (attempt) WHERE attempt = ?", (attempt,))
    return _outcome(row) if row else None


def list_outcomes(con: Connection, campaign: CampaignId | None = None, *, limit: int = 1000) -> list[Outcome]:
    """Return the latest outcomes, of one campaign or of all, newest first."""
    rows = con.rows(
        """SELECT * FROM outcome LEFT JOIN promise USING (attempt)
           WHERE :campaign IS NULL OR campaign = :campaign
           ORDER BY ended_at DESC, attempt DESC LIMIT :limit""",
        {"campaign": campaign, "limit": limit},
    )
    return [_outcome(row) for row in rows]


def _outcome(row: Row) -> Outcome:
    promise = None
    if row["due"] is not None:
        amount = None if row["currency"] is None else Money(row["amount_minor"], row["currency"])
        promise = Promise(
            due=date.fromisoformat(row["due"]),
            amount=amount,
            confirmed=bool(row["confirmed"]),
            instalments=row["instalments"],
            every=row["every"],
            total=None
            if amount is None or row["total_minor"] is None
            else Money(row["total_minor"], amount.currency),
        )
    return Outcome(
        attempt=AttemptId(row["attempt"]),
        campaign=CampaignId(row["campaign"]),
        contact=ContactId(row["contact"]),
        person=PersonId(row["person"]),
        disposition=Disposition(row["disposition"]),
        reached=bool(row["reached"]),
        right_party=bool(row["right_party"]),
        final=bool(row["final"]),
        ended_at=from_ms(row["ended_at"]),
        talk_ms=row["talk_ms"],
        confidence=row["confidence"],
        flow=row["flow"],
        flow_version=row["flow_version"],
        digits_heard=row["digits_heard"],
        note=row["note"],
        promise=promise,
        answers=json.loads(row["answers"]),
        callback_local=row["callback_local"],
        callback_at=None if row["callback_at"] is None else from_ms(row["callback_at"]),
        transfer=row["transfer"],
        hand_over=None if row["hand_over"] is None else json.loads(row["hand_over"]),
    )
