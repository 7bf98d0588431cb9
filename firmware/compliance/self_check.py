"""Forbidden calls put to the real gate: what it wrongly allows is a reason not to dial at all."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta

from firmware.compliance.call import BoxState, CallOrder, History, PastAttempt, Point, SuppressionEntry
from firmware.compliance.decision import Outcome
from firmware.compliance.errors import ComplianceError
from firmware.compliance.gate import Gate
from firmware.compliance.opening_hours import zone_named
from firmware.compliance.pack import MINUTES_A_DAY
from firmware.compliance.policy import Policy
from firmware.compliance.red_lines import EARLIEST_MINUTE, LATEST_MINUTE
from firmware.values import E164, PersonId

SAMPLES = {
    "CN": ("+8613800138000", "+8613900139000", "Asia/Shanghai"),
    "HK": ("+85291234567", "+85291234568", "Asia/Hong_Kong"),
    "TW": ("+886912345678", "+886912345679", "Asia/Taipei"),
    "GB": ("+442079460000", "+442079460001", "Europe/London"),
    "DE": ("+493012345678", "+4915112345678", "Europe/Berlin"),
    "FR": ("+33612345678", "+33937123456", "Europe/Paris"),
    "ES": ("+34612345678", "+34911234567", "Europe/Madrid"),
    "IT": ("+393331234567", "+393331234568", "Europe/Rome"),
    "IN": ("+919876543210", "+911600123456", "Asia/Kolkata"),
    "US": ("+13035550123", "+13035550124", "America/Denver"),
    "US-MA": ("+16175550123", "+16175550124", "America/New_York"),
    "US-WA": ("+12065550123", "+12065550124", "America/Los_Angeles"),
    "US-NY-NYC": ("+12125550123", "+12125550124", "America/New_York"),
    "US-DC": ("+12025550123", "+12025550124", "America/New_York"),
    "US-WV": ("+13045550123", "+13045550124", "America/New_York"),
    "US-FL": ("+13055550123", "+13055550124", "America/New_York"),
    "US-CA": ("+13105550123", "+13105550124", "America/Los_Angeles"),
    "BR": ("+5571987654321", "+5571987654322", "America/Bahia"),
    "BR-SP": ("+5511987654321", "+5511987654322", "America/Sao_Paulo"),
    "BR-RJ": ("+5521987654321", "+5521987654322", "America/Sao_Paulo"),
    "BR-ES": ("+5527987654321", "+5527987654322", "America/Sao_Paulo"),
    "BR-AM": ("+5592987654321", "+5592987654322", "America/Manaus"),
    "BR-AL": ("+5582987654321", "+5582987654322", "America/Maceio"),
    "MX": ("+525512345678", "+525512345679", "America/Mexico_City"),
    "PH": ("+639171234567", "+639171234568", "Asia/Manila"),
    "KE": ("+254712345678", "+254712345679", "Africa/Nairobi"),
    "NG": ("+2348031234567", "+2348031234568", "Africa/Lagos"),
    "CO": ("+573001234567", "+573001234568", "America/Bogota"),
    "CA-ON": ("+14165550123", "+14165550124", "America/Toronto"),
}
"""A callable number, an own number and a zone for each jurisdiction this check knows how to call."""
NEVER_CALLED = {
    "emergency number": "+86110",
    "short code": "+8612345",
    "premium-rate number": "+449098790000",
    "shared-cost number": "+448453331111",
    "company number": "+864001234567",
    "toll-free number": "+448001111111",
    "vacant range": "+8610000000000",
    "no number at all": "call me",
    "number with a trunk zero": "+4402079460000",
    "number without rules": "+81312345678",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One call; the good one, or one that differs from it in a single respect."""

    name: str
    order: CallOrder
    history: History
    box: BoxState
    now: datetime
    points: tuple[Point, ...] = (Point.ENQUEUE, Point.PREDIAL, Point.ANSWER)


def self_check(gate: Gate) -> list[str]:
    """Return what the gate wrongly allowed; empty when it is fit."""
    wrong = []
    for country in sorted(
        {place for pack in gate.library.packs for place in pack.pack.jurisdiction} & set(SAMPLES)
    ):
        good = lawful_call(gate, country)
        if good is None:
            continue  # not approved, withdrawn or expired: nothing is allowed there, as it should be
        for case in _forbidden(gate, good):
            for point in case.points:
                decision = gate.decide(case.order, case.history, case.box, case.now, point)
                if decision.outcome is Outcome.ALLOW:
                    wrong.append(f"{country}: {case.name} was allowed at {point}")
    return wrong


def lawful_call(gate: Gate, country: str) -> _Case | None:
    """Return a call that the gate allows at the start of an open day; None when it allows none."""
    number, own, zone = SAMPLES[country]
    order = CallOrder(
        campaign="self-check",
        contact="self-check",
        person=PersonId("self-check"),
        debt="self-check",
        number=E164(number),
        region=country,
        time_zone=zone,
        status="open",
        consents=_all_on_file(gate, number, country),
        max_call_s=300,
        language="en",
        caller_number=E164(own),
    )
    now = max(
        datetime.combine(pack.pack.effective_from, time(), UTC) for pack in gate.library.packs
    ) + timedelta(days=60)
    for _ in range(3):
        good = _Case(name="lawful", order=order, history=History(), box=_fit_box(now), now=now)
        decision = gate.decide(order, good.history, good.box, now, Point.PREDIAL)
        if decision.outcome is Outcome.ALLOW:
            return good
        if decision.until is None:
            return None
        now = decision.until
    return None


def _forbidden(gate: Gate, good: _Case) -> Iterator[_Case]:
    order, box, now = good.order, good.box, good.now
    policy = gate.policy_for(order.number, order.region)
    yield from _bad_hours(good, policy)
    if policy.consents or policy.notices_required:
        yield replace(good, name="call without consent or notice", order=replace(order, consents=()))
    no_number = replace(order, caller_number=E164("+8610000000000"))
    yield replace(good, name="own number that is none", order=no_number)
    for status in sorted(policy.status_blocks | {"", "Open", "unheard of"}):
        yield replace(good, name=f"status {status!r}", order=replace(order, status=status))
    for name, number in NEVER_CALLED.items():
        yield replace(good, name=name, order=replace(order, number=E164(number), region=None))
    yield replace(good, name="region without rules", order=replace(order, region="ZZ"))
    yield replace(good, name="unreadable region", order=replace(order, region="somewhere"))
    yield replace(good, name="unknown time zone", order=replace(order, time_zone="Mars/Olympus"))
    yield replace(good, name="a zone at night", order=replace(order, time_zone=_night_zone(now)))
    for name, entry in {
        "suppressed person": SuppressionEntry(person=order.person, reason="opt_out", at=now),
        "suppressed number": SuppressionEntry(
            number=order.number, scope="number", reason="wrong_number", at=now
        ),
        "suppressed debt": SuppressionEntry(debt=order.debt, scope="debt", reason="dispute", at=now),
    }.items():
        yield replace(good, name=name, history=History(suppressions=(entry,)))
    for name, bad_box in {
        "untrusted clock": replace(box, clock_trusted=False, clock_reason="self-check"),
        "broken audit log": replace(box, audit_healthy=False),
        "unconfirmed suppressions": replace(box, suppressions_confirmed_at=None),
        "stale suppressions": replace(
            box, suppressions_confirmed_at=now - timedelta(days=8), suppression_lease_s=10**9
        ),
    }.items():
        yield replace(good, name=name, box=bad_box)
    yield replace(good, name="naive clock", now=now.replace(tzinfo=None))
    before = (Point.ENQUEUE, Point.PREDIAL)
    yield replace(
        good, name="silent call", box=replace(box, audio_ready=False), points=(Point.PREDIAL, Point.ANSWER)
    )
    yield replace(
        good, name="call that cannot end in time", order=replace(order, max_call_s=86400), points=before
    )
    yield replace(good, name="call without an end", order=replace(order, max_call_s=0))
    for name, attempts in _worn_out(good).items():
        yield replace(good, name=name, history=History(attempts=attempts), points=before)
    talked = _attempt(good, timedelta(days=1), connected=True, conversation=True, disposition="no_decision")
    yield replace(good, name="second conversation in a week", history=History(attempts=(talked,)))
    other = _attempt(good, timedelta(days=20), line_number="+8613700137000")
    yield replace(good, name="second own number", history=History(attempts=(other,)))


def _bad_hours(good: _Case, policy: Policy) -> Iterator[_Case]:
    zone = zone_named(good.order.time_zone or "UTC")
    midnight = good.now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    edges = [(0, 0), (180, 0), (EARLIEST_MINUTE - 1, 59), (LATEST_MINUTE, 0), (23 * 60 + 59, 59)]
    hours = policy.week[midnight.weekday()]
    if hours and hours[0][0] > 0:
        edges.append((hours[0][0] - 1, 59))
    if hours and hours[-1][1] < MINUTES_A_DAY:
        edges.append((hours[-1][1], 0))
    for minute, second in edges:
        at = (midnight + timedelta(minutes=minute, seconds=second)).astimezone(UTC)
        yield replace(
            good, name=f"call at {minute // 60:02d}:{minute % 60:02d}:{second:02d}", now=at, box=_fit_box(at)
        )


def _worn_out(good: _Case) -> dict[str, tuple[PastAttempt, ...]]:
    day, hour = timedelta(days=1), timedelta(hours=1)
    return {
        "second attempt within 4 hours": (_attempt(good, 3 * hour),),
        "third attempt in 24 hours": (_attempt(good, 5 * hour), _attempt(good, 20 * hour)),
        "fourth attempt in 7 days": (
            _attempt(good, 2 * day),
            _attempt(good, 4 * day),
            _attempt(good, 6 * day),
        ),
        "the same number under another person's id": tuple(
            replace(_attempt(good, n * day), person=PersonId(f"other {n}")) for n in (2, 4, 6)
        ),
        "call after an abandoned one": (
            _attempt(good, day, connected=True, disposition="technical_failure"),
        ),
        "attempt in the future": (_attempt(good, -hour),),
    }


def _attempt(
    good: _Case,
    ago: timedelta,
    *,
    connected: bool = False,
    conversation: bool = False,
    disposition: str = "no_answer",
    line_number: str | None = None,
) -> PastAttempt:
    return PastAttempt(
        person=good.order.person,
        debt=good.order.debt,
        number=good.order.number,
        line_number=line_number or good.order.caller_number,
        reserved_at=good.now - ago,
        connected=connected,
        conversation=conversation,
        disposition=disposition,
    )


def _fit_box(now: datetime) -> BoxState:
    return BoxState(
        clock_trusted=True,
        clock_reason="",
        suppressions_confirmed_at=now,
        suppression_lease_s=3600,
        audit_healthy=True,
        audio_ready=True,
    )


def _all_on_file(gate: Gate, number: str, country: str) -> tuple[str, ...]:
    try:
        policy = gate.policy_for(number, country)
    except ComplianceError:
        return ()
    consents = {kind for group in policy.consents for needed in group for kind in needed}
    return tuple(sorted(consents | policy.notices_required))


def _night_zone(now: datetime) -> str:
    # Etc/GMT signs run the other way round: Etc/GMT-3 is three hours ahead of UTC.
    ahead = (3 - now.astimezone(UTC).hour + 12) % 24 - 12
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"
