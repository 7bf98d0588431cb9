"""What somebody promised last time comes from the ledger into the next campaign, where its flow asks for it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from console.campaigns import Terms, build_campaign, check_vars_of, read_flow, var_kinds
from console.contacts_file import ContactsFile, FileRow, read_contacts
from console.errors import ContactsFileError
from console.ledger import Arrival, Ledger
from console.payments import PaymentRow, import_payments
from console.promise_memory import remembering
from firmware.sync.messages import (
    ContactBatch,
    ContactRow,
    MoneyWire,
    OutcomeMessage,
    PlanWire,
    PromiseWire,
    decode_contact,
    decode_downlink,
)
from firmware.sync.topics import BoxTopics
from firmware.values import Disposition, UuidV7

EXAMPLES = Path(__file__).parents[2] / "examples"
FLOWS = sorted(
    path for path in EXAMPLES.rglob("*.yaml") if path.name.count(".") == 1 and path.stem != "people"
)
NOW = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
TODAY = date(2026, 11, 20)
CELLS = {"name": "王先生", "money": "1234.50", "date": "2026-11-02", "number": "12", "text": "晨光银行"}
Outcome = Callable[..., OutcomeMessage]


@pytest.fixture
def ledger(new_ledger: Callable[[], Ledger]) -> Ledger:
    return new_ledger()


def sheet(path: Path, flow_path: Path, **cells: str) -> ContactsFile:
    """Write a list of one person with a column for each var that must be there, and read it."""
    _, flow = read_flow(flow_path)
    columns = {
        "contact": "c1",
        "person": "p1",
        "number": "+8613123456701",
        "language": "zh-CN",
        "currency": "CNY",
    }
    names = {"callee_name": "name", "amount_due": "amount"}
    for name, kind in flow.vars.items():
        if not kind.optional:
            digits = "31415926535"[: kind.length] if kind.length else "4001234567"
            columns[names.get(name, name)] = CELLS.get(kind.kind.value, digits)
    columns |= cells
    path.write_text(",".join(columns) + "\n" + ",".join(columns.values()) + "\n", encoding="utf-8")
    return read_contacts(
        path, vars_wanted=var_kinds(flow), may_lack=flow.optional, check_vars=partial(check_vars_of, flow)
    )


@pytest.mark.parametrize("flow_path", FLOWS, ids=lambda path: path.stem)
def test_every_shipped_flow_can_be_pushed_from_a_list(tmp_path: Path, flow_path: Path) -> None:
    found = sheet(tmp_path / "list.csv", flow_path)
    assert found.problems == ()
    assert len(found.rows) == 1


def test_an_optional_column_may_be_there_with_empty_cells(tmp_path: Path) -> None:
    flow = EXAMPLES / "repayment-negotiation.yaml"
    [row] = sheet(tmp_path / "list.csv", flow, last_promise="").rows
    assert "last_promise" not in row.contact.vars
    assert row.contact.vars["most_instalments"] == 12
    [row] = sheet(tmp_path / "list.csv", flow, last_promise="2026-11-05").rows
    assert row.contact.vars["last_promise"] == "2026-11-05"
    bad = sheet(tmp_path / "list.csv", flow, last_promise="5 Nov", most_instalments="some")
    assert [(each.column, each.reason) for each in bad.problems] == [
        ("most_instalments", "invalid_number_of_things"), ("last_promise", "invalid_date"),
    ]  # fmt: skip


def test_a_column_that_must_be_there_is_still_missed(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("contact,person,number,language\nc1,p1,+8613123456701,zh-CN\n")
    with pytest.raises(ContactsFileError, match="last4"):
        read_contacts(
            path, vars_wanted={"last4": "digits", "last_promise": "date"}, may_lack={"last_promise"}
        )


def promise(outcome: Outcome, seq: int, due: str, **changes: Any) -> Arrival:
    said = PromiseWire(
        due=date.fromisoformat(due), amount=MoneyWire(50_000, "CNY"), confirmed=changes.pop("confirmed", True),
        plan=changes.pop("plan", None),
    )  # fmt: skip
    return call(outcome, seq, Disposition.PROMISE_FULL, promise=said, **changes)


def call(outcome: Outcome, seq: int, how: Disposition, **changes: Any) -> Arrival:
    said = {
        "person": "p1",
        "answered_at": NOW,
        "reached": True,
        "right_party": True,
        "disposition": how,
    } | changes
    return Arrival(box="b1", message=outcome(seq, **said))


def asked(
    ledger: Ledger, debt: str | None = None, flow: str = "repayment-negotiation", **vars: Any
) -> FileRow:
    """Return what the next campaign says of the person."""
    _, loaded = read_flow(EXAMPLES / f"{flow}.yaml")
    contact = ContactRow(
        contact="c9", person="p1", numbers=["+8613123456701"], language="zh-CN", debt=debt,
        vars={
            "callee_name": "王先生", "creditor": "晨光银行", "complaint_line": "4001234567", "last4": "0917",
            "amount_due": {"minor": 123450, "currency": "CNY"}, "due_date": "2026-10-01",
            "min_part": {"minor": 20000, "currency": "CNY"}, "min_instalment": {"minor": 10000, "currency": "CNY"},
            "most_instalments": 12, **vars,
        },
    )  # fmt: skip
    with ledger.reading() as rows:
        [row] = remembering(rows, [FileRow(row=2, contact=contact)], loaded, TODAY)
    return row


LATER = NOW + timedelta(days=1)
PLAN = PlanWire(instalments=3, every="month")


@pytest.mark.parametrize(
    ("story", "day"),
    [
        pytest.param([("promise", "2026-11-06", {})], "2026-11-06", id="broken"),
        pytest.param([("promise", "2026-11-17", {})], None, id="banks have three days"),
        pytest.param([("promise", "2026-11-16", {})], "2026-11-16", id="and no more"),
        pytest.param([("promise", "2026-11-25", {})], None, id="not due yet"),
        pytest.param([("promise", "2026-11-06", {"confirmed": False})], None, id="never confirmed"),
        pytest.param([("promise", "2026-11-06", {"person": "p2"})], None, id="somebody else's"),
        pytest.param([("promise", "2026-11-06", {"plan": PLAN})], "2026-11-06", id="the first of a plan"),
        pytest.param(
            [("promise", "2026-11-06", {}), ("promise", "2026-11-25", {"reserved_at": LATER})], None, id="promised anew"
        ),
        pytest.param(
            [("promise", "2026-11-04", {}), ("promise", "2026-11-10", {"reserved_at": LATER})], "2026-11-10", id="the newest"
        ),
        pytest.param(
            [("promise", "2026-11-06", {}), (Disposition.ALREADY_PAID, "", {"reserved_at": LATER})], None, id="says it is paid"
        ),
        pytest.param(
            [("promise", "2026-11-06", {}), (Disposition.NO_DECISION, "", {"reserved_at": LATER})], "2026-11-06", id="nothing new"
        ),
        pytest.param(
            [(Disposition.DISPUTE, "", {}), ("promise", "2026-11-06", {"reserved_at": LATER})], "2026-11-06", id="disputed before it"
        ),
    ],
)  # fmt: skip
def test_what_the_next_campaign_knows(
    ledger: Ledger, outcome: Outcome, story: list[tuple[Any, str, dict[str, Any]]], day: str | None
) -> None:
    for seq, (what, due, changes) in enumerate(story, 1):
        made = (
            promise(outcome, seq, due, **changes)
            if what == "promise"
            else call(outcome, seq, what, **changes)
        )
        ledger.record([made], seen_at=NOW)
    assert asked(ledger).remembered == ({"last_promise": day} if day else {})


def test_what_was_paid_is_not_brought_up(ledger: Ledger, outcome: Outcome) -> None:
    ledger.record([promise(outcome, 1, "2026-11-06", plan=PLAN)], seen_at=NOW)
    with ledger.transaction() as rows:
        paid = PaymentRow(
            row=2, payment="m1", person="p1", debt=None, amount_minor=50_000, currency="CNY",
            paid_on=date(2026, 11, 6), is_settled=False,
        )  # fmt: skip
        import_payments(rows, [paid], NOW)
    assert asked(ledger).remembered == {}


def test_the_list_knows_better_and_other_flows_ask_for_nothing(ledger: Ledger, outcome: Outcome) -> None:
    ledger.record([promise(outcome, 1, "2026-11-06")], seen_at=NOW)
    assert asked(ledger, last_promise="2026-11-09").remembered == {}
    assert asked(ledger, flow="overdue-reminder").remembered == {}
    assert asked(ledger, debt="d1").remembered == {"last_promise": "2026-11-06"}


def test_the_box_gets_it_and_the_list_stays_the_same_list(ledger: Ledger, outcome: Outcome) -> None:
    """A push that goes on the next day must be known for the same, though a promise was broken meanwhile."""
    ledger.record([promise(outcome, 1, "2026-11-06")], seen_at=NOW)
    row = asked(ledger)
    terms = Terms(campaign="nov", name="November", expires_at=NOW + timedelta(days=7))
    sent, plain = (
        build_campaign(
            [each], flow_text="flow: x\n", terms=terms, topics=BoxTopics("demo", "b1"), ids=UuidV7(), now=NOW
        )
        for each in (row, replace(row, remembered={}))
    )
    batch = decode_downlink(sent.messages[1].payload)
    assert isinstance(batch, ContactBatch)
    assert decode_contact(batch.contacts[0]).vars["last_promise"] == "2026-11-06"
    assert sent.digest == plain.digest
