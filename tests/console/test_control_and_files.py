"""Orders to boxes and files for others: pause, cancel, recall, the state of boxes, CSV and Parquet, shell completion."""

import asyncio
import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from console.cli import main
from console.command_control import Answer, Order, send_orders
from console.ledger import Arrival, Ledger
from console.ledger_tables import CAMPAIGN, CONTACT
from console.office import Office
from console.outcome_files import COLUMNS
from firmware.clock import SimulatedClock
from firmware.sync.messages import (
    Ack,
    BoxState,
    Control,
    Downlink,
    MoneyWire,
    OutcomeMessage,
    PromiseWire,
)
from firmware.sync.messages_state import LineWire
from firmware.values import Disposition

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
Playing = Callable[[Office, str], AbstractAsyncContextManager[Any]]
Outcome = Callable[..., OutcomeMessage]


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main([str(each) for each in arguments])
    captured = capsys.readouterr()
    code = ended.value.code
    return (code if isinstance(code, int) else 0), captured.out, captured.err


def answering(message: Downlink) -> Ack | None:
    """Answer as the firmware does: one contact is unknown, another box refuses to cancel."""
    if not isinstance(message, Control):
        return None
    reason = (
        "unknown_contact"
        if message.contact == "c09"
        else "unknown_campaign"
        if message.action == "cancel"
        else ""
    )
    return Ack(
        id=f"ack-{message.id}",
        at=NOW,
        stream="s1",
        seq=1,
        about=message.id,
        kind="control",
        accepted=not reason,
        reason=reason,
    )


@pytest.mark.usefixtures("broker")
def test_orders_are_signed_answered_and_told_apart(office: Office, play: Playing) -> None:
    async def story() -> tuple[list[Answer], list[Control]]:
        ledger = Ledger(office.ledger)
        orders = [
            Order(box="b1", action="pause", campaign="nov"),
            Order(box="b1", action="recall", campaign="nov", contact="c01"),
            Order(box="b1", action="recall", campaign="nov", contact="c09"),
            Order(box="b1", action="cancel", campaign="oct"),
            Order(box="b2", action="resume", campaign="nov"),
        ]
        async with play(office, "b1") as box:
            box.answer = answering
            found = await send_orders(office, ledger, orders, patience_s=2, clock=SimulatedClock(NOW))
            return found, [each for each in box.heard if isinstance(each, Control)]

    answers, heard = asyncio.run(asyncio.wait_for(story(), 30))
    assert [each.status for each in answers] == ["done", "done", "nothing left", "refused", "silent"]
    assert [(each.action, each.contact) for each in heard] == [
        ("pause", None), ("recall", "c01"), ("recall", "c09"), ("cancel", None),
    ]  # fmt: skip


def sent(ledger: Ledger) -> None:
    with ledger.transaction() as rows:
        rows.execute(
            CAMPAIGN.insert(),
            {"box": "b1", "campaign": "nov", "name": "n", "digest": "d", "contacts": 1, "batches": 1,
             "expires_at": 0, "pushed_at": 0},
        )  # fmt: skip
        rows.execute(
            CONTACT.insert(),
            {"box": "b1", "campaign": "nov", "contact": "c01", "place": 0, "row": 2, "person": "p01",
             "number": "+8613123456701", "debt": "d01", "status": "open"},
        )  # fmt: skip


@pytest.mark.usefixtures("broker")
def test_a_person_is_recalled_from_every_list(
    office: Office, play: Playing, capsys: pytest.CaptureFixture[str]
) -> None:
    sent(Ledger(office.ledger))

    async def story() -> tuple[int, str, str]:
        async with play(office, "b1") as box:
            box.answer = answering
            arguments = ("--office", office.folder, "recall", "--person", "p01", "--json")
            return await asyncio.to_thread(said, capsys, *arguments)

    code, out, _ = asyncio.run(asyncio.wait_for(story(), 30))
    assert code == 0
    [answer] = json.loads(out)
    assert (answer["box"], answer["contact"], answer["status"]) == ("b1", "c01", "done")


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["pause", "none"], 1, "no campaign 'none' was sent from here"),
        (["recall", "none"], 1, "no list that was sent"),
        (["recall"], 2, "--person"),
        (["cancel", "nov", "--box", "b9", "--yes"], 1, "box add b9"),
        (["cancel", "nov"], 1, "for good"),
        (["box", "status", "b9"], 1, "box add b9"),
        (["outcomes", "--limit", "1", "--csv", "x"], 2, "--since"),
        (["outcomes", "--since", "2026-11-01"], 2, "--parquet"),
    ],
)
def test_orders_that_make_no_sense(
    office: Office, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, text: str
) -> None:
    found, _, err = said(capsys, "--office", office.folder, *arguments)
    assert found == code
    assert text in " ".join(err.split())


def test_the_state_of_boxes(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    line = LineWire(line="line-1", status="ready", rssi_dbm=-71)
    state = BoxState(id="s", at=NOW, status="online", boot="b", dialling="yes", lines=[line], outbox=2)
    Ledger(office.ledger).record([Arrival(box="b1", message=state)], seen_at=NOW)
    where = ("--office", office.folder, "--now", (NOW + timedelta(hours=3)).isoformat())
    found = json.loads(said(capsys, "box", "status", "--json", *where)[1])
    assert [(each["box"], each["status"], each["unsent"]) for each in found] == [
        ("b1", "online", 2),
        ("b2", "never seen", 0),
    ]
    assert found[0]["seen_ago_s"] == pytest.approx(3 * 3600, abs=60)
    out = said(capsys, "box", "status", "b1", *where)[1]
    assert "-71 dBm" in out
    assert "3 h ago" in out


@pytest.fixture
def filled(office: Office, outcome: Outcome) -> Office:
    promise = PromiseWire(due=date(2026, 11, 27), amount=MoneyWire(128050, "CNY"), confirmed=True)
    messages = [
        outcome(1, disposition=Disposition.PROMISE_FULL, promise=promise, answered_at=NOW, right_party=True),
        outcome(2, cause="=SUM(A1)", answers={"说": "好"}),
        outcome(3, ended_at=NOW + timedelta(days=1), campaign="dec"),
    ]
    Ledger(office.ledger).record([Arrival(box="b1", message=each) for each in messages], seen_at=NOW)
    return office


def test_outcomes_as_csv(filled: Office, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    assert said(capsys, "outcomes", "--csv", target, "--office", filled.folder)[0] == 0
    assert target.stat().st_mode & 0o077 == 0
    with target.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["contact"] for row in rows] == ["c01", "c02", "c03"]
    assert (rows[0]["promise_due"], rows[0]["promise_amount"], rows[0]["right_party"]) == (
        "2026-11-27",
        "1280.50",
        "true",
    )
    assert rows[1]["cause"] == "'=SUM(A1)", "no formula"
    code, _, err = said(capsys, "outcomes", "--csv", target, "--office", filled.folder)
    assert (code, "there already" in err) == (1, True)
    out = said(capsys, "outcomes", "--csv", "-", "--until", "2026-11-03T00:00Z", "--office", filled.folder)[1]
    assert [row["contact"] for row in csv.DictReader(io.StringIO(out))] == ["c01", "c02"]


def test_outcomes_as_parquet_are_read_by_another_reader(
    filled: Office, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    target = tmp_path / "out.parquet"
    assert (
        said(capsys, "outcomes", "--parquet", target, "--campaign", "nov", "--office", filled.folder)[0] == 0
    )
    with duckdb.connect() as reader:
        found = reader.execute(
            "SELECT contact, epoch_ms(ended_at), promise_due, promise_amount, right_party, answers "
            f"FROM read_parquet('{target}') ORDER BY contact"
        ).fetchall()
        columns = [row[0] for row in reader.execute(f"DESCRIBE SELECT * FROM '{target}'").fetchall()]
    at_ms = int(NOW.timestamp() * 1000)
    assert found == [
        ("c01", at_ms, date(2026, 11, 27), Decimal("1280.500"), True, "{}"),
        ("c02", at_ms, None, None, False, '{"说": "好"}'),
    ]
    assert tuple(columns) == COLUMNS


def test_parquet_without_its_library_says_what_to_install(
    filled: Office, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    target = tmp_path / "out.parquet"
    code, _, err = said(capsys, "outcomes", "--parquet", target, "--office", filled.folder)
    assert (code, "branchline[parquet]" in err, target.exists()) == (1, True, False)


@pytest.mark.parametrize(
    ("typed", "offered"),
    [(["rec"], "recall"), (["box", "status", ""], "b1"), (["pause", "nov", "--box", ""], "b2")],
)
def test_the_shell_completes_commands_and_boxes(office: Office, typed: list[str], offered: str) -> None:
    words = ["branchline-console", *typed]
    environment = dict(
        os.environ,
        _BRANCHLINE_CONSOLE_COMPLETE="complete_bash",
        COMP_WORDS=" ".join(words),
        COMP_CWORD=str(len(words) - 1),
        BRANCHLINE_OFFICE=str(office.folder),
    )
    ran = subprocess.run(
        [sys.executable, "-c", "from console.cli import main; main()"],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert offered in ran.stdout.split(), ran.stderr
