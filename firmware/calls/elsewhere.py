"""What the fleet knows of a person besides this box, as the gate reads it: it raises counters and takes away, never more.

Pure of everything but the rows it is given.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from firmware.compliance.call import CallOrder, PastAttempt
from firmware.compliance.policy import Week, common_hours
from firmware.store.elsewhere import StoredElsewhere
from firmware.values import Disposition

_TOLD = "elsewhere"
"""Disposition of a contact that has none or one that would waive something: only this box's own talks can do that."""


class _Fact(msgspec.Struct, frozen=True):
    revoked: list[str] = []
    status: str | None = None
    number_reassigned_at: datetime | None = None
    hours: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """All that was learnt of one person, taken together."""

    revoked: frozenset[str] = frozenset()
    status: str | None = None
    number_reassigned_at: datetime | None = None
    hours: Week | None = None


def as_past(fact: StoredElsewhere) -> PastAttempt:
    """Return a contact for the gate's history. It shows no own number: that one is not ours."""
    waives = fact.disposition in (None, Disposition.CALLBACK_SET)
    return PastAttempt(
        person=fact.person,
        debt=fact.debt or fact.contact,
        number=fact.number,
        line_number=None,
        reserved_at=fact.at,
        connected=fact.connected,
        conversation=fact.conversation,
        disposition=_TOLD if waives else fact.disposition,
        channel=fact.channel,
    )


def known_from(facts: Sequence[str]) -> Known:
    """Return what the stored facts (JSON) come to, whatever their order."""
    revoked: set[str] = set()
    statuses: set[str] = set()
    reassigned: list[datetime] = []
    hours: Week | None = None
    for text in facts:
        fact = msgspec.json.decode(text, type=_Fact)
        revoked.update(fact.revoked)
        if fact.status is not None and fact.status != "open":
            statuses.add(fact.status)
        if fact.number_reassigned_at is not None:
            reassigned.append(fact.number_reassigned_at)
        if fact.hours is not None:
            hours = _narrowed(hours, fact.hours)
    return Known(
        revoked=frozenset(revoked),
        status=min(statuses, default=None),
        number_reassigned_at=max(reassigned, default=None),
        hours=hours,
    )


def narrowed(order: CallOrder, known: Known) -> CallOrder:
    """Return the order without what is known to have gone."""
    return replace(
        order,
        status=order.status if known.status is None or order.status != "open" else known.status,
        consents=tuple(kind for kind in order.consents if kind not in known.revoked),
        number_reassigned_at=known.number_reassigned_at,
        stated_hours=known.hours,
    )


def _narrowed(hours: Week | None, text: str) -> Week:
    start, _, end = text.partition("-")
    one_day = ((_minute(start), _minute(end)),)
    if hours is None:
        return (one_day,) * 7
    mon, tue, wed, thu, fri, sat, sun = (common_hours(day, one_day) for day in hours)
    return (mon, tue, wed, thu, fri, sat, sun)


def _minute(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])
