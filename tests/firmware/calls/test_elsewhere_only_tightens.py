"""What the console tells of people elsewhere: whatever it is, the gate never allows more than without it."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.calls.elsewhere import as_past, known_from, narrowed
from firmware.compliance import Approval, Gate, load_packs
from firmware.compliance.call import BoxState, CallOrder, Channel, History, PastAttempt, Point
from firmware.compliance.decision import Decision, Outcome
from firmware.store.elsewhere import StoredElsewhere
from firmware.values import E164, Disposition, PersonId

NOW = datetime.fromisoformat("2026-11-24T10:00:00+08:00")
GATE = Gate(load_packs(), [Approval(pack=name, version=1, by="Li Wei") for name in ("floor", "cn")])
SEVERITY = (Outcome.ALLOW, Outcome.DEFER, Outcome.HOLD, Outcome.REFUSE)
NUMBER, OTHER = E164("+8613800138000"), E164("+8613800138009")
OWN = E164("+8613123456600")
BOX = BoxState(
    clock_trusted=True,
    clock_reason="",
    suppressions_confirmed_at=NOW,
    suppression_lease_s=86400,
    audit_healthy=True,
    audio_ready=True,
)
ORDER = CallOrder(
    campaign="c",
    contact="k",
    person=PersonId("p"),
    debt="d",
    number=NUMBER,
    region="CN-SH",
    time_zone="Asia/Shanghai",
    status="open",
    consents=("a", "b"),
    max_call_s=240,
    language="zh-CN",
    caller_number=OWN,
)
AGO = st.integers(-400, 60 * 24 * 40).map(lambda minutes: NOW - timedelta(minutes=minutes))
DISPOSITIONS = st.sampled_from([None, *(each.value for each in Disposition), "unheard_of"])
PERSONS = st.sampled_from([PersonId("p"), PersonId("q")])
DEBTS = st.sampled_from(["d", "e"])
NUMBERS = st.sampled_from([NUMBER, OTHER])
OWN_ATTEMPTS = st.builds(
    PastAttempt,
    person=PERSONS,
    debt=DEBTS,
    number=NUMBERS,
    line_number=st.just(OWN),
    reserved_at=AGO,
    connected=st.booleans(),
    conversation=st.booleans(),
    disposition=DISPOSITIONS,
)
TOLD = st.builds(
    StoredElsewhere,
    contact=st.uuids().map(str),
    person=PERSONS,
    number=NUMBERS,
    debt=st.one_of(st.none(), DEBTS),
    channel=st.sampled_from([each.value for each in Channel]),
    at=AGO,
    connected=st.booleans(),
    conversation=st.booleans(),
    disposition=DISPOSITIONS,
)
FACTS = st.fixed_dictionaries(
    {},
    optional={
        "revoked": st.lists(st.sampled_from(["a", "b", "z"])),
        "status": st.sampled_from(["open", "paid", "whatever"]),
        "number_reassigned_at": AGO.map(datetime.isoformat),
        "hours": st.sampled_from(["09:00-12:00", "10:00-10:30", "11:00-19:00", "00:00-24:00"]),
    },
)


def ask(attempts: Any, order: CallOrder, at: datetime, point: Point) -> Decision:
    return GATE.decide(order, History(attempts=tuple(attempts)), BOX, at, point)


@settings(max_examples=150, deadline=None)
@given(
    own=st.lists(OWN_ATTEMPTS, max_size=4),
    told=st.lists(TOLD, max_size=5),
    facts=st.lists(FACTS, max_size=3),
    at=st.integers(0, 14 * 24 * 12).map(lambda steps: NOW + timedelta(minutes=5 * steps)),
    point=st.sampled_from(list(Point)),
)
def test_the_gate_never_allows_more(own: Any, told: Any, facts: Any, at: datetime, point: Point) -> None:
    """Neither more, nor sooner, at any of the three points."""
    without = ask(own, ORDER, at, point)
    order = narrowed(ORDER, known_from([msgspec.json.encode(fact).decode() for fact in facts]))
    told_too = ask([*own, *map(as_past, told)], order, at, point)
    assert SEVERITY.index(told_too.outcome) >= SEVERITY.index(without.outcome)
    if told_too.until is not None and without.until is not None:
        assert told_too.until >= without.until


def test_a_callback_agreed_elsewhere_waives_nothing_here() -> None:
    talk = as_past(
        StoredElsewhere(
            contact="x", person=PersonId("p"), number=NUMBER, debt="d", channel="agent",
            at=NOW - timedelta(hours=20), connected=True, conversation=True, disposition="callback_set",
        )
    )  # fmt: skip
    assert ask([talk], ORDER, NOW, Point.PREDIAL).outcome is Outcome.DEFER


def test_everything_that_was_learnt_counts_together() -> None:
    facts = [
        '{"hours":"09:00-12:00","revoked":["a"]}',
        '{"hours":"11:00-19:00","status":"paid"}',
        '{"status":"open"}',
    ]
    for order in (facts, facts[::-1]):
        found = narrowed(ORDER, known_from(order))
        assert found.stated_hours == (((660, 720),),) * 7
        assert (found.status, found.consents) == ("paid", ("b",))
