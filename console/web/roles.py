"""What each role may do; a view names the one permission that it needs, and a view that names none is closed."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

View = TypeVar("View", bound=Callable[..., Any])


class Role(StrEnum):
    """What a person is here for."""

    OPERATOR = "operator"
    SUPERVISOR = "supervisor"
    AUDITOR = "auditor"


class May(StrEnum):
    """One thing that a page lets a person do."""

    SEE_FLEET = "see_fleet"
    SEE_CAMPAIGNS = "see_campaigns"
    ORDER_CAMPAIGNS = "order_campaigns"
    SEE_OUTCOMES = "see_outcomes"
    EXPORT_OUTCOMES = "export_outcomes"
    SEE_PEOPLE = "see_people"
    SEE_NUMBERS = "see_numbers"
    STOP_CALLS = "stop_calls"
    """To a person: who rings an operator and wants no calls gets none at once."""
    SEE_CASES = "see_cases"
    WORK_CASES = "work_cases"
    ASSIGN_CASES = "assign_cases"
    HEAR_RECORDINGS = "hear_recordings"
    CORRECT = "correct"
    SEE_MEASURES = "see_measures"
    SEE_SETUP = "see_setup"
    """Releases, roll-outs, and machines that want to be boxes."""
    SEE_AUDIT = "see_audit"
    SEE_ACCESS = "see_access"


_EVERYBODY = frozenset(
    {
        May.SEE_FLEET,
        May.SEE_CAMPAIGNS,
        May.SEE_OUTCOMES,
        May.SEE_PEOPLE,
        May.SEE_CASES,
        May.SEE_MEASURES,
    }
)
GRANTS: dict[Role, frozenset[May]] = {
    # Sees numbers of the cases that are its own, and no others.
    Role.OPERATOR: _EVERYBODY | {May.WORK_CASES, May.STOP_CALLS},
    Role.SUPERVISOR: frozenset(May),
    # Looks at everything that was done and changes nothing; whose number it was is not its business.
    Role.AUDITOR: _EVERYBODY
    | {May.EXPORT_OUTCOMES, May.HEAR_RECORDINGS, May.SEE_SETUP, May.SEE_AUDIT, May.SEE_ACCESS},
}
PUBLIC = "public"


def needs(permission: May) -> Callable[[View], View]:
    """Mark a view with the permission that it needs."""

    def mark(view: View) -> View:
        view.needs = permission  # type: ignore[attr-defined]
        return view

    return mark


def public(view: View) -> View:
    """Mark a view that is open before sign-in."""
    view.needs = PUBLIC  # type: ignore[attr-defined]
    return view


def need_of(view: Callable[..., Any] | None) -> May | str | None:
    """Return what a view needs: a permission, ``public``, or None for a view that nobody may use."""
    return getattr(view, "needs", None)
