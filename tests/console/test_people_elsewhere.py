"""What one box did with a person, every box that has them is told, until it has answered."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert

from console.audit_tables import ELSEWHERE_SENT
from console.elsewhere import tell_contact, tell_person, untold
from console.ledger import Arrival, Ledger
from console.ledger_tables import CONTACT
from firmware.clock import to_ms
from firmware.sync.messages import Ack, OutcomeMessage
from firmware.sync.messages_policy import ContactElsewhere, PersonElsewhere
from firmware.values import Disposition

NOW = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
Outcome = Callable[..., OutcomeMessage]
SENT = (
    # box, campaign, contact, person, number
    ("b1", "nov", "c1", "p1", "+8613123456701"),
    ("b1", "nov", "c2", "p2", "+8613123456702"),
    ("b1", "nov", "c3", "p3", "+8613123456703"),
    ("b2", "dec", "k1", "p1", "+8613123456799"),
    ("b2", "dec", "k2", "p9", "+8613123456702"),
    ("b2", "jan", "k1", "p1", "+8613123456799"),
)


@pytest.fixture
def ledger(new_ledger: Callable[[], Ledger], outcome: Outcome) -> Ledger:
    """b2 has b1's first person, and the number of the second one; b1 called all three."""
    made = new_ledger()
    with made.transaction() as connection:
        for place, (box, campaign, contact, person, number) in enumerate(SENT):
            connection.execute(
                insert(CONTACT).values(
                    box=box, campaign=campaign, contact=contact, person=person, number=number, debt=f"d{place}",
                    place=place, row=place, status="open",
                )
            )  # fmt: skip
    calls = [
        outcome(1, contact="c1", person="p1", answered_at=NOW, reached=True, right_party=True),
        outcome(2, contact="c2", person="p2"),
        outcome(3, contact="c3", person="p3"),
        outcome(4, contact="c1", person="p1", reserved_at=NOW - timedelta(days=401)),
    ]
    made.record([Arrival(box="b1", message=each) for each in calls], seen_at=NOW)
    return made


def heard(
    ledger: Ledger, box: str, now: datetime = NOW
) -> tuple[list[ContactElsewhere], list[PersonElsewhere]]:
    with ledger.reading() as connection:
        contacts, people = untold(connection, box, now)
    return list(contacts.values()), list(people.values())


def test_calls_with_the_same_person_or_number_are_told_once_each(ledger: Ledger) -> None:
    contacts, people = heard(ledger, "b2")
    assert [(each.contact, each.person, each.number, each.debt, each.conversation) for each in contacts] == [
        ("attempt-0001", "p1", "+8613123456701", "d0", True),
        ("attempt-0002", "p2", "+8613123456702", "d1", False),
    ]
    assert people == []
    assert heard(ledger, "b1") == ([], []), "b2 has called nobody, and its own calls b1 knows"


def test_other_channels_and_what_was_learnt_are_told_too(ledger: Ledger) -> None:
    letter = ContactElsewhere(contact="l1", person="p1", number="+8613123456701", channel="letter", at=NOW)
    with ledger.transaction() as connection:
        tell_contact(connection, letter)
        assert tell_person(connection, "f1", PersonElsewhere(person="p3", status="paid"))
        assert not tell_person(connection, "f1", PersonElsewhere(person="p3", status="paid"))
    assert letter in heard(ledger, "b2")[0]
    assert heard(ledger, "b2")[1] == []
    assert heard(ledger, "b1") == ([letter], [PersonElsewhere(person="p3", status="paid")])


def test_what_a_box_has_answered_is_told_no_more_and_what_it_left_is_told_again(ledger: Ledger) -> None:
    with ledger.transaction() as connection:
        for place, fact in enumerate(("attempt-0001", "attempt-0002")):
            row = {"box": "b2", "fact": fact, "message": f"m{place}", "sent_at": to_ms(NOW)}
            connection.execute(insert(ELSEWHERE_SENT).values(row))
    assert heard(ledger, "b2") == ([], []), "it has some minutes to answer"
    answer = Ack(id="a", at=NOW, stream="s1", seq=1, about="m0", kind="ledger", accepted=True)
    ledger.record([Arrival(box="b2", message=answer)], seen_at=NOW)
    contacts, _ = heard(ledger, "b2", NOW + timedelta(minutes=11))
    assert [each.contact for each in contacts] == ["attempt-0002"]


def test_a_later_call_is_told_as_well(ledger: Ledger, outcome: Outcome) -> None:
    late = outcome(
        5, contact="c1", person="p1", disposition=Disposition.OPT_OUT, answered_at=NOW, reached=True
    )
    ledger.record([Arrival(box="b1", message=late)], seen_at=NOW)
    assert [each.disposition for each in heard(ledger, "b2")[0] if each.contact == "attempt-0005"] == [
        "opt_out"
    ]
