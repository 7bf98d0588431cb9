"""Calls that came in, at the console: kept once, listed with the number masked, and what they stop goes to every box."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from console.cases import is_swept, sweep
from console.cli import main
from console.ledger import Arrival, Ledger
from console.office import Office
from console.suppressions import all_suppressions
from console.web_tables import CASE, CASE_SWEEP
from firmware.clock import to_ms
from firmware.sync.messages import InboundOutcome
from firmware.sync.messages_inbound import InboundCallback
from firmware.values import Disposition, UuidV7

NOW = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
CALLER = "+8613123456701"
IDS = UuidV7()


def told(seq: int, **changes: Any) -> InboundOutcome:
    given: dict[str, Any] = {
        "id": IDS.new(seq),
        "at": NOW,
        "stream": "s1",
        "seq": seq,
        "call": f"call-{seq}",
        "line": "line-1",
        "caller": CALLER,
        "disposition": Disposition.NO_DECISION,
        "reached": True,
        "rang_at": NOW,
        "answered_at": NOW,
        "ended_at": NOW + timedelta(minutes=seq),
        "talk_ms": 12_300,
    }
    return InboundOutcome(**(given | changes))


def record(ledger: Ledger, *messages: InboundOutcome) -> list[bool]:
    arrivals = [Arrival(box="b1", message=message) for message in messages]
    return [each.is_new for each in ledger.record(arrivals, seen_at=NOW)]


def test_what_callers_stop_is_stopped_everywhere(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    both = told(1, people=["p01", "p02"], suppressed="person", disposition=Disposition.OPT_OUT)
    number = told(
        2, caller="+8613123456702", people=["p03"], suppressed="number", disposition=Disposition.WRONG_NUMBER
    )
    nothing = told(3, caller="+8613123456703", people=["p04"])
    assert record(ledger, both, number, nothing) == [True, True, True]
    assert record(ledger, both) == [False], "the same message again is nothing new"
    with ledger.reading() as rows:
        stopped = {(each.scope, each.person or each.number, each.reason) for each in all_suppressions(rows)}
    ledger.close()
    assert stopped == {
        ("number", CALLER, "opt_out"),
        ("person", "p01", "opt_out"),
        ("person", "p02", "opt_out"),
        ("number", "+8613123456702", "wrong_number"),
    }


def test_the_command_lists_them_and_shows_numbers_only_when_asked(
    bare_office: Office, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(bare_office.ledger)
    back = InboundCallback(local="2026-11-03T10:00", at=NOW + timedelta(days=1))
    record(
        ledger,
        told(1, people=["p01"], callback=back, disposition=Disposition.CALLBACK_SET),
        told(2, caller=None),
    )
    ledger.close()

    def listed(*options: str) -> list[dict[str, Any]]:
        with pytest.raises(SystemExit) as ended:
            main(["--office", str(bare_office.folder), "inbound", "--json", *options])
        assert ended.value.code in {0, None}
        found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
        return found

    first, second = listed()
    assert (first["caller"], first["people"], first["callback"]) == ("+86…01", ["p01"], "2026-11-03 10:00")
    assert (second["caller"], second["disposition"]) == ("", "no_decision")
    assert [each["caller"] for each in listed("--numbers")] == [CALLER, ""]
    assert [each["call"] for each in listed("--limit", "1")] == ["call-2"]
    assert listed("--box", "another") == []
    monkeypatch.setenv("COLUMNS", "160")
    with pytest.raises(SystemExit):
        main(["--office", str(bare_office.folder), "inbound"])
    table = capsys.readouterr().out
    assert "+86…01" in table
    assert "withheld" in table
    assert CALLER not in table


def test_callers_leave_cases_once_each(tmp_path: Path) -> None:
    """A complaint, a callback at its hour, a person who was not reached; an unknown caller's too, and no case of the rest."""
    ledger = Ledger(tmp_path / "ledger.db")
    back = InboundCallback(local="2026-11-03T10:00", at=NOW + timedelta(days=1))
    record(ledger, told(1, people=["p01"], disposition=Disposition.COMPLAINT))
    with ledger.transaction() as rows:
        sweep(rows)
    messages = [
        told(2, people=["p01", "p02"], callback=back, disposition=Disposition.CALLBACK_SET),
        told(3, transfer="asked_for", disposition=Disposition.NO_DECISION, caller=None),
        told(4, transfer="asked_for", disposition=Disposition.HUMAN_BRIDGED),
        told(5, disposition=Disposition.OPT_OUT, suppressed="number"),
    ]
    record(ledger, *messages[1:], messages[0])
    with ledger.transaction() as rows:
        sweep(rows)
        sweep(rows)
        found = {row.attempt: (row.kind, row.person, row.campaign) for row in rows.execute(select(CASE))}
        due = rows.execute(select(CASE.c.due_at).where(CASE.c.attempt == "call-2")).scalar_one()
        assert is_swept(rows)
    ledger.close()
    assert found == {
        "call-1": ("complaint", "p01", ""),
        "call-2": ("callback", "", ""),
        "call-3": ("human", "", ""),
    }
    assert due == to_ms(NOW + timedelta(days=1))


def test_a_ledger_that_made_cases_before_looks_at_its_callers_too(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    record(ledger, told(1, disposition=Disposition.COMPLAINT))
    with ledger.transaction() as rows:
        rows.execute(insert(CASE_SWEEP).values(box="b1", stream="s1", up_to=1))
        sweep(rows)
        assert rows.execute(select(CASE.c.attempt)).scalars().all() == ["call-1"]
    ledger.close()
