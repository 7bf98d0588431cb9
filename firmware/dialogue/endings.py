"""Which dispositions a conversation may end with, and what each presumes."""

from collections.abc import Mapping

from firmware.dialogue.actions import SuppressionScope
from firmware.values import Disposition

ENDINGS = frozenset(
    {
        Disposition.THIRD_PARTY, Disposition.WRONG_NUMBER, Disposition.UNVERIFIED, Disposition.REFUSED_TO_IDENTIFY,
        Disposition.MINOR, Disposition.LANGUAGE_BARRIER, Disposition.PROMISE_FULL, Disposition.PROMISE_PARTIAL,
        Disposition.PROMISE_PLAN, Disposition.PAYING_NOW, Disposition.ALREADY_PAID, Disposition.DISPUTE,
        Disposition.HARDSHIP, Disposition.REFUSES, Disposition.CALLBACK_SET, Disposition.NO_DECISION,
        Disposition.DECEASED, Disposition.LEGAL_REPRESENTATION, Disposition.VULNERABLE,
        Disposition.HUMAN_UNAVAILABLE, Disposition.OPT_OUT, Disposition.COMPLAINT, Disposition.COMPLETED,
    }
)  # fmt: skip
"""What a flow may end with; the others are for lines, the gate and the machine to say."""

PROMISES = frozenset({Disposition.PROMISE_FULL, Disposition.PROMISE_PARTIAL, Disposition.PROMISE_PLAN})
"""These need a promise that was read back and confirmed."""

RIGHT_PARTY = PROMISES | {
    Disposition.PAYING_NOW,
    Disposition.ALREADY_PAID,
    Disposition.DISPUTE,
    Disposition.HARDSHIP,
    Disposition.REFUSES,
}
"""What only the person themselves can say: these need a passed verification."""

SUPPRESSES: Mapping[Disposition, SuppressionScope] = {
    Disposition.OPT_OUT: "person",
    Disposition.WRONG_NUMBER: "number",
}
"""What these suppress, whatever a flow says."""


def ending(meant: Disposition, decided: Disposition | None, *, heard_anything: bool) -> Disposition:
    """Return how a call ends whose flow ends with `meant`, after what was `decided` before.

    A confirmed promise outlives an undecided rest of the call, and is as full as it was promised; who neither
    said nor pressed anything decided nothing because nobody was heard.
    """
    if decided in PROMISES and (meant in PROMISES or meant is Disposition.NO_DECISION):
        return decided
    if meant is Disposition.NO_DECISION and not heard_anything:
        return Disposition.SILENCE
    return meant


def promise_of(*, is_plan: bool, is_full: bool) -> Disposition:
    """Return what kind of promise was confirmed."""
    if is_plan:
        return Disposition.PROMISE_PLAN
    return Disposition.PROMISE_FULL if is_full else Disposition.PROMISE_PARTIAL
