"""Payments: read from the books' file, kept once, and told off against promises whatever comes first."""

import json
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, text

from console import measures
from console.cli import main
from console.errors import ContactsFileError
from console.ledger import Arrival, Ledger
from console.ledger_facts import keep_facts
from console.ledger_tables import CONTACT, PROMISE
from console.office import Office
from console.payment_tables import PAYMENT
from console.payments import Imported, PaymentRow, import_payments, read_payments
from console.suppressions import all_suppressions
from firmware.sync.messages import MoneyWire, OutcomeMessage, PlanWire, PromiseWire
from firmware.values import Disposition
from tests.console.throwaway_postgresql import ThrowawayPostgresql

NOW = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
TODAY = date(2026, 11, 20)
Outcome = Callable[..., OutcomeMessage]


@pytest.fixture
def ledger(new_ledger: Callable[[], Ledger]) -> Ledger:
    return new_ledger()


def promised(
    outcome: Outcome, seq: int, minor: int | None, due: str, person: str = "p1", **changes: Any
) -> Arrival:
    plan = changes.pop("plan", None)
    amount = None if minor is None else MoneyWire(minor, "CNY")
    message = outcome(
        seq,
        person=person,
        answered_at=NOW,
        reached=True,
        right_party=True,
        disposition=Disposition.PROMISE_FULL,
        promise=PromiseWire(due=date.fromisoformat(due), amount=amount, confirmed=True, plan=plan),
        **changes,
    )
    return Arrival(box="b1", message=message)


def paid(name: str, minor: int, on: str, person: str | None = "p1", **changes: Any) -> PaymentRow:
    fields: dict[str, Any] = {"debt": None, "currency": "CNY", "is_settled": False} | changes
    return PaymentRow(
        row=2, payment=name, person=person, amount_minor=minor, paid_on=date.fromisoformat(on), **fields
    )


def book(ledger: Ledger, *payments: PaymentRow) -> Imported:
    with ledger.transaction() as connection:
        return import_payments(connection, payments, NOW)


def promises(ledger: Ledger) -> dict[str, tuple[int, str | None]]:
    with ledger.reading() as connection:
        return {
            row.attempt: (row.paid_minor, row.kept_on)
            for row in connection.execute(select(PROMISE).order_by(PROMISE.c.attempt))
        }


def test_money_goes_to_the_oldest_open_promise(ledger: Ledger, outcome: Outcome) -> None:
    later: dict[str, Any] = {"reserved_at": NOW + timedelta(days=1)}
    ledger.record(
        [promised(outcome, 1, 500, "2026-11-06"), promised(outcome, 2, 300, "2026-11-12", **later)],
        seen_at=NOW,
    )
    book(ledger, paid("m1", 200, "2026-11-03"))
    assert promises(ledger) == {"attempt-0001": (200, None), "attempt-0002": (0, None)}
    book(ledger, paid("m2", 400, "2026-11-09"))
    assert promises(ledger) == {"attempt-0001": (500, "2026-11-09"), "attempt-0002": (100, None)}
    with ledger.reading() as connection:
        found = measures.totals(connection, today=TODAY)
    assert (found.kept, found.broken, found.kept_rate) == (1, 1, 0.5)
    assert (found.promised, found.kept_money) == ({"CNY": 800}, {"CNY": 600})


@pytest.mark.parametrize(
    ("payment", "kept_on"),
    [
        pytest.param(paid("m", 500, "2026-11-09"), "2026-11-09", id="last day of grace"),
        pytest.param(paid("m", 500, "2026-11-10"), None, id="too late"),
        pytest.param(paid("m", 500, "2026-10-30"), None, id="before the promise"),
        pytest.param(paid("m", 499, "2026-11-05"), None, id="too little"),
        pytest.param(paid("m", 500, "2026-11-05", currency="USD"), None, id="other money"),
        pytest.param(paid("m", 500, "2026-11-05", person="p2"), None, id="somebody else"),
        pytest.param(paid("m", 500, "2026-11-05", debt="d9"), None, id="another debt"),
        pytest.param(paid("m", 500, "2026-11-05", debt="d1"), "2026-11-05", id="this debt"),
        pytest.param(paid("m", 500, "2026-11-05", person=None, debt="d1"), "2026-11-05", id="by the debt alone"),
    ],
)  # fmt: skip
def test_what_keeps_a_promise(
    ledger: Ledger, outcome: Outcome, payment: PaymentRow, kept_on: str | None
) -> None:
    with ledger.transaction() as connection:
        connection.execute(
            insert(CONTACT).values(
                box="b1", campaign="nov", contact="c01", place=0, row=2, person="p1", number="+8613123456789",
                debt="d1", status="open",
            )
        )  # fmt: skip
    ledger.record([promised(outcome, 1, 500, "2026-11-06")], seen_at=NOW)
    assert book(ledger, payment).new == 1
    assert promises(ledger)["attempt-0001"][1] == kept_on


def test_a_plan_is_kept_by_its_last_instalment(ledger: Ledger, outcome: Outcome) -> None:
    plan = PlanWire(instalments=3, every="month")
    ledger.record([promised(outcome, 1, 100, "2026-11-30", plan=plan)], seen_at=NOW)
    book(ledger, paid("m1", 200, "2026-12-01"), paid("m2", 100, "2027-02-02"))
    assert promises(ledger) == {"attempt-0001": (300, "2027-02-02")}, "30 January and three days' grace"


def test_a_promise_without_a_sum_is_kept_by_any_payment(ledger: Ledger, outcome: Outcome) -> None:
    ledger.record([promised(outcome, 1, None, "2026-11-06")], seen_at=NOW)
    book(ledger, paid("m1", 1, "2026-11-05"))
    assert promises(ledger) == {"attempt-0001": (1, "2026-11-05")}


def test_no_order_of_calls_and_payments_changes_what_is_kept(
    new_ledger: Callable[[], Ledger], outcome: Outcome
) -> None:
    """Calls late, payments early, all of it twice; an attempt told of twice gives its money to the next promise."""
    calls = [
        promised(outcome, 1, 500, "2026-11-06"),
        promised(outcome, 2, 300, "2026-11-12", reserved_at=NOW + timedelta(days=1)),
        promised(outcome, 3, 300, "2026-11-12", person="p2"),
        promised(outcome, 4, 90, "2026-11-12", attempt="attempt-0001", person="p2"),
    ]
    payments = [
        paid("m1", 600, "2026-11-04"),
        paid("m2", 100, "2026-11-08"),
        paid("m3", 300, "2026-11-05", "p2"),
    ]
    seen = []
    for seed in range(6):
        ledger = new_ledger()
        steps: list[Arrival | PaymentRow] = [*calls, *payments] * 2
        random.Random(seed).shuffle(steps)
        for step in steps:
            if isinstance(step, Arrival):
                ledger.record([step], seen_at=NOW)
            else:
                book(ledger, step)
        seen.append(promises(ledger))
    assert seen[0] == {
        "attempt-0001": (500, "2026-11-04"),
        "attempt-0002": (200, None),
        "attempt-0003": (300, "2026-11-05"),
    }
    assert all(each == seen[0] for each in seen)


def test_a_payment_that_meets_its_promise_halfway_keeps_it(
    postgresql: ThrowawayPostgresql, outcome: Outcome
) -> None:
    """A reader has the promise in hand and has not committed; the import waits for it, and sees it then."""
    place = postgresql.new_ledger()
    ledger, books = Ledger(place), Ledger(place)
    message = promised(outcome, 1, 500, "2026-11-06").message
    assert isinstance(message, OutcomeMessage)
    waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    with ThreadPoolExecutor(1) as program:
        with ledger.transaction() as connection:
            keep_facts(connection, [("b1", message)])
            importing = program.submit(book, books, paid("m1", 500, "2026-11-05"))
            deadline_s = time.monotonic() + 10
            while not connection.execute(waiting).scalar_one():
                assert not importing.done(), "it did not wait"
                assert time.monotonic() < deadline_s
        assert importing.result(10).new == 1
    assert promises(ledger) == {"attempt-0001": (500, "2026-11-05")}
    ledger.close()
    books.close()


def test_the_same_payment_again_changes_nothing_and_another_content_is_named(ledger: Ledger) -> None:
    assert book(ledger, paid("m1", 500, "2026-11-05")).new == 1
    again = book(ledger, paid("m1", 500, "2026-11-05"), paid("m2", 1, "2026-11-05"))
    assert (again.new, again.known) == (1, 1)
    other = book(ledger, paid("m1", 600, "2026-11-05"))
    assert (other.new, other.known, [each.reason for each in other.problems]) == (0, 0, ["payment_changed"])
    with ledger.reading() as connection:
        amounts = list(
            connection.execute(select(PAYMENT.c.amount_minor).order_by(PAYMENT.c.payment)).scalars()
        )
    assert amounts == [500, 1]


def test_what_is_settled_is_called_about_no_more(ledger: Ledger) -> None:
    done = book(ledger, paid("m1", 500, "2026-11-05", debt="d1", is_settled=True))
    again = book(ledger, paid("m1", 500, "2026-11-05", debt="d1", is_settled=True))
    assert (done.settled, again.settled) == (1, 0)
    with ledger.reading() as connection:
        [wish] = all_suppressions(connection)
    assert (wish.scope, wish.debt, wish.reason) == ("debt", "d1", "paid")


FILE = """Ref,Person,Debt,Amount,currency,paid_on,settled
m1,p1,,"1,280.50",CNY,2026-11-05,
m2,,d1,10,CNY,2026/11/6,yes
m3,p1,,10.001,CNY,2026-11-06,
m4,p1,,-5,CNY,2026-11-06,
m5,,,5,CNY,2026-11-06,
m6,p1,,5,CNY,2026-12-31,
m1,p1,,5,CNY,2026-11-06,
m8,p1,,5,CNY,2026-11-06,perhaps
,p1,,5,CNY,2026-11-06,
"""


def test_bad_rows_are_named_and_good_ones_read(tmp_path: Path) -> None:
    (tmp_path / "paid.csv").write_text(FILE, encoding="utf-8")
    rows, problems = read_payments(tmp_path / "paid.csv", {"Ref": "payment"}, today=TODAY)
    assert [(each.payment, each.amount_minor, each.is_settled) for each in rows] == [
        ("m1", 128050, False), ("m2", 1000, True),
    ]  # fmt: skip
    assert [(each.row, each.column, each.reason) for each in problems] == [
        (4, "amount", "invalid_amount"),
        (5, "amount", "invalid_amount"),
        (6, "person", "missing"),
        (7, "paid_on", "date_in_future"),
        (8, "payment", "duplicate_payment"),
        (9, "settled", "invalid_word"),
        (10, "payment", "missing"),
    ]


def test_a_file_without_the_columns_is_no_list_of_payments(tmp_path: Path) -> None:
    (tmp_path / "paid.csv").write_text("payment,amount\n1,2\n", encoding="utf-8")
    with pytest.raises(ContactsFileError, match="currency, paid_on, person"):
        read_payments(tmp_path / "paid.csv", {}, today=TODAY)


def test_payments_and_measures_on_the_command_line(
    bare_office: Office,
    tmp_path: Path,
    outcome: Outcome,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "200")  # a narrow terminal folds sums over two lines
    ledger = Ledger(bare_office.ledger)
    ledger.record([promised(outcome, 1, 128050, "2026-11-06")], seen_at=NOW)
    ledger.close()
    (tmp_path / "paid.csv").write_text("\n".join(FILE.splitlines()[:2]), encoding="utf-8")
    now = ("--now", "2026-11-20T00:00:00Z", "--office", str(bare_office.folder), "--json")
    with pytest.raises(SystemExit, match="0"):
        main(["payment", "import", str(tmp_path / "paid.csv"), "--mapping", "Ref=payment", *now])
    assert json.loads(capsys.readouterr().out)["new"] == 1
    with pytest.raises(SystemExit, match="0"):
        main(["measures", "--by", "weekday", "--zone", "Asia/Shanghai", *now])
    [monday] = json.loads(capsys.readouterr().out)
    assert (monday["key"], monday["measures"]["kept_rate"]) == ("1", 1.0)
    for picture in ("totals", "funnel", "cohorts", "heat-map", "refusals"):
        with pytest.raises(SystemExit, match="0"):
            main(["measures", picture, "--office", str(bare_office.folder)])
    assert "1280.50 CNY" in capsys.readouterr().out
