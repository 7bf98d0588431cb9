"""Do-not-call entries and whom they stop."""

from collections.abc import Iterable

from firmware.compliance.call import CallOrder, SuppressionEntry, SuppressionScope
from firmware.compliance.limits import is_same_number
from firmware.compliance.pack import OptOutScope
from firmware.values import Disposition


def suppressed_by(
    order: CallOrder, entries: Iterable[SuppressionEntry], opt_out_scope: OptOutScope
) -> SuppressionEntry | None:
    """Return the first entry that forbids the call; in doubt an entry stops more rather than less."""
    return next((entry for entry in entries if _stops(entry, order, opt_out_scope)), None)


def _stops(entry: SuppressionEntry, order: CallOrder, opt_out_scope: OptOutScope) -> bool:
    same_person = bool(entry.person) and entry.person == order.person
    same_number = bool(entry.number) and is_same_number(entry.number or "", order.number)
    same_debt = bool(entry.debt) and entry.debt == order.debt
    if (
        entry.reason == Disposition.OPT_OUT
        and opt_out_scope != "debt"
        and entry.scope == SuppressionScope.DEBT
    ):
        return same_person or same_number or same_debt
    match entry.scope:
        case SuppressionScope.NUMBER if entry.number:
            # A wrong number says nothing against the person's right one.
            return same_number
        case SuppressionScope.DEBT if entry.debt:
            return same_debt
        case SuppressionScope.PERSON:
            return same_person or same_number
        case _:
            return same_person or same_number or same_debt
