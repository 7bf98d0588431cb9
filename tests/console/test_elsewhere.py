"""What a box is told of other boxes' calls, and of what a person here entered: its own people, until it has answered."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from console.elsewhere import TELL_AGAIN_AFTER, tell_contact, tell_person, untold
from console.elsewhere import note_sent as note
from console.ledger import Arrival, Ledger
from console.ledger_tables import CONTACT
from firmware.sync.messages import Ack, OutcomeMessage
from firmware.sync.messages_policy import ContactElsewhere, PersonElsewhere
from firmware.values import Disposition

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


def contact(box: str, person: str, number: str) -> dict[str, Any]:
    return {
        "box": box, "campaign": "c", "contact": f"k-{person}", "place": 0, "row": 2, "person": person,
        "number": number, "debt": None, "status": "open",
    }  # fmt: skip


def outcome(attempt: str, person: str, *, at: datetime = NOW) -> OutcomeMessage:
    return OutcomeMessage(
        id=f"m-{attempt}", at=at, stream="s", seq=int(attempt), attempt=attempt, campaign="c", contact=f"k-{person}",
        person=person, line="line-1", disposition=Disposition.REFUSES, reached=True, right_party=True, final=True,
        reserved_at=at, answered_at=at, ended_at=at,
    )  # fmt: skip


def test_calls_of_another_box_go_to_whoever_has_the_same_person_or_number(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    rows = [
        contact("b1", "p1", "+8613800000001"),
        contact("b1", "p2", "+8613800000002"),
        contact("b1", "p3", "+8613800000003"),
        contact("b2", "p1", "+8613800000001"),
        contact("b2", "p9", "+8613800000002"),
    ]
    with ledger.transaction() as connection:
        connection.execute(insert(CONTACT), rows)
    calls = [
        outcome("1", "p1"),
        outcome("2", "p2"),
        outcome("3", "p3"),
        outcome("4", "p1", at=NOW - timedelta(days=500)),
    ]
    ledger.record([Arrival(box="b1", message=each) for each in calls], seen_at=NOW)
    with ledger.transaction() as connection:
        told, _ = untold(connection, "b2", NOW)
        assert sorted(told) == ["1", "2"], "the same person, the same number; neither strangers nor years ago"
        assert (told["1"].conversation, told["1"].disposition, told["2"].number) == (
            True,
            "refuses",
            "+8613800000002",
        )
        assert untold(connection, "b1", NOW) == ({}, {}), "its own calls it counts itself"


def test_a_fact_is_told_again_until_it_is_answered(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    sms = ContactElsewhere(contact="sms-1", person="p1", number="+8613800000001", channel="sms", at=NOW)
    with ledger.transaction() as connection:
        connection.execute(
            insert(CONTACT), [contact("b1", "p1", "+8613800000001"), contact("b2", "p2", "+8613800000002")]
        )
        tell_contact(connection, sms)
        tell_person(connection, "paid-1", PersonElsewhere(person="p1", status="paid"))
        contacts, people = untold(connection, "b1", NOW)
        assert (contacts, list(people)) == ({"sms-1": sms}, ["paid-1"])
        assert untold(connection, "b2", NOW) == ({}, {})
        note(connection, "b1", ["sms-1", "paid-1"], "message-1", NOW)
        assert untold(connection, "b1", NOW + timedelta(minutes=1)) == ({}, {})
        later = NOW + TELL_AGAIN_AFTER + timedelta(seconds=1)
        assert untold(connection, "b1", later)[0] == {"sms-1": sms}, "no answer came"
    ack = Ack(id="a", at=NOW, stream="s", seq=1, about="message-1", kind="ledger", accepted=True)
    ledger.record([Arrival(box="b1", message=ack)], seen_at=NOW)
    with ledger.transaction() as connection:
        assert untold(connection, "b1", later) == ({}, {})
