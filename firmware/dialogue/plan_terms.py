"""What a plan of instalments comes to: how much each time, and whether the campaign's limits allow it."""

from dataclasses import dataclass

from firmware.dialogue.currencies import CURRENCIES
from firmware.values import Money, last_instalment

MIN_INSTALMENTS, MAX_INSTALMENTS = 2, 36


@dataclass(frozen=True, slots=True)
class PlanTerms:
    """So many instalments of so much; the last one is what is left."""

    count: int
    each: Money
    last: Money


def plan_terms(
    total: Money, count: int, *, most: int | None, least: Money | None, at_least: Money | None = None
) -> PlanTerms | None:
    """Return the plan for `total` in `count` instalments, None if the limits or the amount do not allow it.

    `least` and `at_least` are the contact's and the campaign's limit of one instalment: both hold.

    Each is rounded up to whole currency units, so that what is spoken is short and the last one is the smallest.
    """
    if not MIN_INSTALMENTS <= count <= (MAX_INSTALMENTS if most is None else min(most, MAX_INSTALMENTS)):
        return None
    unit: int = 10 ** CURRENCIES[total.currency].exponent
    each = -(-total.minor // (count * unit)) * unit
    last = last_instalment(total.minor, each, count)
    if last <= 0:
        return None
    for limit in (least, at_least):
        if limit is not None and (limit.currency != total.currency or each < limit.minor):
            return None
    return PlanTerms(count, Money(each, total.currency), Money(last, total.currency))
