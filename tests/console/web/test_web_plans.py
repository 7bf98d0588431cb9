"""A plan on the pages and in the files: every payment with its day, the last one what is left."""

import csv
import html
import io
import json
import re
from datetime import date
from pathlib import Path

import msgspec
import pytest

from console.instalments import LISTED_MOST, payments
from console.ledger import Arrival
from console.outcome_files import outcomes_between, write_csv, write_parquet
from console.reports import outcome_lines
from console.web.roles import Role
from firmware.sync.messages import MoneyWire, OutcomeMessage, PlanWire, PromiseWire
from firmware.sync.messages_promise import PaymentWire
from firmware.values import Disposition
from tests.console.web.web_world import NOW, Visitor, World, outcome_of

PLANNED = "attempt-9001"
PAYMENTS = [("2026-12-31", 41150), ("2027-01-31", 41150), ("2027-02-28", 41150)]
LEFT = 41151


def planned(number: int = 9001) -> OutcomeMessage:
    days = [*PAYMENTS, ("2027-03-31", LEFT)]
    listed = [PaymentWire(minor=minor, currency="CNY", due=date.fromisoformat(day)) for day, minor in days]
    promise = PromiseWire(
        due=date(2026, 12, 31), amount=MoneyWire(41150, "CNY"), confirmed=True,
        plan=PlanWire(instalments=4, every="month", payments=listed),
    )  # fmt: skip
    return msgspec.structs.replace(
        outcome_of(3, NOW), id=f"id-{number}", seq=number, attempt=f"attempt-{number}", person="p05", contact="c05",
        disposition=Disposition.PROMISE_PLAN, promise=promise, recording=None,
    )  # fmt: skip


@pytest.fixture(scope="module")
def supervisor(world: World) -> Visitor:
    world.desk.ledger.record([Arrival(box="b1", message=planned())], seen_at=NOW)
    return world.visitor(Role.SUPERVISOR)


def words(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).replace("\xa0", " ").split())


def case_of(supervisor: Visitor) -> str:
    page = supervisor.get("/people/one?person=p05").get_data(as_text=True)
    [address, *_] = re.findall(r'href="(/cases/one[^"]*)"', page)
    return html.unescape(address)


@pytest.mark.parametrize("place", ["/outcomes?disposition=promise_plan", "/people/one?person=p05", "case"])
@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "4 payments, CN¥1,646.01 in all To be paid on Amount 2026-12-31 CN¥411.50 2027-01-31 CN¥411.50 "
               "2027-02-28 CN¥411.50 2027-03-31 CN¥411.51"),
        ("zh", "共4期，合计¥1,646.01 还款日 金额 2026-12-31 ¥411.50 2027-01-31 ¥411.50 2027-02-28 ¥411.50 2027-03-31 ¥411.51"),
    ],
)  # fmt: skip
def test_every_payment_is_shown(supervisor: Visitor, place: str, language: str, said: str) -> None:
    supervisor.post("/language", {"language": language, "next": "/outcomes"}, form_at="/people")
    try:
        address = case_of(supervisor) if place == "case" else place
        assert said in words(supervisor.get(address).get_data(as_text=True))
    finally:
        supervisor.post("/language", {"language": "en", "next": "/outcomes"}, form_at="/people")


def test_a_promise_of_one_payment_lists_none(supervisor: Visitor) -> None:
    page = words(supervisor.get("/outcomes?disposition=promise_full").get_data(as_text=True))
    assert "2026-11-20 CN¥1,280.50" in page
    assert "payments" not in page


LISTED = "2026-12-31 411.50; 2027-01-31 411.50; 2027-02-28 411.50; 2027-03-31 411.51"


def test_files_and_the_command_line_list_them_too(supervisor: Visitor, world: World, tmp_path: Path) -> None:
    content = supervisor.get("/outcomes.csv").get_data(as_text=True).removeprefix("\ufeff")
    [row] = [row for row in csv.DictReader(io.StringIO(content)) if row["attempt"] == PLANNED]
    assert (row["promise_total"], row["payments"]) == ("1646.01", LISTED)
    with world.desk.ledger.reading() as rows:
        [line] = [line for line in outcome_lines(rows) if line.disposition == Disposition.PROMISE_PLAN]
        out = io.StringIO()
        write_csv(rows, outcomes_between(), out, on_rows=lambda n: None)
        write_parquet(rows, outcomes_between(), tmp_path / "o.parquet", on_rows=lambda n: None)
    assert line.promise == "2026-12-31 411.50 CNY, 4, one a month, the last 411.51 on 2027-03-31"
    assert json.loads(msgspec.json.encode(line.payments))[-1] == "2027-03-31 411.51 CNY"
    [row] = [row for row in csv.DictReader(io.StringIO(out.getvalue())) if row["attempt"] == PLANNED]
    assert (row["promise_total"], row["promise_payments"]) == ("1646.01", LISTED)
    assert (tmp_path / "o.parquet").stat().st_size > 0


def test_a_number_of_instalments_that_nobody_agreed_is_not_listed_whole() -> None:
    assert len(payments(date(2026, 12, 31), 10**9, "week", 100, None)) == LISTED_MOST
    assert payments(date(2026, 12, 31), 3, None, 100, 300) == ()
    assert payments(date(2026, 12, 31), 3, "month", None, None) == ()
