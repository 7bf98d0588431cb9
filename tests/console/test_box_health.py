"""Telemetry at the office: the last word of each box, a bounded past, and nothing that could stop the uplink."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from console.box_health import health_history, latest_health
from console.cli import main
from console.ingest import read_arrival
from console.ledger import Arrival, Ledger
from console.ledger_tables import TELEMETRY
from console.office import Office
from firmware.sync.connection import Received
from firmware.sync.messages import encode
from firmware.sync.messages_telemetry import LineHealth, Telemetry
from tests.console.conftest import NOW

MINUTE = timedelta(minutes=1)


def told(minute: int, temperature_c: float | None = None) -> Telemetry:
    line = LineHealth(line="line-1", status="ready", rssi_dbm=-71)
    return Telemetry(
        id=f"t{minute}", at=NOW, boot="boot", uptime_s=60 * minute, lines=[line], cpu_temp_c=temperature_c
    )


def said(minute: int, *, box: str = "b1", temperature_c: float | None = None) -> Arrival:
    return Arrival(box=box, message=told(minute, temperature_c))


def test_the_last_word_counts_and_the_past_is_thin_and_short(new_ledger: Callable[[], Ledger]) -> None:
    """A word a minute for nine days: a week of quarters of an hour is kept, the newest word of each."""
    ledger = new_ledger()
    for minute in (*range(60), 9 * 24 * 60, 9 * 24 * 60 + 1):
        ledger.record([said(minute)], seen_at=NOW + minute * MINUTE)
    ledger.record([said(5, box="b2", temperature_c=61.0)], seen_at=NOW)
    with ledger.reading() as rows:
        latest = latest_health(rows)
        kept = health_history(rows, "b1")
        others = latest_health(rows, ["b2"])
        n_rows = rows.execute(select(func.count()).select_from(TELEMETRY)).scalar_one()
    assert latest["b1"].telemetry.id == f"t{9 * 24 * 60 + 1}"
    assert [each.telemetry.id for each in kept] == [f"t{9 * 24 * 60 + 1}"], (
        "what is older than a week is gone"
    )
    assert others.keys() == {"b2"}
    assert n_rows == 2


def test_a_quarter_of_an_hour_keeps_its_last_word(new_ledger: Callable[[], Ledger]) -> None:
    ledger = new_ledger()
    for minute in range(40):
        ledger.record([said(minute)], seen_at=NOW + minute * MINUTE)
    ledger.record([said(99)], seen_at=NOW)  # a reader that was held up
    with ledger.reading() as rows:
        kept = health_history(rows, "b1")
        later = health_history(rows, "b1", since_ms=kept[1].seen_at_ms)
    assert [each.telemetry.id for each in kept] == ["t14", "t29", "t39"]
    assert [each.telemetry.id for each in later] == ["t29", "t39"]


@pytest.mark.parametrize(
    ("leaf", "payload", "is_kept"),
    [
        pytest.param("telemetry", encode(told(1)), True, id="telemetry"),
        pytest.param("event", encode(told(1)), False, id="on another topic"),
        pytest.param("telemetry", b'{"type":"telemetry","uptime_s":-1}', False, id="unreadable"),
        pytest.param("telemetry", b'{"type":"x","id":"i","stream":"s","seq":1,"at":"2026-01-01T00:00:00Z"}', False, id="numbered"),
    ],
)  # fmt: skip
def test_only_telemetry_is_kept_of_that_topic(leaf: str, payload: bytes, is_kept: bool) -> None:
    received = Received(topic=f"branchline/1/demo/b1/up/{leaf}", payload=payload, properties={})
    assert (read_arrival(received, "demo") is not None) is is_kept


def test_a_person_sees_it(office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    del tmp_path
    Ledger(office.ledger).record([said(3, temperature_c=61.4)], seen_at=NOW)

    def out(*words: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main(["--office", str(office.folder), *words, "--now", "2026-11-02T02:05:00Z"])
        assert not ended.value.code
        return capsys.readouterr().out

    [status] = json.loads(out("box", "status", "b1", "--json"))
    assert status["health"]["cpu_temp_c"] == 61.4
    assert status["health_ago_s"] == 300
    [entry] = json.loads(out("box", "health", "b1", "--json"))
    assert entry["telemetry"]["lines"] == [{"line": "line-1", "status": "ready", "rssi_dbm": -71}]
    assert "61 °C" in out("box", "health", "b1")
