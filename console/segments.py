"""Which conversation works with whom: people by what earlier calls came to, flows compared within each, a person decides.

A segment is what the office itself has lived through with somebody: nothing yet, a talk, a promise that stands, was kept
or was broken. Nothing else about a person is used; see `strategy`.
"""

import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime, tzinfo
from enum import StrEnum
from statistics import NormalDist

import msgspec
from sqlalchemy import Connection, select

from console.corrections import wilson
from console.ledger_tables import CONTACT, OUTCOME, PROMISE
from console.promise_settling import GRACE
from console.strategy import ENOUGH_A_VERSION, ENOUGH_PROMISES


class Segment(StrEnum):
    """What earlier talks with somebody came to."""

    NEW = "new"
    SPOKEN = "spoken_to"
    PROMISED = "promised"
    KEPT = "kept"
    BROKEN = "broken"


MEANINGS: Mapping[Segment, str] = {
    Segment.NEW: "no earlier talk with them",
    Segment.SPOKEN: "spoken to before, the last time without a promise",
    Segment.PROMISED: "the last talk ended in a promise that still stands",
    Segment.KEPT: "kept their last promise",
    Segment.BROKEN: "broke their last promise",
}


class FlowInSegment(msgspec.Struct, kw_only=True, frozen=True):
    """One flow beside the one that most talks of this segment used."""

    segment: Segment
    flow: str
    usual: str
    talks: tuple[int, int]
    """Of the flow, of the usual one."""
    promises: tuple[int, int]
    difference: float
    least: float
    most: float
    """Newcombe's interval of the difference, widened for the number of comparisons, so that all hold 19 times of 20."""
    verdict: str
    """better, worse, or open."""
    reason: str


class FlowForPerson(msgspec.Struct, kw_only=True, frozen=True):
    """Which conversation may work better with somebody, and why."""

    person: str
    segment: Segment
    flow: str
    """Empty for the usual one: nothing is surely better."""
    reason: str


class _Talk(msgspec.Struct, kw_only=True, frozen=True):
    person: str
    at_ms: int
    flow: str
    has_promised: bool
    last_due: str
    kept_on: str | None

    def standing_on(self, day: date) -> Segment:
        """Return what this talk, as the last one, makes of the person on a later day."""
        if not self.has_promised:
            return Segment.SPOKEN
        if self.kept_on is not None and self.kept_on <= day.isoformat():
            return Segment.KEPT
        return Segment.BROKEN if self.last_due < (day - GRACE).isoformat() else Segment.PROMISED


def compare_flows(connection: Connection, zone: tzinfo) -> list[FlowInSegment]:
    """Return each flow beside the usual one of its segment; from too little nothing is concluded."""
    counts: dict[Segment, dict[str, tuple[int, int]]] = {}
    before: _Talk | None = None
    for talk in _talks(connection):
        segment = Segment.NEW
        if before is not None and before.person == talk.person:
            segment = before.standing_on(_day(talk.at_ms, zone))
        of_flow = counts.setdefault(segment, {})
        n, hits = of_flow.get(talk.flow, (0, 0))
        of_flow[talk.flow] = (n + 1, hits + talk.has_promised)
        before = talk
    usual = {
        segment: max(flows, key=lambda flow: (flows[flow][0], flow)) for segment, flows in counts.items()
    }
    n_comparisons = sum(len(flows) - 1 for flows in counts.values())
    return [
        _compared(segment, flow, usual[segment], counts[segment], n_comparisons)
        for segment in Segment
        for flow in sorted(counts.get(segment, {}))
        if flow != usual[segment]
    ]


def flow_for_each(connection: Connection, campaign: str, zone: tzinfo, now: datetime) -> list[FlowForPerson]:
    """Return for everybody of a campaign what earlier talks came to, and the flow that surely works better with such people."""
    better: dict[Segment, FlowInSegment] = {}
    for each in compare_flows(connection, zone):
        best = better.get(each.segment)
        if each.verdict == "better" and (best is None or each.least > best.least):
            better[each.segment] = each
    asked = (
        select(CONTACT.c.person).where(CONTACT.c.campaign == campaign).distinct().order_by(CONTACT.c.person)
    )
    people = connection.execute(asked).scalars().all()
    last = {talk.person: talk for talk in _talks(connection)}
    today, found = now.astimezone(zone).date(), []
    for person in people:
        talk = last.get(person)
        segment = Segment.NEW if talk is None else talk.standing_on(today)
        best = better.get(segment)
        if best is None:
            reason = f"{MEANINGS[segment]}; no flow is surely better with such people"
        else:
            reason = f"{MEANINGS[segment]}; with such people {best.reason}"
        found.append(
            FlowForPerson(person=person, segment=segment, flow=best.flow if best else "", reason=reason)
        )
    return found


def _talks(connection: Connection) -> Iterable[_Talk]:
    same = (PROMISE.c.box == OUTCOME.c.box) & (PROMISE.c.attempt == OUTCOME.c.attempt)
    asked = (
        select(
            OUTCOME.c.person, OUTCOME.c.reserved_at, OUTCOME.c.flow, PROMISE.c.attempt, PROMISE.c.last_due,
            PROMISE.c.kept_on,
        )
        .outerjoin_from(OUTCOME, PROMISE, same)
        .where(OUTCOME.c.right_party & (OUTCOME.c.flow != ""))
        .order_by(OUTCOME.c.person, OUTCOME.c.reserved_at, OUTCOME.c.attempt)
    )  # fmt: skip
    for row in connection.execution_options(yield_per=5000).execute(asked):
        yield _Talk(
            person=row.person,
            at_ms=row.reserved_at,
            flow=row.flow,
            has_promised=row.attempt is not None,
            last_due=row.last_due or "",
            kept_on=row.kept_on,
        )


def _compared(
    segment: Segment, flow: str, usual: str, counts: Mapping[str, tuple[int, int]], n_comparisons: int
) -> FlowInSegment:
    (n, hits), (n_usual, hits_usual) = counts[flow], counts[usual]
    z = NormalDist().inv_cdf(1 - 0.025 / max(n_comparisons, 1))
    share, share_usual = hits / n, hits_usual / n_usual
    (least_a, most_a), (least_b, most_b) = wilson(hits, n, z), wilson(hits_usual, n_usual, z)
    difference = share - share_usual
    least = difference - math.hypot(share - least_a, most_b - share_usual)
    most = difference + math.hypot(most_a - share, share_usual - least_b)
    fewest = min(hits, n - hits, hits_usual, n_usual - hits_usual)
    told = f"{flow} led to {hits} promises in {n} talks, {usual} to {hits_usual} in {n_usual}"
    if min(n, n_usual) < ENOUGH_A_VERSION or fewest < ENOUGH_PROMISES:
        verdict = "open"
        reason = (
            f"{told}: too little, each needs {ENOUGH_A_VERSION} talks, {ENOUGH_PROMISES} of them with and without a "
            "promise"
        )
    elif least > 0 or most < 0:
        verdict, reason = "better" if least > 0 else "worse", told
    else:
        verdict, reason = "open", f"{told}: chance alone can make such a difference"
    return FlowInSegment(
        segment=segment,
        flow=flow,
        usual=usual,
        talks=(n, n_usual),
        promises=(hits, hits_usual),
        difference=round(difference, 4),
        least=round(least, 4),
        most=round(most, 4),
        verdict=verdict,
        reason=reason,
    )


def _day(at_ms: int, zone: tzinfo) -> date:
    return datetime.fromtimestamp(at_ms / 1000, zone).date()
