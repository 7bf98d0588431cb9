"""One question to the gate as somebody asks it at a terminal, and its answer as plain values."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from firmware.compliance.call import CallOrder, Point
from firmware.compliance.decision import Decision
from firmware.compliance.gate import Gate
from firmware.compliance.history_file import HistoryFile, box_of, consents_of, history_of, stated_hours_of
from firmware.compliance.numbering import canonical_number
from firmware.compliance.opening_hours import zone_named
from firmware.values import E164, PersonId

SETTINGS = {
    "window": ("time.windows", "time.quiet_hours", "time.holiday_calendars"),
    "consent": ("gate.consent_any_of",),
    "notice": ("gate.notices_required",),
    "ALL-STS-1": ("gate.status_blocks",),
    "automation": ("gate.automation",),
    "person-must-call": ("gate.automation",),
    "caller-number": ("caller_id.number_class",),
    "suppressed": ("optout.scope",),
    "suppression-lease": ("optout.lease_s",),
}
"""Which settings of a pack a rule of the gate is made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the caller wants to know; whatever is left out is said in the answer's `assumed`."""

    number: str
    at: datetime
    region: str | None
    time_zone: str | None
    status: str | None
    consents: Sequence[str]
    person: str | None
    debt: str | None
    caller_number: str | None
    max_call_s: int
    point: Point | None
    history: HistoryFile


def order_of(question: Question) -> CallOrder:
    """Return the order that the question is about."""
    file = question.history
    on_file, dated = consents_of(file, question.at)
    return CallOrder(
        campaign="question",
        contact="question",
        person=PersonId(question.person or file.person or "person"),
        debt=question.debt or file.debt or "debt",
        number=E164(canonical_number(question.number) or question.number),
        region=question.region,
        time_zone=question.time_zone,
        status=question.status or file.status or "open",
        consents=tuple(dict.fromkeys((*question.consents, *on_file))),
        max_call_s=question.max_call_s,
        language="en",
        caller_number=E164(canonical_number(question.caller_number)) if question.caller_number else None,
        consented_at=dated,
        number_reassigned_at=file.number_reassigned_at,
        stated_hours=stated_hours_of(file),
    )


def point_of(question: Question) -> Point:
    """Return the point asked about: without an own number the gate is asked as when a contact is queued."""
    return question.point or (Point.PREDIAL if question.caller_number else Point.ENQUEUE)


def ask(gate: Gate, question: Question) -> tuple[CallOrder, Decision]:
    """Return the gate's word, and the order it is about."""
    order = order_of(question)
    box = box_of(question.history, question.at)
    history = history_of(question.history, order)
    return order, gate.decide(order, history, box, question.at, point_of(question))


def answer(gate: Gate, question: Question, *, approvals: str) -> dict[str, Any]:
    """Return the decision as values for JSON."""
    order, decision = ask(gate, question)
    assumed = (
        []
        if approvals != "assumed"
        else ["every shipped rule pack is approved (name --config to see this box's)"]
    )
    if question.history.box == type(question.history.box)():
        assumed.append(
            "the box is fit: clock trusted, suppression list confirmed now, audit log whole, prompts ready"
        )
    if not question.caller_number:
        assumed.append("an own number that the rules allow, and the one this person has seen before")
    return {
        "number": order.number,
        "region": order.region,
        "at": instant(question.at),
        "point": decision.point.value,
        "outcome": decision.outcome.value,
        "rule": decision.rule,
        "until": None if decision.until is None else instant(decision.until),
        "until_local": None if decision.until is None else _local(decision.until, decision.zones),
        "explanation": {"en": decision.explain("en"), "zh": decision.explain("zh")},
        "about_box": decision.about_box,
        "tried": [
            {
                "rule": tried.rule,
                "passed": tried.passed,
                "detail": tried.detail,
                "allowed_at": None if tried.allowed_at is None else instant(tried.allowed_at),
            }
            for tried in decision.tried
        ],
        "citations": _citations(gate, decision),
        "zones": list(decision.zones),
        "local": _local(question.at, decision.zones),
        "packs": list(decision.packs),
        "policy_digest": decision.policy_digest,
        "approvals": approvals,
        "max_call_s": order.max_call_s,
        "assumed": assumed,
    }


def _citations(gate: Gate, decision: Decision) -> list[dict[str, str]]:
    """Return what stands behind the rule that decided, in every pack that has it."""
    found = []
    for pack in gate.library.packs:
        if pack.pack.name in decision.packs:
            own = pack.citation_of(decision.rule)
            settings = [one for name in SETTINGS.get(decision.rule, ()) for one in pack.citations_for(name)]
            found += [(pack.pack.name, one) for one in dict.fromkeys([*settings, *([own] if own else [])])]
    return [
        {
            "pack": name,
            "rule": one.rule,
            "force": one.force,
            "source": one.source,
            "url": one.url,
            "confidence": one.confidence,
        }
        for name, one in found
    ]


def instant(at: datetime) -> str:
    """Return an instant as RFC 3339 in UTC, fractions only where there are any."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _local(at: datetime, zones: Sequence[str]) -> dict[str, str]:
    return {zone: f"{at.astimezone(zone_named(zone)):%a %Y-%m-%dT%H:%M:%S%z}" for zone in zones}
