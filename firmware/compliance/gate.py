"""The gate: may this call be placed now? Total: whatever goes wrong inside, the answer is no."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from firmware.compliance import red_lines
from firmware.compliance.call import CALL, BoxState, CallOrder, Channel, History, PastAttempt, Point
from firmware.compliance.caller_number import CallerNumberRule, caller_number_problem, number_seen_by
from firmware.compliance.decision import Decision, Outcome, RuleTried
from firmware.compliance.errors import ComplianceError, PolicyConflictError
from firmware.compliance.hearing import Hearing
from firmware.compliance.holiday_calendar import HolidayCalendars
from firmware.compliance.library import Approval, PackLibrary
from firmware.compliance.limits import CooldownRule, LimitRule, TimeRule
from firmware.compliance.merge import merge
from firmware.compliance.numbering import NumberFacts, number_facts
from firmware.compliance.opening_hours import OpenDays, OpeningHours, UnknownZoneError, zone_named
from firmware.compliance.pack import Cooldown, Limit, Pack
from firmware.compliance.place_zones import zones_of_region
from firmware.compliance.policy import Policy
from firmware.compliance.suppressions import suppressed_by
from firmware.compliance.written import (
    SMS_LIMITS,
    consent_problem,
    cooldowns_for_messages,
    is_message,
    limits_for_messages,
)
from firmware.compliance.written import number_problem as number_takes_no_messages

_PLACE = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3}){0,2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ruling:
    """The merged policy of some packs; of the floor alone where they contradict each other."""

    policy: Policy
    digest: str
    days: OpenDays
    limits: tuple[Limit, ...]
    """Sorted: the order of what was tried is the same wherever it is asked."""
    cooldowns: tuple[Cooldown, ...]
    conflict: PolicyConflictError | None


class Gate:
    """Judges orders by the red lines and by every rule pack that governs them."""

    def __init__(self, library: PackLibrary, approvals: Sequence[Approval]) -> None:
        self._library = library
        self._approved = {pack.pack.name for pack in library.packs if has_approval(pack, approvals)}
        self._rulings: dict[tuple[str, ...], _Ruling] = {}
        self._holidays = HolidayCalendars()

    @property
    def library(self) -> PackLibrary:
        """Return the packs this gate judges by."""
        return self._library

    def is_approved(self, pack: Pack) -> bool:
        """Return whether somebody here has approved this version of it."""
        return pack.pack.name in self._approved

    @property
    def history_days(self) -> int:
        """Return how far back `History.attempts` must reach for any rule of any pack."""
        spans = [
            limit.length // 86400 if limit.unit == "rolling_s" else limit.length for limit in self._limits()
        ]
        spans += [cooldown.days for pack in self._library.packs for cooldown in pack.cooldown]
        return max([30, *spans]) + 2

    def decide(
        self, order: CallOrder, history: History, box: BoxState, now: datetime, point: Point
    ) -> Decision:
        """Return whether `order` may go ahead at `now`, with every rule that was tried."""
        try:
            return self._decide(
                order, history, box, now.astimezone(UTC) if now.tzinfo else None, Point(point)
            )
        except Exception as error:
            # The one broad catch: every fault in here is a refusal. An error's text may repeat a number or a
            # name; its type does not.
            tried = RuleTried(rule="gate-error", passed=False, detail=type(error).__name__)
            return Decision(outcome=Outcome.REFUSE, rule="gate-error", tried=(tried,), about_box=True)

    def policy_for(self, number: str, region: str | None) -> Policy:
        """Return the merged policy for calls to `number`. Raises ComplianceError where there is none."""
        packs, unknown = self._library.governing(_places(number_facts(number), region), number)
        if unknown:
            raise ComplianceError(f"no rule pack for {', '.join(unknown)}")
        ruling = self._ruling(packs)
        if ruling.conflict is not None:
            raise ruling.conflict
        return ruling.policy

    def required_caller_number(self, order: CallOrder, history: History, now: datetime) -> str | None:
        """Return the own number this person has been called from lately and must go on seeing; None: any."""
        return number_seen_by(order, history.attempts, now)

    def warnings(self, now: datetime) -> list[str]:
        """Return what an operator should see to before it stops the calls."""
        today = now.date()
        soon = today + timedelta(days=60)
        found = []
        for pack in self._library.packs:
            head = pack.pack
            if not self.is_approved(pack):
                continue
            if head.review_by <= soon:
                found.append(
                    f"rule pack {head.name} must be reviewed by {head.review_by}: after that it does not dial"
                )
            for year in sorted({today.year, soon.year}):
                for calendar in self._holidays.undecided(pack.time.holiday_calendars, year):
                    found.append(
                        f"the public holidays of {calendar} in {year} are not known: possible days are closed"
                    )
        return found

    def _decide(
        self, order: CallOrder, history: History, box: BoxState, now: datetime | None, point: Point
    ) -> Decision:
        if now is None:
            raise ValueError("the gate is asked about an aware instant")
        hearing = Hearing(point)
        hearing.put("order", _order_problem(order))
        last_at = max((attempt.reserved_at for attempt in history.attempts), default=None)
        hearing.put(
            "clock", red_lines.clock_problem(now, box.clock_trusted, box.clock_reason, last_at), box=True
        )
        hearing.put("audit", "" if box.audit_healthy else "the audit log is broken or full", box=True)
        if point is not Point.ENQUEUE:
            hearing.put("audio", "" if box.audio_ready else "the prompts are not ready to be heard", box=True)

        facts = number_facts(order.number)
        packs, unknown = self._library.governing(_places(facts, order.region), order.number)
        ruling = self._ruling(packs)
        policy = ruling.policy
        hearing.governed_by(policy, ruling.digest)
        hearing.put("number", red_lines.number_problem(facts, policy.line_types_denied))
        hearing.put("unknown-jurisdiction", f"no rule pack for {', '.join(unknown)}" if unknown else "")
        hearing.put("pack-unapproved", self._approval_problem(packs), box=True)
        hearing.put("policy-conflict", str(ruling.conflict or ""), box=True)
        hearing.put("ALL-STS-1", _status_problem(order.status, policy))
        entry = suppressed_by(order, history.suppressions, policy.optout_scope)
        hearing.put("suppressed", "" if entry is None else f"{entry.scope}: {entry.reason}")
        lease = red_lines.lease_problem(
            now, box.suppressions_confirmed_at, box.suppression_lease_s, policy.suppression_lease_s
        )
        hearing.put("suppression-lease", lease, box=True)
        hearing.put("consent", _consent_problem(order, policy))
        if is_message(order):
            hearing.put("sms-consent", consent_problem(order))
            hearing.put("sms-number", number_takes_no_messages(facts))
        missing = sorted(policy.notices_required - frozenset(order.consents))
        hearing.put("notice", f"needs {', '.join(missing)}" if missing else "")
        hearing.put(
            "automation", "" if policy.automation != "forbidden" else "robot calls are forbidden here"
        )
        live = policy.automation in ("live_only", "robot_after_live_transfer")
        hearing.put("person-must-call", policy.automation if live else "", outcome=Outcome.HOLD)
        hearing.put("retention", _retention_problem(policy), outcome=Outcome.HOLD, box=True)
        shown = caller_number_problem(order.caller_number, policy.caller_number_classes, point)
        hearing.put("caller-number", shown)
        zones, zone_problem = _plausible_zones(facts, order, policy)
        hearing.put("zone", zone_problem)
        if zones:
            hearing.in_zones(zones, now)
            slack_s = red_lines.zone_slack_s(now, box.zones_known_until)
            rules = self._time_rules(order, history, ruling, zones, point, slack_s)
            hearing.put_time_rules(rules, now)
        return hearing.decision()

    def _time_rules(
        self,
        order: CallOrder,
        history: History,
        ruling: _Ruling,
        zones: Sequence[ZoneInfo],
        point: Point,
        slack_s: int,
    ) -> list[TimeRule]:
        policy, days = ruling.policy, ruling.days
        attempts: Sequence[PastAttempt] = history.attempts
        limits, cooldowns = ruling.limits, ruling.cooldowns
        # The last dial leaves room for ringing and the longest call: once answered, it only has to be inside.
        call_s, guard_s = order.max_call_s, policy.end_guard_s
        if point is Point.ANSWER:
            # The call's own reservation was counted before it was dialled.
            attempts = [
                attempt for attempt in attempts if attempt.disposition is not None or attempt.channel != CALL
            ]
            limits = tuple(limit for limit in limits if limit.count == "conversation")
            call_s = guard_s = 0
        if is_message(order):
            limits, cooldowns = limits_for_messages(limits), cooldowns_for_messages(cooldowns)
            call_s = guard_s = 0
        rules: list[TimeRule] = [
            red_lines.envelope(zones, call_s, slack_s),
            OpeningHours("window", days, zones, must_last_s=call_s + guard_s, slack_s=slack_s),
        ]
        if order.stated_hours is not None:
            rules.append(
                OpeningHours("stated-hours", order.stated_hours, zones, must_last_s=call_s + guard_s)
            )
        rules += [LimitRule(limit, order, attempts, zones) for limit in limits]
        if is_message(order):
            messages = [attempt for attempt in attempts if attempt.channel == Channel.SMS]
            rules += [LimitRule(limit, order, messages, zones) for limit in SMS_LIMITS]
        rules += [CooldownRule(cooldown, order, attempts, zones) for cooldown in cooldowns]
        if point is not Point.ENQUEUE or order.caller_number is not None:
            rules.append(CallerNumberRule(order, history.attempts, policy.numbers_per_callee_30d))
        return rules

    def _ruling(self, packs: tuple[Pack, ...]) -> _Ruling:
        key = tuple(pack.pack.name for pack in packs)
        if key not in self._rulings:
            self._rulings[key] = _ruling_of(packs, self._holidays)
        return self._rulings[key]

    def _approval_problem(self, packs: Sequence[Pack]) -> str:
        for pack in packs:
            if pack.pack.status != "published":
                return f"{pack.pack.name} is {pack.pack.status}"
            if not self.is_approved(pack):
                return f"nobody here has approved {pack.pack.name}"
        return ""

    def _limits(self) -> list[Limit]:
        return [limit for pack in self._library.packs for limit in pack.limit]


def has_approval(pack: Pack, approvals: Sequence[Approval]) -> bool:
    """Return whether one of `approvals` is of this very pack; an overlay can only tighten and needs none."""
    if pack.pack.layer == "overlay":
        return True
    given = [
        approval
        for approval in approvals
        if (approval.pack, approval.version) == (pack.pack.id, pack.pack.version) and approval.by.strip()
    ]
    return any(approval.digest in ("", pack.digest()) for approval in given)


def _order_problem(order: CallOrder) -> str:
    if order.max_call_s <= 0:
        return "a call needs a bound on how long it may last"
    if order.channel not in {Channel.CALL, Channel.SMS}:
        return "nobody is reached over this channel from here"
    if not (order.person and order.contact and order.campaign):
        return "person, contact and campaign must be named"
    return ""


def _places(facts: NumberFacts, region: str | None) -> set[str]:
    places = {facts.country or "the number's country"}
    if region is not None:
        places.add(region.upper() if _PLACE.fullmatch(region.upper()) else "the region on file")
    return places


def _plausible_zones(facts: NumberFacts, order: CallOrder, policy: Policy) -> tuple[list[ZoneInfo], str]:
    names = facts.zones | policy.zones | (frozenset({order.time_zone}) if order.time_zone else frozenset())
    region = (order.region or "").upper()
    if region and region != facts.country:
        # A country alone says nothing that its own number does not say better.
        names |= zones_of_region(region)
    try:
        zones = [zone_named(name) for name in sorted(names)]
    except UnknownZoneError:
        return [], "a time zone of the callee is not known"
    return zones, "" if zones else "no time zone is known for the callee"


def _status_problem(status: str, policy: Policy) -> str:
    if status in policy.status_blocks:
        return status
    return "" if status == red_lines.OPEN_STATUS else "a status this box does not know"


def _consent_problem(order: CallOrder, policy: Policy) -> str:
    given = frozenset(order.consents)
    if order.number_reassigned_at is not None:
        since = order.number_reassigned_at
        given &= frozenset(kind for kind, at in order.consented_at if at >= since)
    for alternatives in policy.consents:
        if not any(needed <= given for needed in alternatives):
            return "needs " + " or ".join(sorted("+".join(sorted(needed)) for needed in alternatives))
    return ""


def _retention_problem(policy: Policy) -> str:
    for what, least, most in (
        ("audit", policy.audit_min_days, policy.audit_max_days),
        ("recording", policy.recording_min_days, policy.recording_max_days),
    ):
        if most is not None and least > most:
            return f"{what} must be kept {least} days and may be kept {most}"
    return ""


def _ruling_of(packs: Sequence[Pack], holidays: HolidayCalendars) -> _Ruling:
    try:
        policy, conflict = merge(packs), None
    except PolicyConflictError as error:
        policy, conflict = merge(pack for pack in packs if pack.pack.layer == "floor"), error
    days = OpenDays(
        policy.week,
        closed_dates=policy.closed_dates,
        holidays=holidays,
        calendars=policy.holiday_calendars,
    )
    return _Ruling(
        policy=policy,
        digest=policy.digest(),
        days=days,
        limits=tuple(sorted(policy.limits, key=lambda limit: (limit.id, limit.window, limit.max))),
        cooldowns=tuple(sorted(policy.cooldowns, key=lambda cooldown: (cooldown.id, cooldown.days))),
        conflict=conflict,
    )
