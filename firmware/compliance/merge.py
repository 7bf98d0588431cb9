"""Many packs into one policy: the strictest of every rule wins, whatever the order or the repetition."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from functools import reduce
from typing import TypeVar, get_args

from firmware.compliance.errors import PolicyConflictError, WideningError
from firmware.compliance.pack import (
    DAYS,
    MINUTES_A_DAY,
    Automation,
    IfRefused,
    Notice,
    OptOutScope,
    Pack,
    TimeRules,
    Voicemail,
    minute_of,
)
from firmware.compliance.policy import ALL_DAY, Hours, Policy, Week, common_hours, normal_hours

# Each of these Literals is written from the loosest word to the strictest.
AUTOMATION: tuple[Automation, ...] = get_args(Automation)
NOTICE: tuple[Notice, ...] = get_args(Notice)
IF_REFUSED: tuple[IfRefused, ...] = get_args(IfRefused)
OPT_OUT_SCOPE: tuple[OptOutScope, ...] = get_args(OptOutScope)
VOICEMAIL: tuple[Voicemail, ...] = get_args(Voicemail)

OVERLAID = (
    "automation",
    "end_guard_s",
    "recording_notice",
    "recording_if_refused",
    "optout_scope",
    "suppression_lease_s",
    "voicemail",
    "caller_number_classes",
    "numbers_per_callee_30d",
    "min_ring_s",
    "silent_after_ms",
    "audit_min_days",
    "audit_max_days",
    "recording_min_days",
    "recording_max_days",
)
"""Fields of a policy where an overlay could name a looser value; sets can only grow and need no check."""

T = TypeVar("T")


def merge(packs: Iterable[Pack]) -> Policy:
    """Return what `packs` demand together. Raises PolicyConflictError where that cannot be done."""
    policy = reduce(meet, map(policy_of, packs), Policy())
    if problems := conflicts(policy):
        raise PolicyConflictError(problems)
    return policy


def meet(ours: Policy, theirs: Policy) -> Policy:
    """Return the loosest policy that satisfies both; commutative, associative, idempotent."""
    return Policy(
        packs=ours.packs | theirs.packs,
        effective_from=max(ours.effective_from, theirs.effective_from),
        effective_to=min(ours.effective_to, theirs.effective_to),
        review_by=min(ours.review_by, theirs.review_by),
        automation=_strictest(AUTOMATION, ours.automation, theirs.automation),
        consents=ours.consents | theirs.consents,
        notices_required=ours.notices_required | theirs.notices_required,
        licences_required=ours.licences_required | theirs.licences_required,
        line_types_denied=ours.line_types_denied | theirs.line_types_denied,
        status_blocks=ours.status_blocks | theirs.status_blocks,
        zones=ours.zones | theirs.zones,
        week=_common_week(ours.week, theirs.week),
        end_guard_s=max(ours.end_guard_s, theirs.end_guard_s),
        holiday_calendars=ours.holiday_calendars | theirs.holiday_calendars,
        closed_dates=ours.closed_dates | theirs.closed_dates,
        limits=ours.limits | theirs.limits,
        cooldowns=ours.cooldowns | theirs.cooldowns,
        disclosures=ours.disclosures | theirs.disclosures,
        forbidden_claims=ours.forbidden_claims | theirs.forbidden_claims,
        recording_required=ours.recording_required or theirs.recording_required,
        recording_forbidden=ours.recording_forbidden or theirs.recording_forbidden,
        recording_notice=_strictest(NOTICE, ours.recording_notice, theirs.recording_notice),
        recording_if_refused=_strictest(IF_REFUSED, ours.recording_if_refused, theirs.recording_if_refused),
        optout_channels=ours.optout_channels | theirs.optout_channels,
        optout_dtmf=ours.optout_dtmf | theirs.optout_dtmf,
        optout_scope=_strictest(OPT_OUT_SCOPE, ours.optout_scope, theirs.optout_scope),
        suppression_lease_s=_either(min, ours.suppression_lease_s, theirs.suppression_lease_s),
        voicemail=_strictest(VOICEMAIL, ours.voicemail, theirs.voicemail),
        caller_number_classes=_either(
            frozenset.intersection, ours.caller_number_classes, theirs.caller_number_classes
        ),
        numbers_per_callee_30d=_either(min, ours.numbers_per_callee_30d, theirs.numbers_per_callee_30d),
        min_ring_s=max(ours.min_ring_s, theirs.min_ring_s),
        silent_after_ms=_either(min, ours.silent_after_ms, theirs.silent_after_ms),
        audit_min_days=max(ours.audit_min_days, theirs.audit_min_days),
        audit_max_days=_either(min, ours.audit_max_days, theirs.audit_max_days),
        recording_min_days=max(ours.recording_min_days, theirs.recording_min_days),
        recording_max_days=_either(min, ours.recording_max_days, theirs.recording_max_days),
    )


def policy_of(pack: Pack) -> Policy:
    """Return what one pack demands by itself."""
    gate, times, opt_out, kept = pack.gate, pack.time, pack.optout, pack.retention
    return Policy(
        packs=frozenset({pack.pack.name}),
        effective_from=pack.pack.effective_from,
        effective_to=pack.pack.effective_to or date.max,
        review_by=pack.pack.review_by,
        automation=gate.automation,
        consents=frozenset({frozenset(gate.consent_any_of)}) if gate.consent_any_of else frozenset(),
        notices_required=gate.notices_required,
        licences_required=gate.licences_required,
        line_types_denied=gate.line_types_denied,
        status_blocks=gate.status_blocks,
        zones=times.zones,
        week=_week_of(times),
        end_guard_s=times.end_guard_s,
        holiday_calendars=times.holiday_calendars,
        closed_dates=times.extra_closed_dates,
        limits=frozenset(pack.limit),
        cooldowns=frozenset(pack.cooldown),
        disclosures=frozenset(pack.disclosure),
        forbidden_claims=frozenset(pack.forbidden_claim),
        recording_required=pack.recording.mode == "required",
        recording_forbidden=pack.recording.mode == "forbidden",
        recording_notice=pack.recording.notice,
        recording_if_refused=pack.recording.if_refused,
        optout_channels=opt_out.channels,
        optout_dtmf=opt_out.dtmf,
        optout_scope=opt_out.scope,
        suppression_lease_s=opt_out.lease_s,
        voicemail=pack.third_party.voicemail,
        caller_number_classes=None
        if pack.caller_id.number_class is None
        else frozenset(pack.caller_id.number_class),
        numbers_per_callee_30d=pack.caller_id.numbers_per_callee_30d,
        min_ring_s=pack.abandon.min_ring_s,
        silent_after_ms=pack.abandon.silent_after_ms,
        audit_min_days=kept.audit_min_days,
        audit_max_days=kept.audit_max_days,
        recording_min_days=kept.recording_min_days,
        recording_max_days=kept.recording_max_days,
    )


def conflicts(policy: Policy) -> tuple[str, ...]:
    """Return what the packs demand and forbid at once."""
    problems = []
    if policy.recording_required and policy.recording_forbidden:
        problems.append("recording is both required and forbidden")
    early = policy.roles_before("any_content")
    late = {role for rule in policy.disclosures if rule.after_verification for role in rule.must_say}
    problems += [
        f"{role!r} must be said before anything else, and only after the right party is verified"
        for role in sorted(early & late)
    ]
    if policy.caller_number_classes is not None and not policy.caller_number_classes:
        problems.append("no class of own number is allowed by every pack")
    return tuple(problems)


def tighten(base: Policy, overlay: Pack) -> Policy:
    """Return `base` with the console's overlay on top.

    Whatever the overlay leaves unsaid stays as it is. A merge could not widen either; but an overlay that
    tries shows that somebody expects a looser box, so it is refused whole rather than half obeyed.

    Raises:
        WideningError: the overlay would allow what the base forbids.
        PolicyConflictError: both together cannot be met.

    """
    wanted = policy_of(overlay)
    effective = meet(base, wanted)
    unsaid = Policy()
    looser = [
        name
        for name in OVERLAID
        if getattr(wanted, name) not in (getattr(unsaid, name), getattr(effective, name))
    ]
    says_hours = overlay.time.windows is not None or bool(overlay.time.quiet_hours)
    if says_hours and wanted.week != effective.week:
        looser.append("week")
    looser += _looser_limits(base, wanted)
    if looser:
        raise WideningError(tuple(looser))
    if problems := conflicts(effective):
        raise PolicyConflictError(problems)
    return effective


def _looser_limits(base: Policy, wanted: Policy) -> Iterable[str]:
    """Yield the limits and cool-downs that repeat one of the base, by id or by what it counts, with a looser figure."""
    for limit in sorted(wanted.limits, key=lambda limit: limit.id):
        same = [
            ours
            for ours in base.limits
            if ours.id == limit.id
            or (ours.count, ours.per, ours.window) == (limit.count, limit.per, limit.window)
        ]
        if any(limit.max > ours.max or (limit.waived_by and not ours.waived_by) for ours in same):
            yield f"limit {limit.id}"
    for cooldown in sorted(wanted.cooldowns, key=lambda cooldown: cooldown.id):
        alike = [
            ours
            for ours in base.cooldowns
            if ours.id == cooldown.id or (ours.after, ours.per) == (cooldown.after, cooldown.per)
        ]
        if any(cooldown.days < ours.days for ours in alike):
            yield f"cooldown {cooldown.id}"


def _week_of(times: TimeRules) -> Week:
    quiet = normal_hours(
        piece
        for rule in times.quiet_hours
        for piece in daily_pieces(minute_of(rule.start), minute_of(rule.end))
    )
    loud = complement(quiet)

    def hours(day: str) -> Hours:
        if times.windows is None:
            return loud
        pieces = [(minute_of(w.start), minute_of(w.end)) for w in times.windows if day in w.days]
        return common_hours(normal_hours(pieces), loud)

    mon, tue, wed, thu, fri, sat, sun = (hours(day) for day in DAYS)
    return (mon, tue, wed, thu, fri, sat, sun)


def daily_pieces(start: int, end: int) -> list[tuple[int, int]]:
    """Return hours of every day, which may cross midnight, as pieces of one day."""
    # 22:00-08:00 is closed [22:00, 24:00) and [00:00, 08:00) of every day; 08:00-08:00 is the whole day.
    return [(start, end)] if start < end else [(start, MINUTES_A_DAY), (0, end)]


def complement(hours: Hours) -> Hours:
    """Return the rest of the day."""
    edges = [0, *(edge for piece in hours for edge in piece), MINUTES_A_DAY]
    return normal_hours(zip(edges[::2], edges[1::2], strict=True)) if hours else ALL_DAY


def _common_week(ours: Week, theirs: Week) -> Week:
    mon, tue, wed, thu, fri, sat, sun = (common_hours(a, b) for a, b in zip(ours, theirs, strict=True))
    return (mon, tue, wed, thu, fri, sat, sun)


def _strictest(ranking: Sequence[T], ours: T, theirs: T) -> T:
    return max(ours, theirs, key=ranking.index)


def _either(strictest: Callable[[T, T], T], ours: T | None, theirs: T | None) -> T | None:
    if ours is None or theirs is None:
        return theirs if ours is None else ours
    return strictest(ours, theirs)
