"""Suggestions say why, say nothing from too little, and change nothing."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from console.cli import main
from console.ledger import Arrival, Ledger
from console.ledger_tables import CONTACT
from console.office import Office
from console.strategy import compared, when_to_call
from firmware.sync.messages import OutcomeMessage, PromiseWire
from firmware.values import Disposition

ZONE = ZoneInfo("Asia/Shanghai")
MORNING = datetime(2026, 11, 2, 1, 30, tzinfo=UTC)
"""09:30 at the branch."""
EVENING = datetime(2026, 11, 2, 11, 0, tzinfo=UTC)
Outcome = Callable[..., OutcomeMessage]


def call(outcome: Outcome, seq: int, at: datetime, *, answered: bool, **changes: object) -> Arrival:
    fields = {"reserved_at": at, "answered_at": at if answered else None, "ended_at": at, "person": "p01"}
    return Arrival(box="b1", message=outcome(seq, **(fields | changes)))


def test_a_person_is_called_when_they_answered(office: Office, outcome: Outcome) -> None:
    ledger = Ledger(office.ledger)
    calls = [call(outcome, n, MORNING + timedelta(days=n), answered=False) for n in range(1, 5)]
    calls += [call(outcome, n, EVENING + timedelta(days=n), answered=True) for n in range(5, 8)]
    ledger.record(calls, seen_at=MORNING)
    with ledger.reading() as rows:
        [found, unknown] = when_to_call(rows, ["p01", "p02"], ZONE)
    assert (found.when, found.attempts) == ("18-21", 7)
    assert "answered 3 of 3 calls in 18-21" in found.reason
    assert "7 calls to this person in all" in found.reason
    assert (unknown.when, unknown.attempts) == ("", 0), "seven calls to one person say nothing of another"


def test_of_an_unknown_person_everybodys_answers_are_said(office: Office, outcome: Outcome) -> None:
    ledger = Ledger(office.ledger)
    calls = [call(outcome, n, MORNING, answered=n % 5 == 0, person=f"q{n}") for n in range(1, 201)]
    calls += [call(outcome, n, EVENING, answered=n % 2 == 0, person=f"q{n}") for n in range(201, 401)]
    ledger.record(calls, seen_at=MORNING)
    with ledger.reading() as rows:
        [found] = when_to_call(rows, ["p01"], ZONE)
    assert found.when == "18-21"
    assert "100 of 200 answered" in found.reason


def test_the_weekday_is_said_like_the_hour(office: Office, outcome: Outcome) -> None:
    """On Tuesdays everybody answers half of the calls, on Mondays a fifth; one person answers on Thursdays."""
    ledger = Ledger(office.ledger)
    tuesday, thursday = MORNING + timedelta(days=1), MORNING + timedelta(days=3)
    calls = [call(outcome, n, MORNING, answered=n % 5 == 0, person=f"q{n}") for n in range(1, 201)]
    calls += [call(outcome, n, tuesday, answered=n % 2 == 0, person=f"q{n}") for n in range(201, 401)]
    calls += [call(outcome, n, MORNING, answered=False, person="p03") for n in range(401, 404)]
    calls += [call(outcome, n, thursday, answered=True, person="p03") for n in range(404, 407)]
    ledger.record(calls, seen_at=MORNING)
    with ledger.reading() as rows:
        [unknown, known] = when_to_call(rows, ["p01", "p03"], ZONE)
    assert (unknown.when, unknown.weekday, known.weekday) == ("", "2", "4")
    assert "100 of 200 answered on weekday 2" in unknown.reason
    assert "answered 3 of 3 calls on weekday 4" in known.reason


@pytest.mark.parametrize(
    ("older", "newer", "verdict"),
    [
        ((1, 50, 10), (2, 50, 40), "open"),
        ((1, 1000, 5), (2, 1000, 60), "open"),
        ((1, 400, 100), (2, 400, 110), "open"),
        ((1, 400, 100), (2, 400, 150), "better"),
        ((1, 400, 150), (2, 400, 100), "worse"),
    ],
)
def test_nothing_is_concluded_from_too_little(
    older: tuple[int, int, int], newer: tuple[int, int, int], verdict: str
) -> None:
    found = compared("reminder", older, newer)
    assert found.verdict == verdict
    assert found.reason


def test_the_interval_of_a_difference_is_newcombes() -> None:
    """Newcombe 1998 (method 10): 56 of 70 less 48 of 80 is 0.2, from 0.0524 to 0.3339."""
    found = compared("x", (1, 80, 48), (2, 70, 56))
    assert (found.difference, found.least, found.most) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)


def test_versions_of_the_same_flow_rarely_differ() -> None:
    """Of equal versions about one in twenty comparisons concludes anything, as an interval of 95 % promises."""
    import random

    dice = random.Random(8)
    verdicts = []
    for _ in range(400):
        hits = [sum(dice.random() < 0.3 for _ in range(200)) for _ in range(2)]
        verdicts.append(compared("x", (1, 200, hits[0]), (2, 200, hits[1])).verdict)
    assert verdicts.count("open") >= 370


def test_strategy_on_the_command_line(
    office: Office, outcome: Outcome, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = Ledger(office.ledger)
    with ledger.transaction() as rows:
        for n in (1, 2):
            rows.execute(
                CONTACT.insert(),
                {"box": "b1", "campaign": "nov", "contact": f"c0{n}", "place": n, "row": n, "person": f"p0{n}",
                 "number": f"+861312345670{n}", "debt": None, "status": "open"},
            )  # fmt: skip
    promise = PromiseWire(due=date(2026, 11, 27), amount=None, confirmed=True)
    calls = [
        call(outcome, n, EVENING, answered=True, person="p02", right_party=True, flow="f", flow_version=1 + n % 2,
             disposition=Disposition.PROMISE_FULL if n < 3 else Disposition.REFUSES, promise=promise if n < 3 else None)
        for n in range(1, 9)
    ]  # fmt: skip
    ledger.record(calls, seen_at=EVENING)

    def said(*arguments: object) -> list[dict[str, object]]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(each) for each in (*arguments, "--office", office.folder, "--json")])
        assert not ended.value.code
        found: list[dict[str, object]] = json.loads(capsys.readouterr().out)
        return found

    times = said("strategy", "times", "nov", "--now", EVENING.isoformat())
    assert [(each["person"], each["when"]) for each in times] == [("p02", "18-21"), ("p01", "")]
    [pair] = said("strategy", "versions", "f")
    assert (pair["talks"], pair["promises"], pair["verdict"]) == ([4, 4], [1, 1], "open")
