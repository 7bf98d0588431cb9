"""What a clerk tells the office of contacts by other channels reaches the boxes, once, and never widens anything."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from console.contact_fields import FieldError
from console.elsewhere import untold
from console.errors import ContactsFileError
from console.ledger import Ledger
from console.ledger_tables import CONTACT
from console.office import Office
from console.other_channels import fact_from, number_in, read_contacts
from firmware.sync.messages_policy import PersonElsewhere
from tests.console.command_line import said

NOW = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
NUMBER = "+8613123456701"
GOOD = {"person": "p1", "channel": "SMS", "at": "2026-11-01T10:00+08:00"}


def nobody(person: str) -> str | None:
    return NUMBER if person == "p1" else None


def test_a_row_is_one_contact_however_often_it_comes() -> None:
    fact = fact_from(GOOD, number_of=nobody, now=NOW)
    assert (fact.person, fact.number, fact.channel, fact.connected) == ("p1", NUMBER, "sms", False)
    assert fact.at == datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
    assert fact == fact_from(GOOD | {"number": ""}, number_of=nobody, now=NOW)
    assert fact.contact != fact_from(GOOD | {"debt": "d1"}, number_of=nobody, now=NOW).contact
    assert fact_from(GOOD | {"contact": "crm-7"}, number_of=nobody, now=NOW).contact == "crm-7"
    talk = fact_from(GOOD | {"channel": "agent", "conversation": "是"}, number_of=nobody, now=NOW)
    assert (talk.connected, talk.conversation) == (True, True)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"person": ""}, "no_person"),
        ({"channel": "pigeon"}, "unknown_channel"),
        ({"at": "yesterday"}, "invalid_time"),
        ({"at": "2026-11-02T11:00+08:00"}, "time_to_come"),
        ({"person": "p2"}, "no_number"),
        ({"number": "12"}, "no_country_code"),
        ({"connected": "perhaps"}, "not_yes_or_no"),
    ],
)
def test_what_cannot_be_counted_is_said(changes: dict[str, str], reason: str) -> None:
    with pytest.raises(FieldError) as error:
        fact_from(GOOD | changes, number_of=nobody, now=NOW)
    assert error.value.reason == reason


def test_a_list_gives_its_good_rows_and_names_the_others(tmp_path: Path) -> None:
    file = tmp_path / "crm.csv"
    file.write_text(
        "person;channel;at;conversation\np1;agent;2026-11-01T10:00+08:00;yes\n;sms;2026-11-01;\n\n"
        "p1;sms;2026-11-01T12:00+08:00;\n",
        encoding="utf-8",
    )
    facts, problems = read_contacts(file, number_of=nobody, now=NOW)
    assert [each.channel for each in facts] == ["agent", "sms"]
    assert [(row, reason[:9]) for row, reason in problems] == [(3, "no_person")]
    file.write_text("person,channel\n", encoding="utf-8")
    with pytest.raises(ContactsFileError, match="no column at"):
        read_contacts(file, number_of=nobody, now=NOW)
    file.write_text("person,channel,at,weather\n", encoding="utf-8")
    with pytest.raises(ContactsFileError, match="weather"):
        read_contacts(file, number_of=nobody, now=NOW)


@pytest.fixture
def sent(office: Office) -> Office:
    with Ledger(office.ledger).transaction() as rows:
        for box, person, number in (
            ("b1", "p1", NUMBER),
            ("b2", "p2", NUMBER),
            ("b2", "p2", "+8613123456702"),
        ):
            rows.execute(
                CONTACT.insert(),
                {"box": box, "campaign": f"{number}", "contact": "c1", "place": 0, "row": 2, "person": person,
                 "number": number, "debt": "d", "status": "open"},
            )  # fmt: skip
    return office


def test_the_number_of_the_lists_is_taken_where_there_is_one(sent: Office) -> None:
    with Ledger(sent.ledger).reading() as rows:
        number_of = number_in(rows)
        assert (number_of("p1"), number_of("p2"), number_of("p3")) == (NUMBER, None, None)


@pytest.mark.usefixtures("broker")
def test_noted_at_a_terminal_is_told_to_the_boxes(
    sent: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def elsewhere(*arguments: object) -> tuple[int, str, str]:
        return said(capsys, "--office", sent.folder, "elsewhere", *arguments)

    call = ("contact", "p1", "--channel", "agent", "--at", "2026-11-01T10:00+08:00", "--conversation")
    code, out, _ = elsewhere(*call)
    assert (code, "told of 2 facts" in out) == (0, True), "b2 has the number"
    assert "was known" in elsewhere(*call)[1]
    file = tmp_path / "crm.csv"
    file.write_text(
        "person,channel,at\np1,sms,2026-11-01T10:00+08:00\np9,sms,2026-11-01T10:00+08:00\n", encoding="utf-8"
    )
    code, out, err = elsewhere("import", file)
    assert (code, "1 noted, 0 known" in out, "row 3: no_number" in err) == (1, True, True)
    assert "0 noted, 1 known" in elsewhere("import", file)[1]
    assert (
        elsewhere(
            "person", "p1", "--status", "disputed", "--hours", "10:00-16:00", "--revoked", "robot_calls"
        )[0]
        == 0
    )
    shown = json.loads(elsewhere("list", "p1", "--json")[1])
    assert sorted(each["kind"] for each in shown) == ["contact", "contact", "person"]
    later = datetime.now(UTC)
    with Ledger(sent.ledger).reading() as rows:
        contacts, people = untold(rows, "b1", later)
    assert (contacts, people) == ({}, {}), "all told just now"


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("person", "p1"), 2, "--revoked"),
        (("person", "p1", "--status", "open"), 1, "opens a case"),
        (("person", "p1", "--hours", "16:00-10:00"), 1, "10:00-16:00"),
        (("person", "p1", "--hours", "1-2"), 1, "10:00-16:00"),
        (("contact", "p1", "--channel", "agent", "--at", "2126-11-01T10:00+08:00"), 1, "has happened"),
        (("contact", "p7", "--channel", "agent", "--at", "2026-11-01T10:00+08:00"), 1, "fill in the number"),
    ],
)
def test_what_makes_no_sense(
    sent: Office, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, text: str
) -> None:
    found, _, err = said(capsys, "--office", sent.folder, "elsewhere", *arguments)
    assert (found, text in " ".join(err.split())) == (code, True), err


def test_without_a_broker_it_is_kept_and_said(sent: Office, capsys: pytest.CaptureFixture[str]) -> None:
    found, _, err = said(capsys, "--office", sent.folder, "elsewhere", "person", "p1", "--status", "paid")
    assert (found, "`watch` tells them" in err) == (1, True)
    with Ledger(sent.ledger).reading() as rows:
        _, people = untold(rows, "b1", NOW)
    assert list(people.values()) == [PersonElsewhere(person="p1", status="paid")]
