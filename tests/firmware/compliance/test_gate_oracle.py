"""The gate against a second, slow and plain reading of the same packs. The million: benchmarks/gate_oracle.py."""

import random
from datetime import timedelta
from typing import Any

from firmware.compliance import (
    BoxState,
    CallOrder,
    Decision,
    Gate,
    History,
    Outcome,
    PastAttempt,
    Point,
    SuppressionEntry,
)
from firmware.values import E164, PersonId
from tests.firmware.compliance.plain_reading import HORIZON, SECOND, Case, Reading, random_case

CASES = 700


def ask(gate: Gate, case: Case, at: Any = None) -> Decision:
    """Put a case to the gate."""
    now = at or case.at
    order = CallOrder(
        campaign="oracle",
        contact="row",
        person=PersonId("person-1"),
        debt="debt-1",
        number=E164(case.callee.number),
        region=case.region,
        time_zone=case.stated_zone,
        status=case.status,
        consents=tuple(sorted(case.on_file)),
        max_call_s=case.max_call_s,
        language="en",
        caller_number=E164(case.own) if case.own else None,
    )
    attempts = tuple(
        PastAttempt(
            person=PersonId(past.person),
            debt=past.debt,
            number=E164(past.number),
            line_number=past.own,
            reserved_at=past.at,
            connected=past.connected,
            conversation=past.conversation,
            disposition=past.disposition,
            channel=past.channel,
        )
        for past in case.past
    )
    suppressions = tuple(SuppressionEntry(**entry, reason="opt_out", at=case.at) for entry in case.suppressed)
    box = BoxState(
        clock_trusted=case.unfit != "clock",
        clock_reason="",
        suppressions_confirmed_at=now - timedelta(seconds=case.lease_age_s),
        suppression_lease_s=86400,
        audit_healthy=case.unfit != "audit",
        audio_ready=True,
    )
    return gate.decide(
        order, History(attempts=attempts, suppressions=suppressions), box, now, Point(case.point)
    )


def disagreement(gate: Gate, case: Case, *, ask_again: bool) -> tuple[str, Outcome]:
    """Return what the gate and the plain reading disagree about, empty when they agree, and the outcome.

    `ask_again`: the gate is also asked at `until` and a second before.
    """
    reading = Reading(case)
    decision = ask(gate, case)
    outcome, until = decision.outcome, decision.until
    if reading.stop:
        # A refusal of any kind outweighs the hours; a hold may still be outweighed by an hour that never comes.
        wanted = {Outcome.REFUSE} if reading.stop == "refuse" else {Outcome.HOLD, Outcome.REFUSE}
        return ("" if outcome in wanted else f"{reading.stop} was {outcome}"), outcome
    if reading.allowed(case.at) != (outcome is Outcome.ALLOW):
        return f"{outcome} by {decision.rule}", outcome
    if outcome is Outcome.ALLOW:
        return "", outcome
    if outcome is not Outcome.DEFER or until is None:
        early = [
            at
            for at in reading.openings(case.at, case.at + HORIZON - timedelta(days=2))
            if reading.allowed(at)
        ]
        return (f"{outcome} by {decision.rule}, but open at {early[0]}" if early else ""), outcome
    if until <= case.at or until.microsecond or not reading.allowed(until):
        return f"until {until} is closed", outcome
    if until - SECOND >= case.at and reading.allowed(until - SECOND):
        return f"until {until} is late by a second at least", outcome
    early = [at for at in reading.openings(case.at, until) if reading.allowed(at)]
    if early:
        return f"until {until}, but open at {early[0]}", outcome
    if ask_again:
        if not ask(gate, case, until).is_allowed:
            return f"not allowed at {until} when asked then", outcome
        if until - SECOND > case.at and ask(gate, case, until - SECOND).is_allowed:
            return f"allowed a second before {until}", outcome
    return "", outcome


def test_the_gate_agrees_with_a_plain_reading_of_the_rules(scene: Any) -> None:
    """Same answer at the instant, and `until` is the very first allowed second after it."""
    dice = random.Random(20261123)
    seen = dict.fromkeys(Outcome, 0)
    for number in range(CASES):
        case = random_case(dice)
        wrong, outcome = disagreement(scene.gate, case, ask_again=True)
        assert not wrong, f"case {number}: {wrong}: {case}"
        seen[outcome] += 1
    assert seen[Outcome.ALLOW] > CASES / 25, f"the cases must not be all alike: {seen}"
    assert seen[Outcome.DEFER] > CASES / 4, f"the cases must not be all alike: {seen}"
    assert seen[Outcome.REFUSE] > CASES / 25, f"the cases must not be all alike: {seen}"
