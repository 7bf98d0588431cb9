"""A ledger moves from its file into PostgreSQL whole, or stays where it is; and the file takes nothing any more."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from console import ledger_move
from console.errors import ConsoleError, LedgerError
from console.ledger import Arrival, Ledger
from console.ledger_move import move_ledger
from console.ledger_tables import METADATA, OUTCOME
from console.office import Office, load_office
from console.reports import outcome_lines
from console.suppressions import add_suppression
from firmware.sync.messages import BoxEvent, MoneyWire, OutcomeMessage, PromiseWire
from firmware.values import Disposition
from tests.console.command_line import said
from tests.console.throwaway_postgresql import ThrowawayPostgresql

NOW = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
Outcome = Callable[..., OutcomeMessage]


@pytest.fixture
def filled(office: Office, outcome: Outcome) -> Office:
    """Everything that a column may hold: money, a plan, texts in Chinese, a NUL, none."""
    promised = PromiseWire(due=date(2026, 11, 27), amount=MoneyWire(128050, "CNY"), confirmed=True)
    messages: list[OutcomeMessage | BoxEvent] = [
        *(outcome(seq) for seq in range(1, 51)),
        outcome(51, disposition=Disposition.PROMISE_FULL, promise=promised, answered_at=NOW, answers={"说": "好"}),
        outcome(52, note="half\0done"),
        BoxEvent(id="e1", at=NOW, stream="s1", seq=53, event="started", severity="info", detail="启动"),
    ]  # fmt: skip
    ledger = Ledger(office.ledger)
    ledger.record([Arrival(box="b1", message=each) for each in messages], seen_at=NOW)
    with ledger.transaction() as rows:
        add_suppression(rows, "person", "p07", "opt_out", NOW)
    ledger.close()
    return office


def content(ledger: Ledger) -> dict[str, list[tuple[object, ...]]]:
    with ledger.reading() as rows:
        return {
            table.name: sorted((tuple(row) for row in rows.execute(select(table))), key=repr)
            for table in METADATA.sorted_tables
        }


def test_all_of_it_moves_and_the_office_uses_it(
    filled: Office, postgresql: ThrowawayPostgresql, outcome: Outcome, capsys: pytest.CaptureFixture[str]
) -> None:
    place = postgresql.new_ledger()
    before, still_open = Ledger(filled.ledger), Ledger(filled.ledger)
    held = content(before)
    with before.reading() as rows:
        lines = outcome_lines(rows)
    before.close()
    code, out, err = said(capsys, "--office", filled.folder, "ledger", "move", "--to", place, "--json")
    assert (code, err.strip()) == (0, "")
    moved = json.loads(out)
    assert (moved["rows"]["outcome"], moved["rows"]["promise"], moved["mended"]) == (52, 1, 1)
    with pytest.raises(Exception, match="moved to PostgreSQL"):
        still_open.record([Arrival(box="b1", message=outcome(60))], seen_at=NOW)
    still_open.close()
    office = load_office(filled.folder)
    assert office.ledger == place
    assert not (filled.folder / "ledger.db").exists()
    assert Path(moved["kept_as"]).is_file()
    after = Ledger(office.ledger)
    found = content(after)
    [mended] = [row for row in found["outcome"] if "half" in repr(row)]
    assert "half\N{REPLACEMENT CHARACTER}done" in mended
    assert found == {
        name: [tuple(cell.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(cell, str) else cell for cell in row)
               for row in rows]
        for name, rows in held.items()
    }  # fmt: skip
    with after.reading() as rows:
        assert outcome_lines(rows) == lines
    [again] = after.record([Arrival(box="b1", message=outcome(1))], seen_at=NOW)
    assert not again.is_new, "what was known is known"
    assert after.high_water()["b1", "s1"] == 53
    after.close()
    code, _, err = said(capsys, "--office", filled.folder, "ledger", "move", "--to", place)
    assert (code, "there is no file to move" in err) == (1, True)


def test_what_fails_leaves_the_file_the_ledger(
    filled: Office, postgresql: ThrowawayPostgresql, outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = postgresql.new_ledger()
    there = Ledger(used)
    there.record([Arrival(box="b9", message=outcome(1))], seen_at=NOW)
    with pytest.raises(ConsoleError, match="holds a ledger already"):
        move_ledger(filled, used, at=NOW)
    there.close()
    place = postgresql.new_ledger()
    monkeypatch.setattr(ledger_move, "_mend", lambda _row: 0)  # the server refuses a NUL in the middle of it
    with pytest.raises(LedgerError, match=r"(NUL|0x00).*nothing was moved"):
        move_ledger(filled, place, at=NOW)
    empty = Ledger(place)
    assert not any(content(empty).values()), "all or nothing"
    empty.close()
    assert load_office(filled.folder).database == ""
    ledger = Ledger(filled.ledger)
    assert ledger.record([Arrival(box="b1", message=outcome(70))], seen_at=NOW)[0].is_new
    with ledger.reading() as rows:
        assert len(rows.execute(select(OUTCOME.c.attempt)).all()) == 53
    ledger.close()


@pytest.mark.parametrize(
    ("to", "code", "text"),
    [
        ("postgresql://li:secret@db/ledger", 2, "BRANCHLINE_LEDGER_TARGET"),
        ("sqlite:///elsewhere.db", 1, "postgresql://user@host/database"),
        ("postgresql://li@/ledger?host=/nowhere", 1, "check the server"),
    ],
)
def test_addresses_that_will_not_do(
    filled: Office, capsys: pytest.CaptureFixture[str], to: str, code: int, text: str
) -> None:
    found, _, err = said(capsys, "--office", filled.folder, "ledger", "move", "--to", to)
    assert (found, text in " ".join(err.replace("│", " ").split())) == (code, True), err
    assert "secret" not in err
    assert (filled.folder / "ledger.db").exists()
