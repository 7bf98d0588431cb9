"""What all packs that apply to a call demand together."""

import hashlib
from collections.abc import Iterable
from datetime import date
from typing import ClassVar

from msgspec import Struct

from firmware.compliance.canonical import canonical_json
from firmware.compliance.pack import (
    MINUTES_A_DAY,
    Automation,
    Cooldown,
    Disclosure,
    ForbiddenClaim,
    IfRefused,
    Limit,
    Moment,
    Notice,
    OptOutScope,
    Voicemail,
)

Hours = tuple[tuple[int, int], ...]
"""Open minutes of one local day: sorted, disjoint, half-open [start, end)."""
Week = tuple[Hours, Hours, Hours, Hours, Hours, Hours, Hours]
"""Monday first."""
ALL_DAY: Hours = ((0, MINUTES_A_DAY),)
ALWAYS: Week = (ALL_DAY,) * 7


class Policy(Struct, frozen=True, kw_only=True):
    """The strictest reading of every rule; the defaults are those of no rule at all."""

    ADDED_LATER: ClassVar[frozenset[str]] = frozenset({"forbidden_claims"})
    """Left out of the digest while empty."""
    packs: frozenset[str] = frozenset()
    """``id@version``."""
    effective_from: date = date.min
    effective_to: date = date.max
    review_by: date = date.max

    automation: Automation = "robot_ok"
    consents: frozenset[frozenset[frozenset[str]]] = frozenset()
    """Every member must be met; a member is met by any of its sets of consents."""
    notices_required: frozenset[str] = frozenset()
    licences_required: frozenset[str] = frozenset()
    line_types_denied: frozenset[str] = frozenset()
    status_blocks: frozenset[str] = frozenset()

    zones: frozenset[str] = frozenset()
    week: Week = ALWAYS
    end_guard_s: int = 0
    holiday_calendars: frozenset[str] = frozenset()
    closed_dates: frozenset[date] = frozenset()

    limits: frozenset[Limit] = frozenset()
    cooldowns: frozenset[Cooldown] = frozenset()
    disclosures: frozenset[Disclosure] = frozenset()
    forbidden_claims: frozenset[ForbiddenClaim] = frozenset()

    recording_required: bool = False
    recording_forbidden: bool = False
    recording_notice: Notice = "none"
    recording_if_refused: IfRefused = "continue_unrecorded"

    optout_channels: frozenset[str] = frozenset()
    optout_dtmf: frozenset[str] = frozenset()
    optout_scope: OptOutScope = "debt"
    suppression_lease_s: int | None = None
    voicemail: Voicemail = "limited_content"

    caller_number_classes: frozenset[str] | None = None
    """None: any."""
    numbers_per_callee_30d: int | None = None
    min_ring_s: int = 0
    silent_after_ms: int | None = None

    audit_min_days: int = 0
    audit_max_days: int | None = None
    recording_min_days: int = 0
    recording_max_days: int | None = None

    def digest(self) -> str:
        """Return the SHA-256 of everything above, the same however the packs were put together."""
        return hashlib.sha256(canonical_json(self).encode()).hexdigest()

    def roles_before(self, moment: Moment) -> frozenset[str]:
        """Return the prompt roles that must have been said before `moment`."""
        return frozenset(role for rule in self.disclosures if rule.before == moment for role in rule.must_say)


def normal_hours(pieces: Iterable[tuple[int, int]]) -> Hours:
    """Return the union of `pieces`, sorted and disjoint; empty pieces vanish."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(pieces):
        if start >= end:
            continue
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return tuple(joined)


def common_hours(ours: Hours, theirs: Hours) -> Hours:
    """Return the minutes open in both."""
    return normal_hours((max(a, c), min(b, d)) for a, b in ours for c, d in theirs)
