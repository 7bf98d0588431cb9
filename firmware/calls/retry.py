"""When a contact may be tried again after a disposition (data-model: Retry defaults). Pure.

The gate has the last word: this only says when it is worth asking again.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from firmware.values import Disposition

D = Disposition


@dataclass(frozen=True, slots=True)
class RetryRule:
    """How long to wait, and how often in all."""

    wait: timedelta
    most: int
    """Attempts in all, this one included, after which the contact is done."""
    doubles: bool = False
    """Back off: each further failure of this kind doubles the wait."""


_MACHINE = RetryRule(timedelta(hours=4), 3)
_TALKED = RetryRule(timedelta(hours=24), 3)
_OFF = RetryRule(timedelta(hours=4), 5)
_OURS = RetryRule(timedelta(minutes=15), 6, doubles=True)

RETRY: dict[Disposition, RetryRule] = {
    D.BUSY: RetryRule(timedelta(minutes=10), 6),
    D.NO_ANSWER: RetryRule(timedelta(hours=3), 6),
    D.POWERED_OFF: _OFF,
    D.UNREACHABLE: _OFF,
    D.CONGESTION: _OURS,
    D.TECHNICAL_FAILURE: _OURS,
    D.REJECTED: RetryRule(timedelta(hours=24), 2),
    D.SUSPENDED_NUMBER: RetryRule(timedelta(days=3), 2),
    D.MACHINE_NO_MESSAGE: _MACHINE,
    D.MACHINE_LEFT_MESSAGE: _MACHINE,
    D.SCREENING_ASSISTANT: _MACHINE,
    D.FORWARDED: _MACHINE,
    D.SILENCE: _MACHINE,
    D.THIRD_PARTY: _TALKED,
    D.UNVERIFIED: _TALKED,
    D.REFUSED_TO_IDENTIFY: _TALKED,
    D.HUNG_UP_EARLY: _TALKED,
    D.NO_DECISION: _TALKED,
    D.CALLBACK_SET: _TALKED,
}


def next_try(disposition: Disposition, attempts: int, ended_at: datetime) -> datetime | None:
    """Return when to try again after `attempts` attempts in all, None when the contact is done."""
    rule = RETRY.get(disposition)
    if rule is None or attempts >= rule.most:
        return None
    factor = 2 ** (attempts - 1) if rule.doubles else 1
    return ended_at + rule.wait * factor
