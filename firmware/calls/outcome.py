"""What came of a call: a pure function of its log. "Reached?" is decided first, then what was said.

Only a reached human can refuse, opt out or promise; a machine never creates an opt-out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, assert_never

from audio.dsp.answer import AnswerClass
from firmware.calls.agents import HandOverFacts
from firmware.dialogue.variables import Value
from firmware.lines.line import Ended, EndKind
from firmware.values import Disposition, Money

D = Disposition


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """What a disposition counts as."""

    reached: bool = False
    """A human was on the line."""
    right_party: bool = False
    """It was the person we asked for."""
    final: bool = False
    """This contact is not called again unless the console says so."""
    counts_as_conversation: bool = False
    """For caps on conversations."""
    suppresses: Literal["person", "number"] | None = None
    """Who or what must never be called again because of it."""


_NOT_REACHED = Flags()
_NOT_REACHED_FINAL = Flags(final=True)
_OTHER = Flags(reached=True)
_OTHER_FINAL = Flags(reached=True, final=True)
_RIGHT = Flags(reached=True, right_party=True, counts_as_conversation=True)
_RIGHT_FINAL = Flags(reached=True, right_party=True, final=True, counts_as_conversation=True)

FLAGS: dict[Disposition, Flags] = {
    D.NO_ANSWER: _NOT_REACHED,
    D.BUSY: _NOT_REACHED,
    D.REJECTED: _NOT_REACHED,
    D.POWERED_OFF: _NOT_REACHED,
    D.UNREACHABLE: _NOT_REACHED,
    D.SUSPENDED_NUMBER: _NOT_REACHED,
    D.VACANT_NUMBER: _NOT_REACHED_FINAL,
    D.CONGESTION: _NOT_REACHED,
    D.CALL_RESTRICTED: _NOT_REACHED_FINAL,
    D.FORWARDED: _NOT_REACHED,
    D.MACHINE_NO_MESSAGE: _NOT_REACHED,
    D.MACHINE_LEFT_MESSAGE: _NOT_REACHED,
    D.FAX: _NOT_REACHED_FINAL,
    D.SCREENING_ASSISTANT: _NOT_REACHED,
    D.SILENCE: _NOT_REACHED,
    D.THIRD_PARTY: _OTHER,
    D.WRONG_NUMBER: Flags(reached=True, final=True, suppresses="number"),
    D.UNVERIFIED: _OTHER,
    D.REFUSED_TO_IDENTIFY: _OTHER,
    D.MINOR: _OTHER_FINAL,
    D.LANGUAGE_BARRIER: _OTHER_FINAL,
    D.PROMISE_FULL: _RIGHT_FINAL,
    D.PROMISE_PARTIAL: _RIGHT_FINAL,
    D.PROMISE_PLAN: _RIGHT_FINAL,
    D.PAYING_NOW: _RIGHT_FINAL,
    D.ALREADY_PAID: _RIGHT_FINAL,
    D.DISPUTE: _RIGHT_FINAL,
    D.HARDSHIP: _RIGHT_FINAL,
    D.REFUSES: _RIGHT_FINAL,
    D.CALLBACK_SET: _RIGHT,
    D.NO_DECISION: _RIGHT,
    D.HUNG_UP_EARLY: _OTHER,
    D.DECEASED: _OTHER_FINAL,
    D.LEGAL_REPRESENTATION: _RIGHT_FINAL,
    D.VULNERABLE: _RIGHT_FINAL,
    D.COMPLETED: _RIGHT_FINAL,
    D.HUMAN_BRIDGED: _RIGHT_FINAL,
    D.HUMAN_UNAVAILABLE: _RIGHT_FINAL,
    D.OPT_OUT: Flags(reached=True, final=True, suppresses="person"),
    D.COMPLAINT: _OTHER_FINAL,
    D.TECHNICAL_FAILURE: _NOT_REACHED,
    D.CANCELLED: _NOT_REACHED_FINAL,
    D.RECALLED: _NOT_REACHED_FINAL,
    D.BLOCKED: _NOT_REACHED_FINAL,
}

_UNANSWERED = {
    EndKind.BUSY: D.BUSY,
    EndKind.NO_ANSWER: D.NO_ANSWER,
    EndKind.REJECTED: D.REJECTED,
    EndKind.POWERED_OFF: D.POWERED_OFF,
    EndKind.UNREACHABLE: D.UNREACHABLE,
    EndKind.VACANT_NUMBER: D.VACANT_NUMBER,
    EndKind.CONGESTION: D.CONGESTION,
    EndKind.CALL_RESTRICTED: D.CALL_RESTRICTED,
    EndKind.FORWARDED: D.FORWARDED,
    EndKind.NETWORK_FAULT: D.TECHNICAL_FAILURE,
    EndKind.LOCAL_FAULT: D.TECHNICAL_FAILURE,
    EndKind.RELEASED_BY_CALLEE: D.REJECTED,
    # Nobody can say why: not "no answer", which would be a claim about the callee.
    EndKind.UNKNOWN: D.TECHNICAL_FAILURE,
}


_ANNOUNCED = {
    "busy": D.BUSY,
    "switched_off": D.POWERED_OFF,
    "vacant": D.VACANT_NUMBER,
    "suspended": D.SUSPENDED_NUMBER,
    "no_answer": D.NO_ANSWER,
    "restricted": D.CALL_RESTRICTED,
    "congested": D.CONGESTION,
}
_FINAL_CONFIDENCE = 0.9


def answered_by(answer: AnswerClass, subject: str, confidence: float) -> Disposition | None:
    """Return the word for a call that no person took; None for a person, and for silence, which is the default.

    What would keep a contact from ever being called again is said only of announcements that were heard well.
    """
    match answer:
        case AnswerClass.HUMAN | AnswerClass.SILENCE:
            return None
        case AnswerClass.MACHINE:
            return D.MACHINE_NO_MESSAGE
        case AnswerClass.SCREENING_ASSISTANT:
            return D.SCREENING_ASSISTANT
        case AnswerClass.FAX:
            return D.FAX
        case AnswerClass.CARRIER_ANNOUNCEMENT:
            told = _ANNOUNCED.get(subject, D.UNREACHABLE)
            return D.UNREACHABLE if FLAGS[told].final and confidence < _FINAL_CONFIDENCE else told
        case _:
            assert_never(answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseMade:
    """What the callee agreed to, read back."""

    due: date
    """Of a plan: when the first instalment is due."""
    amount: Money | None
    """Of a plan: each instalment but the last."""
    confirmed: bool
    instalments: int = 1
    every: Literal["week", "fortnight", "month"] | None = None
    """week, fortnight or month for a plan."""
    total: Money | None = None
    """Of a plan: all its instalments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextWanted:
    """A text of the campaign that the dialogue has ordered."""

    text: str
    language: str
    slots: Mapping[str, Value] = field(repr=False)
    may_tell_debt: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLog:
    """All of a call that its outcome depends on."""

    ended: Ended
    answered: bool
    human_heard: bool
    """A key was pressed or somebody spoke, and no machine was recognised."""
    verified: bool
    decided: Disposition | None
    """What the dialogue ended with."""
    promise: PromiseMade | None = None
    callback: datetime | None = None
    """When the callee asked to be rung back, in their own local time."""
    answers: Mapping[str, str] = field(default_factory=dict)
    """What the flow keeps (`keep:`), by name."""
    texts: tuple[TextWanted, ...] = ()
    """What is to be sent now that the call is over."""
    transfer: str | None = None
    """Why a person was wished for, in the flow's own word."""
    hand_over: HandOverFacts | None = None
    """What became of the wish; None: nobody wished for a person, or this box has no agents."""
    suppressed: tuple[str, ...] = ()
    """Scopes that the dialogue ordered never to call again: person, number, debt."""
    answered_by: Disposition | None = None
    """What took the call if it was no person: a machine, an announcement, a fax, a screening assistant."""
    stopped: Disposition | None = None
    """Set when we ended the call for our own reasons: cancelled, recalled, blocked, opt_out, technical_failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """One word for the attempt, and what it counts as."""

    disposition: Disposition
    flags: Flags
    promise: PromiseMade | None
    callback: datetime | None = None
    """When to ring back, in the callee's local time; only with `callback_set`."""
    answers: Mapping[str, str] = field(default_factory=dict)
    texts: tuple[TextWanted, ...] = ()
    """What is to be sent; nothing to somebody who was not reached, or wants no more of us."""
    transfer: str | None = None
    """Why they wished for a person, in the flow's own word."""
    hand_over: HandOverFacts | None = None
    """What became of that wish."""
    suppressions: frozenset[str] = frozenset()
    """Scopes never to be called again; only a human who was reached creates one."""


def conclude(log: CallLog) -> Conclusion:
    """Return what came of the call."""
    disposition = _disposition(log)
    flags = FLAGS[disposition]
    if flags.reached and not log.human_heard:
        # Nobody was heard: whatever the dialogue thought, no human decided anything.
        disposition = log.answered_by or D.SILENCE
        flags = FLAGS[disposition]
    promised = disposition in {D.PROMISE_FULL, D.PROMISE_PARTIAL, D.PROMISE_PLAN}
    if flags.right_party and not log.verified:
        # E.g. somebody asked for a person before saying who they are.
        flags = Flags(reached=flags.reached, final=flags.final, suppresses=flags.suppresses)
    suppressions = _suppressions(log, flags) if flags.reached else frozenset[str]()
    return Conclusion(
        disposition=disposition,
        flags=flags,
        promise=log.promise if promised else None,
        callback=log.callback if disposition is D.CALLBACK_SET else None,
        answers=dict(log.answers) if flags.reached else {},
        transfer=log.transfer if flags.reached else None,
        hand_over=log.hand_over if flags.reached else None,
        suppressions=suppressions,
        texts=log.texts if flags.reached and not suppressions else (),
    )


def _suppressions(log: CallLog, flags: Flags) -> frozenset[str]:
    return frozenset(log.suppressed) | ({flags.suppresses} if flags.suppresses else set())


def _disposition(log: CallLog) -> Disposition:
    if not log.answered:
        if log.stopped is not None:
            return log.stopped
        return _UNANSWERED.get(log.ended.kind, D.TECHNICAL_FAILURE)
    if log.decided is D.MACHINE_NO_MESSAGE and not log.human_heard:
        return log.answered_by or log.decided
    if log.decided is not None:
        return log.decided
    if log.stopped is not None:
        return log.stopped
    if log.ended.kind in {EndKind.LOCAL_FAULT, EndKind.NETWORK_FAULT, EndKind.UNKNOWN}:
        return D.TECHNICAL_FAILURE
    if not log.human_heard:
        return log.answered_by or D.SILENCE
    return D.HUNG_UP_EARLY if log.ended.kind is EndKind.RELEASED_BY_CALLEE else D.NO_DECISION
