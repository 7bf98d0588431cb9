"""The own number a callee sees: of a class the packs allow, and always the same one."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from firmware.compliance.call import CALL, CallOrder, PastAttempt, Point
from firmware.compliance.limits import concerns
from firmware.compliance.numbering import LineType, number_facts
from firmware.compliance.red_lines import MAX_NUMBERS_PER_CALLEE_30D

SEEN_FOR = timedelta(days=30)
BY_PREFIX = {
    "in_1600": ("+911600",),
    "fr_polyvalent": ("+33937", "+33938", "+33939"),
}
"""Ranges that a regulator set aside for automatic calls; a number in one is of no other class."""
UNKNOWN_IS = "mobile"
"""What a line is whose SIM does not tell its number."""
_CLASSES = {
    LineType.FIXED: {"geographic"},
    LineType.MOBILE: {"mobile"},
    LineType.FIXED_OR_MOBILE: {"geographic", "mobile"},
    LineType.VOIP: {"voip"},
}


def caller_number_problem(number: str | None, classes: frozenset[str] | None, point: Point) -> str:
    """Return why a call may not show `number`, or ``""``; None is a SIM that does not tell its number."""
    if number is None:
        if point is Point.ENQUEUE or classes is None or UNKNOWN_IS in classes:
            return ""
        return f"the line's own number is not known; allowed: {', '.join(sorted(classes))}"
    facts = number_facts(number)
    if not facts.is_valid:
        return "the line's own number is not a valid number: correct it in the settings"
    set_aside = {name for name, prefixes in BY_PREFIX.items() if number.startswith(prefixes)}
    if classes is not None and not classes & (set_aside or _CLASSES.get(facts.line_type, set())):
        return f"the line's own number is {facts.line_type}; allowed: {', '.join(sorted(classes))}"
    return ""


def number_seen_by(order: CallOrder, attempts: Iterable[PastAttempt], now: datetime) -> str | None:
    """Return the own number that called this callee last within 30 days; None when there was none."""
    seen = [attempt for attempt in _recent(order, attempts, now) if attempt.line_number is not None]
    return max(seen, key=lambda attempt: attempt.reserved_at).line_number if seen else None


class CallerNumberRule:
    """One person sees one number: another one may only be used when the last has been quiet for 30 days."""

    rule = "one-caller-number"

    def __init__(self, order: CallOrder, attempts: Iterable[PastAttempt], pack_max: int | None) -> None:
        self._max = (
            MAX_NUMBERS_PER_CALLEE_30D if pack_max is None else min(pack_max, MAX_NUMBERS_PER_CALLEE_30D)
        )
        last_seen: dict[str | None, datetime] = {}
        for attempt in attempts:
            # A line that does not tell its number counts as one more number: None.
            if attempt.line_number != order.caller_number and _concerns_callee(order, attempt):
                at = attempt.reserved_at.astimezone(UTC)
                last_seen[attempt.line_number] = max(last_seen.get(attempt.line_number, at), at)
        self._forgotten_at = sorted(at + SEEN_FOR for at in last_seen.values())

    def next_allowed(self, at: datetime) -> datetime | None:
        """Return when so many other numbers are forgotten that this one fits."""
        if self._max == 0:
            return None
        others = [forgotten for forgotten in self._forgotten_at if forgotten > at]
        too_many = len(others) - (self._max - 1)
        return others[too_many - 1] if too_many > 0 else at

    def detail(self, at: datetime) -> str:
        """Return how many other numbers this callee has seen."""
        others = sum(forgotten > at for forgotten in self._forgotten_at)
        return f"{others} other own numbers used with this person in 30 days, at most {self._max} in all"


def _recent(order: CallOrder, attempts: Iterable[PastAttempt], now: datetime) -> list[PastAttempt]:
    since = now - SEEN_FOR
    return [
        attempt for attempt in attempts if attempt.reserved_at > since and _concerns_callee(order, attempt)
    ]


def _concerns_callee(order: CallOrder, attempt: PastAttempt) -> bool:
    return attempt.channel == CALL and (
        concerns("person", order, attempt) or concerns("number", order, attempt)
    )
