"""What no pack, console, setting or key can allow. Values here are never read from anywhere."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from firmware.compliance.numbering import LineType, NumberFacts
from firmware.compliance.opening_hours import OpenDays, OpeningHours
from firmware.compliance.policy import Week

EARLIEST_MINUTE, LATEST_MINUTE = 8 * 60, 21 * 60
ENVELOPE: Week = (((EARLIEST_MINUTE, LATEST_MINUTE),),) * 7
"""Callee-local, every plausible zone, every day: red line 6."""
CALLABLE_LINES = frozenset({LineType.FIXED, LineType.MOBILE, LineType.FIXED_OR_MOBILE, LineType.VOIP})
"""Everything else is nobody's own telephone, costs extra, or is an emergency or service code: red line 11."""
OPEN_STATUS = "open"
MAX_LEASE_S = 7 * 86400
"""However lax box and packs are, a suppression list older than this is not dialled on: red line 7."""
MAX_CLOCK_DISAGREEMENT_S = 300
ZONES_GOOD_FOR = timedelta(days=180)
MAX_NUMBERS_PER_CALLEE_30D = 1
"""One person sees one number: red line 3."""


def envelope(zones: Sequence[ZoneInfo], must_last_s: int, slack_s: int = 0) -> OpeningHours:
    """Return the hours outside which nothing rings and nothing goes on."""
    return OpeningHours("hours-red-line", _days_of(ENVELOPE), zones, must_last_s=must_last_s, slack_s=slack_s)


@lru_cache(maxsize=4)
def _days_of(week: Week) -> OpenDays:
    return OpenDays(week)


def zone_slack_s(now: datetime, zones_known_until: date | None) -> int:
    """Return by how much old time-zone data may be wrong about a place that has changed its clocks since."""
    if zones_known_until is None or now.date() - zones_known_until <= ZONES_GOOD_FOR:
        return 0
    return 3600


def number_problem(facts: NumberFacts, line_types_denied: frozenset[str]) -> str:
    """Return why a number may never be dialled, or ``""``."""
    if facts.line_type not in CALLABLE_LINES and (facts.is_valid or facts.line_type is not LineType.UNKNOWN):
        return f"{facts.line_type} lines are never called"
    if not facts.is_valid:
        return "not a number that its country has opened, or not written in E.164 form"
    if facts.line_type in line_types_denied:
        return f"{facts.line_type} lines are denied by the rule packs"
    return ""


def lease_problem(
    now: datetime, confirmed_at: datetime | None, lease_s: int, pack_lease_s: int | None
) -> str:
    """Return why the suppression list cannot be relied on, or ``""``."""
    if confirmed_at is None:
        return "the console has not confirmed the suppression list yet"
    allowed_s = min(lease_s, MAX_LEASE_S if pack_lease_s is None else min(pack_lease_s, MAX_LEASE_S))
    age_s = (now - confirmed_at).total_seconds()
    if age_s < -MAX_CLOCK_DISAGREEMENT_S:
        return "the suppression list was confirmed in the future: box and console disagree about the time"
    if age_s > allowed_s:
        return f"the suppression list is {int(age_s)} s old, good for {allowed_s} s"
    return ""


def clock_problem(now: datetime, trusted: bool, reason: str, last_known_at: datetime | None) -> str:
    """Return why the clock cannot be relied on, or ``""``: it may not stand before what was recorded."""
    if not trusted:
        return reason or "the clock is not trusted"
    if last_known_at is not None and last_known_at > now + timedelta(seconds=MAX_CLOCK_DISAGREEMENT_S):
        return "an earlier attempt lies in the future: the clock went back"
    return ""
