"""How a line has stood is there afterwards: what changed and when, not every call, and never without bound."""

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from firmware.daemon.line_command import line_app
from firmware.daemon.line_history import LineHistory
from firmware.lines.line import LineReport, LineStatus
from firmware.store import line_states
from firmware.store.connection import Connection
from firmware.store.database import Database
from firmware.store.errors import StoreFailedError
from firmware.store.inline_executor import InlineExecutor
from firmware.store.insisting import PAUSE_S
from firmware.store.line_states import LineState
from firmware.values import LineId
from tests.firmware.store.store_rows import NOW
from tests.firmware.test_settings import GOOD
from tests.scenarios.virtual_time import run_virtually

LINE, OTHER = LineId("line-1"), LineId("line-2")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(tmp_path / "data" / "box.db", executor=InlineExecutor())
    yield opened
    opened.close_now()


def report(status: LineStatus, line: LineId = LINE, **changes: Any) -> LineReport:
    return LineReport(line=line, status=status, **changes)


def test_changes_are_kept_and_calls_are_none(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that refuses is asked again; what changed meanwhile follows with its own time."""

    async def story() -> None:
        loop = asyncio.get_running_loop()
        history = LineHistory(database, now=lambda: NOW + timedelta(seconds=loop.time() - began_s))
        began_s = loop.time()
        running = asyncio.create_task(history.run())
        history.see(report(LineStatus.STARTING))
        await asyncio.sleep(10)
        for _ in range(5):
            history.see(report(LineStatus.READY, operator="CMCC", detail="4 bars"))
            await asyncio.sleep(20)
            history.see(report(LineStatus.IN_CALL, operator="CMCC", detail="in call"))
            await asyncio.sleep(20)
        real = database.transact

        async def refuse(_work: object) -> None:
            raise StoreFailedError("disk full")

        monkeypatch.setattr(database, "transact", refuse)
        history.see(report(LineStatus.FAULTED, detail="no answer", ailment="mute", treatment="reset"))
        await asyncio.sleep(1)
        history.see(report(LineStatus.SEARCHING))
        monkeypatch.setattr(database, "transact", real)
        await asyncio.sleep(PAUSE_S)
        running.cancel()

    run_virtually(story())
    found = database.run_now(lambda con: line_states.latest(con, 10))
    assert [(each.status, each.since) for each in reversed(found)] == [
        ("starting", NOW),
        ("ready", NOW + timedelta(seconds=10)),
        ("faulted", NOW + timedelta(seconds=210)),
        ("searching", NOW + timedelta(seconds=211)),
    ]
    assert (found[1].detail, found[1].ailment, found[1].treatment) == ("no answer", "mute", "reset")
    assert found[2].operator == "CMCC"


def test_a_line_that_comes_and_goes_keeps_its_latest_states(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_states, "MOST_A_LINE", 5)

    def work(con: Connection) -> None:
        line_states.note(con, LineState(line=OTHER, since=NOW, status="ready"))
        for second in range(20):
            line_states.note(
                con, LineState(line=LINE, since=NOW + timedelta(seconds=second), status="absent")
            )

    database.run_now(work)
    kept = database.run_now(lambda con: line_states.latest(con, 100, line=LINE))
    assert [each.since for each in kept] == [NOW + timedelta(seconds=second) for second in range(19, 14, -1)]
    assert len(database.run_now(lambda con: line_states.latest(con, 100))) == 6
    n_gone = database.run_now(lambda con: line_states.forget_before(con, NOW + timedelta(seconds=17)))
    assert n_gone == 3


def test_a_technician_reads_it(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "box.toml").write_text(GOOD)
    states = [
        LineState(line=LINE, since=NOW, status="ready", operator="CMCC"),
        LineState(line=OTHER, since=NOW + timedelta(hours=1), status="faulted", detail="[no] answer"),
    ]

    def work(con: Connection) -> None:
        for state in states:
            line_states.note(con, state)

    database.run_now(work)

    def said(*arguments: str) -> str:
        with pytest.raises(SystemExit) as end:
            line_app(["history", "--config", str(tmp_path / "box.toml"), *arguments])
        assert end.value.code == 0
        return capsys.readouterr().out

    rows = json.loads(said("--json"))
    assert [(row["line"], row["status"], row["since"][:19]) for row in rows] == [
        ("line-2", "faulted", "2026-03-04T03:00:00"),
        ("line-1", "ready", "2026-03-04T02:00:00"),
    ]
    assert [row["line"] for row in json.loads(said("--json", "--line", "line-1"))] == ["line-1"]
    assert "[no]" in said()
