"""How long the rules let and make a box keep things: the packs' least and most, and what holds where they are silent. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from firmware.compliance.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What holds where the packs leave it open; never less than their least nor more than their most."""

    records_days: int = 1096
    """After the last call to a person, or the end of their last campaign: contact, answers, call log, audit payloads."""
    recordings_days: int = 184
    """After the call."""
    uncalled_days: int = 90
    """After the campaign: a contact who was never called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """How long one thing stays, and by which rule."""

    days: int | None
    """None: for ever, until somebody resolves the contradiction."""
    rule: str
    """``minimum``, ``maximum``, ``default``, ``counters``, ``contradiction`` or ``no-rules``."""
    packs: tuple[str, ...] = ()

    @property
    def length(self) -> timedelta | None:
        """Return the same as a duration."""
        return None if self.days is None else timedelta(days=self.days)


def recording_period(policies: Sequence[Policy], defaults: Defaults) -> Period:
    """Return how long a recording stays, by the rules of every place of its callee."""
    return _period(
        policies,
        least=max((policy.recording_min_days for policy in policies), default=0),
        mosts=[policy.recording_max_days for policy in policies],
        wanted=defaults.recordings_days,
    )


def recording_minimum(policies: Sequence[Policy]) -> Period:
    """Return the shortest a recording may stay: what goes first when the disk is short."""
    least = max((policy.recording_min_days for policy in policies), default=0)
    return Period(days=least, rule="disk-space", packs=_packs(policies)) if policies else _NO_RULES


def records_period(policies: Sequence[Policy], defaults: Defaults, *, counters_days: int) -> Period:
    """Return how long everything else about a person who was called stays; what caps still count stays at least as long."""
    period = _period(
        policies,
        least=max((policy.audit_min_days for policy in policies), default=0),
        mosts=[policy.audit_max_days for policy in policies],
        wanted=defaults.records_days,
    )
    if period.days is not None and period.days < counters_days:
        return Period(days=counters_days, rule="counters", packs=period.packs)
    return period


def uncalled_period(policies: Sequence[Policy], defaults: Defaults) -> Period:
    """Return how long the contact of somebody who was never called stays."""
    mosts = [policy.audit_max_days for policy in policies if policy.audit_max_days is not None]
    days = min([defaults.uncalled_days, *mosts])
    return Period(
        days=days,
        rule="maximum" if days < defaults.uncalled_days else "default",
        packs=_packs(policies),
    )


_NO_RULES = Period(days=None, rule="no-rules")


def _period(policies: Sequence[Policy], *, least: int, mosts: Sequence[int | None], wanted: int) -> Period:
    if not policies:
        return _NO_RULES
    packs = _packs(policies)
    most = min((days for days in mosts if days is not None), default=None)
    if most is not None and most < least:
        # Keep the evidence; a person must find out which of the two laws gives way.
        return Period(days=None, rule="contradiction", packs=packs)
    if wanted < least:
        return Period(days=least, rule="minimum", packs=packs)
    if most is not None and wanted > most:
        return Period(days=most, rule="maximum", packs=packs)
    return Period(days=wanted, rule="default", packs=packs)


def _packs(policies: Sequence[Policy]) -> tuple[str, ...]:
    return tuple(sorted(frozenset[str]().union(*(policy.packs for policy in policies))))
