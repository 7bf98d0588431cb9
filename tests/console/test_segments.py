"""Flows are compared among people with whom earlier calls came to the same; from too little nothing is concluded."""

import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from console.ledger import Arrival, Ledger
from console.ledger_tables import CONTACT, PROMISE
from console.office import Office
from console.segments import FlowInSegment, Segment, compare_flows, flow_for_each
from firmware.sync.messages import MoneyWire, OutcomeMessage, PromiseWire
from firmware.values import Disposition
from tests.console.command_line import said

ZONE = ZoneInfo("Asia/Shanghai")
FIRST = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
Outcome = Callable[..., OutcomeMessage]


class Calls:
    """Talks with right persons, one after the other."""

    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome
        self._numbers: Iterator[int] = count(1)
        self.made: list[Arrival] = []

    def talk(self, person: str, flow: str, *, day: int, due: date | None = None) -> str:
        seq, at = next(self._numbers), FIRST + timedelta(days=day)
        promise = None if due is None else PromiseWire(due=due, amount=MoneyWire(100, "CNY"), confirmed=True)
        told = self._outcome(
            seq, person=person, flow=flow, flow_version=1, right_party=True, reached=True, reserved_at=at, answered_at=at,
            ended_at=at, promise=promise, disposition=Disposition.PROMISE_FULL if due else Disposition.REFUSES,
        )  # fmt: skip
        self.made.append(Arrival(box="b1", message=told))
        return told.attempt


@pytest.fixture
def calls(outcome: Outcome) -> Calls:
    return Calls(outcome)


def found_in(ledger: Ledger) -> dict[tuple[Segment, str], FlowInSegment]:
    with ledger.reading() as rows:
        return {(each.segment, each.flow): each for each in compare_flows(rows, ZONE)}


def test_a_flow_that_works_better_with_some_is_named_for_them_alone(office: Office, calls: Calls) -> None:
    """New ones promise alike; of those who broke a promise more promise again after firm words."""
    for n in range(400):
        calls.talk(f"p{n}", "gentle", day=0, due=date(2026, 11, 3) if n < 300 else None)
    for n in range(400, 520):
        calls.talk(f"p{n}", "firm", day=0, due=date(2026, 11, 3) if n < 490 else None)
    for n in range(300):  # their promise is over by ten days
        is_firm = n % 2 == 0
        keeps = n % 10 < (6 if is_firm else 2)
        due = date(2026, 11, 25) if keeps else None
        calls.talk(f"p{n}", "firm" if is_firm else "gentle", day=14, due=due)
    ledger = Ledger(office.ledger)
    ledger.record(calls.made, seen_at=FIRST)
    found = found_in(ledger)
    assert {key: each.verdict for key, each in found.items()} == {
        (Segment.NEW, "firm"): "open",
        (Segment.BROKEN, "firm"): "better",
    }
    assert found[Segment.BROKEN, "firm"].talks == (150, 150)
    assert found[Segment.BROKEN, "firm"].promises == (90, 30)
    with ledger.transaction() as rows:
        for place, person in enumerate(("p2", "p299", "p350", "p420", "nobody")):
            rows.execute(
                CONTACT.insert(),
                {"box": "b1", "campaign": "dec", "contact": person, "place": place, "row": place, "person": person,
                 "number": "+8613123456701", "debt": None, "status": "open"},
            )  # fmt: skip
    with ledger.reading() as rows:
        asked = {each.person: each for each in flow_for_each(rows, "dec", ZONE, FIRST + timedelta(days=15))}
    assert {person: each.segment for person, each in asked.items()} == {
        "p2": Segment.PROMISED, "p299": Segment.SPOKEN, "p350": Segment.SPOKEN, "p420": Segment.BROKEN,
        "nobody": Segment.NEW,
    }  # fmt: skip
    assert {person for person, each in asked.items() if each.flow} == {"p420"}
    assert "firm led to 90 promises in 150 talks, gentle to 30 in 150" in asked["p420"].reason
    assert "no flow is surely better" in asked["nobody"].reason


def test_what_came_of_a_promise_is_what_was_known_on_the_day_of_the_call(
    office: Office, calls: Calls
) -> None:
    """A promise paid on the 9th stood on the 8th, was kept on the 10th, and unpaid is broken three days after its end."""
    kept = [calls.talk(f"k{n}", "a", day=0, due=date(2026, 11, 9)) for n in range(3)]
    calls.talk("k0", "b", day=6)
    calls.talk("k1", "b", day=8)
    for n in range(2):
        calls.talk(f"x{n}", "a", day=0, due=date(2026, 11, 9))
    calls.talk("x0", "b", day=10)
    calls.talk("x1", "b", day=11)
    calls.talk("k0", "b", day=20)
    ledger = Ledger(office.ledger)
    ledger.record(calls.made, seen_at=FIRST)
    with ledger.transaction() as rows:
        rows.execute(update(PROMISE).where(PROMISE.c.attempt.in_(kept)).values(kept_on="2026-11-09"))
    with ledger.reading() as rows:
        import console.segments as room

        seen = []
        before = None
        for talk in room._talks(rows):
            if before is not None and before.person == talk.person:
                day = datetime.fromtimestamp(talk.at_ms / 1000, ZONE).date()
                seen.append((talk.person, day.day, before.standing_on(day).value))
            before = talk
    assert seen == [
        ("k0", 8, "promised"), ("k0", 22, "spoken_to"), ("k1", 10, "kept"), ("x0", 12, "promised"), ("x1", 13, "broken"),
    ]  # fmt: skip


def test_many_equal_flows_rarely_differ(office: Office, calls: Calls) -> None:
    """Six flows that are one: of forty such offices at most a few see a difference, however many flows there are."""
    from console import segments as room

    dice, wrong = random.Random(3), 0
    for _office in range(40):
        counts = {f"f{n}": (150, sum(dice.random() < 0.4 for _ in range(150))) for n in range(6)}
        verdicts = [room._compared(Segment.NEW, f"f{n}", "f0", counts, 5).verdict for n in range(1, 6)]
        wrong += verdicts != ["open"] * 5
    assert wrong <= 4


def test_on_the_command_line(office: Office, calls: Calls, capsys: pytest.CaptureFixture[str]) -> None:
    for n in range(3):
        calls.talk(f"p{n}", "gentle", day=0)
    calls.talk("p9", "firm", day=0)
    ledger = Ledger(office.ledger)
    ledger.record(calls.made, seen_at=FIRST)
    ledger.close()
    code, out, _ = said(capsys, "strategy", "segments", "--office", office.folder, "--json")
    [found] = json.loads(out)
    assert (code, found["verdict"], found["talks"]) == (0, "open", [1, 3])
    assert "too little" in found["reason"]
    assert said(capsys, "strategy", "flows", "none", "--office", office.folder)[0] == 0
