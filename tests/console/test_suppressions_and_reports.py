"""What the ledger says afterwards: whom no box may call, what came of a campaign, what the rules held back."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from console.campaigns import Terms, build_campaign
from console.contacts_file import FileRow
from console.errors import ConsoleError
from console.ledger import Arrival, Ledger
from console.reports import CampaignReport, box_answer, campaign_reports, gaps, outcome_lines
from console.sent_campaigns import begin_or_resume
from console.suppressions import MAX_IN_ONE_MESSAGE, add_suppression, all_suppressions, as_messages
from firmware.sync.messages import (
    MAX_MESSAGE_BYTES,
    Ack,
    ContactRow,
    MoneyWire,
    OutcomeMessage,
    PlanWire,
    PromiseWire,
    Refusals,
    RejectedRow,
    SuppressionWire,
    encode,
)
from firmware.sync.topics import BoxTopics
from firmware.values import Disposition, UuidV7

NOW = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
Outcome = Callable[..., OutcomeMessage]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.db")


@pytest.fixture
def messages(ledger: Ledger) -> list[str]:
    """Three contacts sent to b1 from rows 2, 4 and 7; the ids of manifest and batch."""
    rows = [
        FileRow(
            row=row,
            contact=ContactRow(
                contact=f"c{n:02d}",
                person=f"p{n:02d}",
                numbers=[f"+86131234567{n:02d}"],
                language="en",
                debt=f"d{n:02d}",
            ),
        )
        for n, row in ((1, 2), (2, 4), (3, 7))
    ]
    sent = build_campaign(
        rows,
        flow_text="flow: x\n",
        terms=Terms(campaign="nov", name="nov", expires_at=NOW + timedelta(days=1)),
        topics=BoxTopics("demo", "b1"),
        ids=UuidV7(),
        now=NOW,
    )
    with ledger.transaction() as connection:
        begin_or_resume(connection, sent, pushed_at=NOW)
    return [message.id for message in sent.messages]


def record(ledger: Ledger, *messages: Any) -> None:
    ledger.record([Arrival(box="b1", message=message) for message in messages], seen_at=NOW)


def suppressions(ledger: Ledger) -> list[SuppressionWire]:
    with ledger.reading() as connection:
        return all_suppressions(connection)


@pytest.mark.usefixtures("messages")
@pytest.mark.parametrize(
    ("scope", "wire"),
    [
        ("person", SuppressionWire(person="p01", scope="person", reason="opt_out")),
        ("number", SuppressionWire(number="+8613123456701", scope="number", reason="opt_out")),
        ("debt", SuppressionWire(debt="d01", scope="debt", reason="opt_out")),
    ],
)
def test_what_one_call_stopped_every_box_is_told(
    ledger: Ledger, outcome: Outcome, scope: str, wire: SuppressionWire
) -> None:
    record(ledger, outcome(1, disposition=Disposition.OPT_OUT, suppressed=scope), outcome(2))
    assert suppressions(ledger) == [wire]


def test_a_suppression_is_known_even_of_a_contact_that_is_not(ledger: Ledger, outcome: Outcome) -> None:
    record(ledger, outcome(9, disposition=Disposition.OPT_OUT, suppressed="person"))
    assert suppressions(ledger) == [SuppressionWire(person="p09", scope="person", reason="opt_out")]


def test_a_wish_taken_here_is_kept_once_and_never_taken_back(ledger: Ledger) -> None:
    with ledger.transaction() as connection:
        assert add_suppression(connection, "number", "+8613123456701", "complaint", NOW)
        assert not add_suppression(connection, "number", "+8613123456701", "other", LATER)
        with pytest.raises(ConsoleError, match="no scope"):
            add_suppression(connection, "everyone", "x", "y", NOW)
    assert suppressions(ledger) == [
        SuppressionWire(number="+8613123456701", scope="number", reason="complaint")
    ]


def test_a_long_list_goes_in_parts_and_an_empty_one_is_said_too() -> None:
    known = [
        SuppressionWire(person="p" * 60 + f"{n:04d}", reason="r" * 64) for n in range(MAX_IN_ONE_MESSAGE + 1)
    ]
    parts = as_messages(known, UuidV7(), NOW)
    assert [each for part in parts for each in part.suppressions] == known
    assert [len(part.suppressions) for part in parts] == [MAX_IN_ONE_MESSAGE, 1]
    assert all(len(encode(part)) < MAX_MESSAGE_BYTES for part in parts)
    assert [part.suppressions for part in as_messages([], UuidV7(), NOW)] == [[]]


def ack(seq: int, about: str, **fields: Any) -> Ack:
    return Ack(id=f"ack{seq}", at=NOW, stream="s1", seq=seq, about=about, **({"accepted": True} | fields))


def test_rejected_rows_are_named_as_the_spreadsheet_shows_them(ledger: Ledger, messages: list[str]) -> None:
    rejected = [RejectedRow(row=1, contact="c02", reason="unspeakable", detail="last4")]
    record(
        ledger,
        ack(1, messages[0], kind="campaign"),
        ack(2, messages[1], kind="contacts", taken=2, rejected=rejected),
        ack(3, messages[1], kind="contacts", taken=0),  # the answer to a redelivery
    )
    with ledger.reading() as connection:
        answer = box_answer(connection, "b1", "nov")
    assert (answer.accepted, answer.messages, answer.answered, answer.taken) == (True, 2, 2, 2)
    assert [(row.row, row.contact, row.reason) for row in answer.rejected] == [(4, "c02", "unspeakable")]


def test_a_refusal_is_told_with_its_reason(ledger: Ledger, messages: list[str]) -> None:
    refused = {"accepted": False, "reason": "unknown_campaign"}
    record(
        ledger,
        ack(1, messages[1], kind="contacts", **refused),  # overtook its manifest: settles nothing
        ack(2, messages[0], kind="campaign", accepted=False, reason="flow_refused", detail="12:3"),
    )
    with ledger.reading() as connection:
        answer = box_answer(connection, "b1", "nov")
    assert not answer.accepted
    assert (answer.answered, answer.refusals) == (1, ["campaign: flow_refused: 12:3"])


def refusal(seq: int, contact: str, rule: str, at: datetime) -> Refusals:
    return Refusals(
        id=f"r{seq}", at=at, stream="s1", seq=seq, campaign="nov", contact=contact, verdict="defer", rule=rule
    )


def report(ledger: Ledger) -> CampaignReport:
    with ledger.reading() as connection:
        [found] = campaign_reports(connection)
    return found


@pytest.mark.usefixtures("messages")
def test_counts_from_list_to_promise(ledger: Ledger, outcome: Outcome) -> None:
    promise = PromiseWire(due=date(2026, 11, 6), amount=MoneyWire(128050, "CNY"), confirmed=True)
    answered = {"answered_at": NOW, "reached": True}
    record(
        ledger,
        outcome(1),
        outcome(
            2,
            contact="c01",
            disposition=Disposition.PROMISE_FULL,
            right_party=True,
            promise=promise,
            talk_ms=30_000,
            **answered,
        ),
        outcome(
            3, contact="c02", disposition=Disposition.OPT_OUT, suppressed="person", talk_ms=10_000, **answered
        ),
        outcome(4, contact="c03"),
        refusal(5, "c12", "ALL-STS-1", NOW),
    )
    found = report(ledger)
    assert (found.sent, found.contacts_attempted, found.attempts, found.answered) == (3, 3, 4, 2)
    assert (found.reached, found.right_party, found.promises, found.stopped) == (2, 1, 1, 1)
    assert found.promised == {"CNY": "1280.50"}
    assert (found.mean_talk_s, found.connect_rate) == (20.0, 0.5)
    assert found.dispositions == {"no_answer": 2, "opt_out": 1, "promise_full": 1}
    assert found.refusals == {"ALL-STS-1": 1}


def test_a_plan_counts_with_all_its_instalments(ledger: Ledger, outcome: Outcome) -> None:
    record(
        ledger,
        outcome(
            1,
            answered_at=NOW,
            reached=True,
            right_party=True,
            disposition=Disposition.PROMISE_PLAN,
            promise=PromiseWire(
                due=date(2026, 11, 30),
                amount=MoneyWire(20000, "CNY"),
                confirmed=True,
                plan=PlanWire(instalments=6, every="month"),
            ),
        ),
    )
    found = report(ledger)
    assert (found.promises, found.promised) == (1, {"CNY": "1200.00"})


def test_a_contact_stands_under_the_last_rule_until_it_is_called(ledger: Ledger, outcome: Outcome) -> None:
    record(
        ledger,
        refusal(2, "c01", "ALL-FRQ-1", LATER),
        refusal(1, "c01", "ALL-WIN-1", NOW),
        refusal(3, "c02", "ALL-WIN-1", NOW),
        outcome(4, contact="c02", reserved_at=LATER),
    )
    assert report(ledger).refusals == {"ALL-FRQ-1": 1}


def test_an_outcome_in_one_line(ledger: Ledger, outcome: Outcome) -> None:
    promise = PromiseWire(due=date(2026, 11, 6), amount=MoneyWire(500, "JPY"), confirmed=True)
    record(ledger, outcome(1, promise=promise), *(outcome(seq, ended_at=LATER) for seq in range(2, 6)))
    with ledger.reading() as connection:
        assert outcome_lines(connection)[0].promise == "2026-11-06 500 JPY"
        assert [line.contact for line in outcome_lines(connection, limit=2)] == ["c04", "c05"]
        assert outcome_lines(connection, campaign="other") == []
        assert outcome_lines(connection, box="b2") == []


def test_a_gap_is_named(ledger: Ledger, outcome: Outcome) -> None:
    record(ledger, outcome(1), outcome(3), outcome(4))
    with ledger.reading() as connection:
        assert gaps(connection) == [("b1", "s1", 2)]
    record(ledger, outcome(2))
    with ledger.reading() as connection:
        assert gaps(connection) == []
