"""What the box has to tell the console, put into the outbox in the transaction of the fact it reports."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

from firmware.store import outbox
from firmware.store.attempts import StoredAttempt
from firmware.store.campaigns import StoredContact
from firmware.store.connection import Connection
from firmware.store.inbound import InboundResult
from firmware.store.outcomes import Outcome, Promise
from firmware.store.recordings import StoredRecording
from firmware.store.sms import StoredSms
from firmware.sync.instalments import payments
from firmware.sync.messages import (
    BoxEvent,
    CallbackWire,
    MoneyWire,
    OutcomeMessage,
    PaymentWire,
    PlanWire,
    PromiseWire,
    Refusals,
    encode,
)
from firmware.sync.messages_handover import HandOverWire
from firmware.sync.messages_inbound import InboundCallback, InboundOutcome
from firmware.sync.reporting_sms import ReplyLike, sms_outcome, sms_reply


class Reports:
    """Builds durable messages; each gets its number where it is written."""

    def __init__(self, stream: str, now: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self._stream = stream
        self._now = now
        self._new_id = new_id

    def outcome(
        self,
        con: Connection,
        attempt: StoredAttempt,
        outcome: Outcome,
        *,
        suppressed: str | None = None,
        recording: StoredRecording | None = None,
        first_word_ms: int | None = None,
    ) -> None:
        """Report what came of one attempt."""
        promise = outcome.promise
        at = self._now()

        def build(seq: int) -> bytes:
            return encode(
                OutcomeMessage(
                    id=self._new_id(),
                    at=at,
                    stream=self._stream,
                    seq=seq,
                    attempt=outcome.attempt,
                    campaign=outcome.campaign,
                    contact=outcome.contact,
                    person=outcome.person,
                    line=attempt.line,
                    disposition=outcome.disposition,
                    reached=outcome.reached,
                    right_party=outcome.right_party,
                    final=outcome.final,
                    reserved_at=attempt.reserved_at,
                    answered_at=attempt.answered_at,
                    ended_at=outcome.ended_at,
                    talk_ms=outcome.talk_ms,
                    first_word_ms=first_word_ms,
                    cause_q850=attempt.cause_q850,
                    cause=attempt.cause or "",
                    confidence=outcome.confidence,
                    promise=None if promise is None else _promise(promise),
                    suppressed=suppressed,
                    recording=recording.recording if recording else None,
                    recording_sha256=recording.sha256 if recording else None,
                    flow=outcome.flow,
                    flow_version=outcome.flow_version,
                    digits_heard=outcome.digits_heard,
                    answers=dict(outcome.answers),
                    callback=None
                    if outcome.callback_local is None
                    else CallbackWire(local=outcome.callback_local, at=outcome.callback_at),
                    transfer=outcome.transfer,
                    hand_over=None
                    if outcome.hand_over is None
                    else msgspec.convert(dict(outcome.hand_over), HandOverWire),
                    note=outcome.note,
                )
            )

        outbox.append(con, "outcome", build, at)

    def inbound(self, con: Connection, result: InboundResult) -> None:
        """Report what came of a call that came in."""
        at, call = self._now(), result.call

        def build(seq: int) -> bytes:
            return encode(
                InboundOutcome(
                    id=self._new_id(),
                    at=at,
                    stream=self._stream,
                    seq=seq,
                    call=call.call,
                    line=call.line,
                    caller=call.caller,
                    people=list(result.people),
                    disposition=result.disposition,
                    reached=result.reached,
                    rang_at=call.rang_at,
                    answered_at=result.answered_at,
                    ended_at=result.ended_at,
                    talk_ms=result.talk_ms,
                    suppressed=result.suppressed,
                    callback=None
                    if result.callback_local is None
                    else InboundCallback(local=result.callback_local, at=result.callback_at),
                    transfer=result.transfer,
                    hand_over=None
                    if result.hand_over is None
                    else msgspec.convert(dict(result.hand_over), HandOverWire),
                    answers=dict(result.answers),
                    flow=call.flow,
                    flow_version=call.flow_version,
                    digits_heard=result.digits_heard,
                    cause=result.cause,
                    note=result.note,
                )
            )

        outbox.append(con, "outcome", build, at)

    def sms(self, con: Connection, message: StoredSms) -> None:
        """Report what became of a short message."""
        at = self._now()
        outbox.append(
            con,
            "outcome",
            lambda seq: encode(sms_outcome(message, id_=self._new_id(), at=at, stream=self._stream, seq=seq)),
            at,
        )

    def sms_reply(self, con: Connection, reply: ReplyLike) -> None:
        """Report what somebody wrote to a line."""
        at = self._now()
        outbox.append(
            con,
            "outcome",
            lambda seq: encode(sms_reply(reply, id_=self._new_id(), at=at, stream=self._stream, seq=seq)),
            at,
        )

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
        """Report that the gate will not have this contact called now, and by which rule."""
        at = self._now()

        def build(seq: int) -> bytes:
            return encode(
                Refusals(
                    id=self._new_id(),
                    at=at,
                    stream=self._stream,
                    seq=seq,
                    campaign=contact.campaign,
                    contact=contact.contact,
                    verdict=verdict,
                    rule=rule,
                    until=until,
                    explanation=explanation,
                )
            )

        outbox.append(con, "event", build, at)

    def event(
        self,
        con: Connection,
        name: str,
        severity: Literal["info", "warning", "alarm"],
        *,
        detail: str = "",
        line: str | None = None,
        campaign: str | None = None,
        facts: Mapping[str, str] | None = None,
    ) -> None:
        """Report what an operator must see; `facts` are the figures and codes in the detail."""
        at = self._now()

        def build(seq: int) -> bytes:
            return encode(
                BoxEvent(
                    id=self._new_id(),
                    at=at,
                    stream=self._stream,
                    seq=seq,
                    event=name,
                    severity=severity,
                    detail=detail,
                    line=line,
                    campaign=campaign,
                    facts=dict(facts or {}),
                )
            )

        outbox.append(con, "event", build, at)


def _promise(promise: Promise) -> PromiseWire:
    amount, every = promise.amount, promise.every
    return PromiseWire(
        due=promise.due,
        amount=None if amount is None else MoneyWire(amount.minor, amount.currency),
        confirmed=promise.confirmed,
        plan=None
        if every is None
        else PlanWire(instalments=promise.instalments, every=every, payments=_payments(promise, every)),
    )


def _payments(promise: Promise, every: str) -> list[PaymentWire]:
    if promise.amount is None or promise.total is None:
        return []
    plan = payments(promise.due, promise.instalments, every, promise.amount, promise.total)
    return [PaymentWire(minor=part.minor, currency=part.currency, due=due) for due, part in plan]


def renumbered(body: bytes, stream: str, seq: int) -> bytes:
    """Return a durable message under another number, all else as it is. Raises ValueError if it is no message."""
    try:
        message = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ValueError("not a JSON object") from None
    return msgspec.json.encode(message | {"stream": stream, "seq": seq})
