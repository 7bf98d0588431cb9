"""Where the ledger lies and how it becomes what this program needs; passwords stay where others do not look."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from console import ledger_engine
from console.arguments import office_at
from console.cli import main
from console.errors import LedgerError, OfficeError
from console.ledger import Arrival, Ledger
from console.ledger_engine import LAYOUT, has_password, name_of
from console.ledger_marks import Mark, Stream, advance
from console.ledger_tables import METADATA
from console.office import Office
from console.web_tables import add_indices
from firmware.clock import to_ms
from firmware.sync.messages import MoneyWire, OutcomeMessage, PromiseWire
from tests.console.throwaway_postgresql import ThrowawayPostgresql

NOW = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
SECRET = "postgresql://office:hunter2@localhost/ledger"
UNDO_LAYOUT_3 = (
    "DROP INDEX outcome_by_time", "DROP INDEX outcome_by_person", "DROP INDEX outcome_by_contact",
    "DROP INDEX contact_by_person", "DROP INDEX contact_by_number",
    "ALTER TABLE promise DROP COLUMN total_minor", "ALTER TABLE promise DROP COLUMN last_due",
    "ALTER TABLE promise DROP COLUMN paid_minor", "ALTER TABLE promise DROP COLUMN kept_on",
    "DROP TABLE payment", "DROP TABLE owner", "ALTER TABLE outcome DROP COLUMN hand_over",
    "ALTER TABLE outcome DROP COLUMN first_word_ms", "ALTER TABLE event DROP COLUMN facts",
    *(
        f"ALTER TABLE promise DROP COLUMN {name}"
        for name in ("campaign", "contact", "line", "flow", "flow_version", "reserved_at")
    ),
)  # fmt: skip
OLD_PROMISE = (
    "INSERT INTO promise (box, attempt, due, amount_minor, currency, confirmed, instalments, every)"
    " VALUES ('b1', 'a1', '2026-01-31', 500, 'CNY', true, 2, 'month')"
)


def test_the_steps_lead_to_the_layout_that_new_ledgers_are_made_with() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(ledger_engine.__file__).with_name("migrations")))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [LAYOUT]


def test_an_older_ledger_is_brought_up_and_is_like_a_new_one(
    new_place: Callable[[], Any], outcome: Callable[..., OutcomeMessage]
) -> None:
    place = new_place()
    older = Ledger(place)
    promised = PromiseWire(due=date(2026, 11, 9), amount=MoneyWire(123450, "CNY"), confirmed=True)
    call = outcome(7, line="line-2", flow="reminder", flow_version=3, promise=promised)
    older.record([Arrival(box="b1", message=call)], seen_at=NOW)
    with older.transaction() as connection:
        for statement in (*UNDO_LAYOUT_3, OLD_PROMISE):
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'layout_2'")
    older.close()
    ledger = Ledger(place)
    with ledger.transaction() as connection:
        of_old = "SELECT total_minor, last_due, paid_minor, kept_on FROM promise WHERE attempt = 'a1'"
        row = connection.execute(text(of_old)).one()
        known = "SELECT campaign, contact, line, flow, flow_version, reserved_at FROM promise WHERE attempt = :one"
        of_call = connection.execute(text(known), {"one": call.attempt}).one()
        connection.execute(text("CREATE INDEX outcome_by_progress ON outcome (campaign)"))
        add_indices(connection)  # as the web server does
        differences = compare_metadata(MigrationContext.configure(connection), METADATA)
        version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    ledger.close()
    assert tuple(row) == (1000, "2026-02-28", 0, None)
    assert tuple(of_call) == ("nov", "c07", "line-2", "reminder", 3, to_ms(NOW))
    assert differences == []
    assert version == LAYOUT


def test_a_file_from_before_there_were_steps_is_brought_up(tmp_path: Path) -> None:
    older = Ledger(tmp_path / "ledger.db")
    with older.transaction() as connection:
        for statement in (
            *UNDO_LAYOUT_3,
            OLD_PROMISE,
            "DROP TABLE alembic_version",
            "PRAGMA user_version = 2",
        ):
            connection.exec_driver_sql(statement)
    older.close()
    ledger = Ledger(tmp_path / "ledger.db")
    with ledger.transaction() as connection:
        assert connection.exec_driver_sql("SELECT last_due FROM promise").scalar_one() == "2026-02-28"
        assert connection.exec_driver_sql("PRAGMA user_version").scalar_one() == 3, "older programs refuse it"
    ledger.close()


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE alembic_version SET version_num = 'layout_99'", "layout layout_99"),
        ("DROP TABLE alembic_version", "is no ledger"),
    ],
    ids=["of a newer program", "somebody else's tables"],
)
def test_what_this_program_does_not_know_is_left_alone(
    postgresql: ThrowawayPostgresql, statement: str, message: str
) -> None:
    place = postgresql.new_ledger()
    ledger = Ledger(place)
    with ledger.transaction() as connection:
        connection.exec_driver_sql(statement)
    ledger.close()
    with pytest.raises(LedgerError, match=message):
        Ledger(place)


def test_many_that_open_a_new_ledger_at_once_make_one(new_place: Callable[[], Any]) -> None:
    place = new_place()
    with ThreadPoolExecutor(4) as programs:
        for ledger in programs.map(Ledger, [place] * 4):
            assert ledger.high_water() == {}
            ledger.close()


def test_a_transaction_that_met_another_is_done_again(
    postgresql: ThrowawayPostgresql, outcome: Callable[..., OutcomeMessage], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that wait for each other: the server undoes one of them, and it is done again; both are kept."""
    place = postgresql.new_ledger()
    ledgers = {"b1": Ledger(place), "b2": Ledger(place)}
    ledgers["b1"].record([Arrival(box=box, message=outcome(1)) for box in ledgers], seen_at=NOW)
    both_hold_one = threading.Barrier(2)
    calls: list[str] = []

    def crossing(connection: Connection, numbers: Mapping[Stream, Sequence[int]]) -> dict[Stream, Mark]:
        [(mine, _)] = numbers
        calls.append(mine)
        is_first_time = calls.count(mine) == 1
        for box in (mine, "b2" if mine == "b1" else "b1"):
            connection.execute(text("SELECT up_to FROM uplink WHERE box = :box FOR UPDATE"), {"box": box})
            if is_first_time and box == mine:
                both_hold_one.wait(5)
        return advance(connection, numbers)

    monkeypatch.setattr("console.ledger.advance", crossing)
    with ThreadPoolExecutor(2) as programs:
        done = [
            programs.submit(ledger.record, [Arrival(box=box, message=outcome(2))], seen_at=NOW)
            for box, ledger in ledgers.items()
        ]
        assert [each.result(20)[0].up_to for each in done] == [2, 2]
    assert sorted(calls) in (["b1", "b1", "b2"], ["b1", "b2", "b2"])
    for ledger in ledgers.values():
        ledger.close()


def test_a_name_never_shows_the_password_and_a_bad_address_is_not_repeated() -> None:
    assert "hunter2" not in name_of(SECRET)
    assert has_password(SECRET)
    assert has_password("postgresql:///ledger?password=hunter2")
    assert not has_password("postgresql:///ledger?service=office")
    assert not has_password(Path("ledger.db"))
    for wrong in (
        "mysql://office:hunter2@localhost/ledger",
        "office:hunter2@localhost",
        "postgresql+asyncpg://x/y",
    ):
        with pytest.raises(LedgerError, match="postgresql://user@host/database") as caught:
            name_of(wrong)
        assert "hunter2" not in str(caught.value)


def test_a_server_that_is_away_is_one_line_without_the_password() -> None:
    with pytest.raises(LedgerError) as caught:
        Ledger("postgresql://office:hunter2@127.0.0.1:1/ledger?connect_timeout=2")
    assert "\n" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_the_ledger_is_named_on_the_command_line_or_in_the_environment_or_in_the_office(
    bare_office: Office,
    postgresql: ThrowawayPostgresql,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place = postgresql.new_ledger()
    folder = str(bare_office.folder)
    with pytest.raises(SystemExit, match="0"):
        main(["--database", place, "--office", folder, "outcomes", "--json"])
    assert capsys.readouterr().out.strip() == "[]"
    ledger = Ledger(place)
    assert ledger.high_water() == {}
    ledger.close()
    assert not (bare_office.folder / "ledger.db").exists()
    with pytest.raises(SystemExit):
        main(["--office", folder, "box", "list"])
    assert office_at(bare_office.folder).ledger == bare_office.folder / "ledger.db"
    monkeypatch.setenv("BRANCHLINE_DATABASE", SECRET)
    assert office_at(bare_office.folder).ledger == SECRET
    monkeypatch.delenv("BRANCHLINE_DATABASE")
    settings = bare_office.folder / "office.toml"
    settings.write_text(settings.read_text() + f'database = "{SECRET}"\n')
    settings.chmod(0o644)
    with pytest.raises(OfficeError, match="chmod 600"):
        office_at(bare_office.folder)
    settings.chmod(0o600)
    assert office_at(bare_office.folder).ledger == SECRET


def test_a_password_on_the_command_line_is_refused(
    bare_office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--database", SECRET, "--office", str(bare_office.folder), "outcomes"])
    assert caught.value.code != 0
    assert "hunter2" not in capsys.readouterr().err
