"""What a call agreed and answered besides a promise: fields of the outcome, columns of the ledger, also for older rows."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
from sqlalchemy import create_engine
from sqlalchemy.schema import CreateTable

from console.ledger import Arrival, Ledger
from console.ledger_tables import EVENT, METADATA, OUTCOME, PROMISE
from console.reports import outcome_lines
from console.tables import outcomes_table
from firmware.sync.messages import CallbackWire, MoneyWire, OutcomeMessage, PlanWire, PromiseWire, encode
from firmware.sync.messages_handover import HandOverWire

Outcome = Callable[..., OutcomeMessage]
NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
ADDED = {
    *("answers", "callback_local", "callback_at", "transfer", "instalments", "every"),
    *("total_minor", "last_due", "paid_minor", "kept_on", "hand_over", "first_word_ms"),
}
OF_CALL = {"campaign", "contact", "line", "flow", "flow_version", "reserved_at"}
"""What promises have of their calls only later."""
PLAN = PromiseWire(
    due=date(2026, 12, 1),
    amount=MoneyWire(20000, "CNY"),
    confirmed=True,
    plan=PlanWire(instalments=6, every="month"),
)


def test_every_field_reaches_the_table(tmp_path: Path, outcome: Outcome) -> None:
    message = outcome(
        1,
        promise=PLAN,
        answers={"satisfaction": "5"},
        callback=CallbackWire(local="2026-11-27T15:30", at=datetime(2026, 11, 27, 7, 30, tzinfo=UTC)),
        transfer="hardship",
        hand_over=HandOverWire(result="declined", agent="desk-1", n_called=1, waited_ms=9000),
    )
    assert msgspec.json.decode(encode(message), type=OutcomeMessage) == message
    ledger = Ledger(tmp_path / "ledger.db")
    ledger.record([Arrival(box="b1", message=message)], seen_at=NOW)
    with ledger.reading() as connection:
        [line] = outcome_lines(connection)
    ledger.close()
    assert line.promise == "2026-12-01 200.00 CNY, 6, one a month"
    assert (line.callback, line.answers, line.transfer, line.hand_over) == (
        "2026-11-27 15:30",
        {"satisfaction": "5"},
        "hardship",
        "declined",
    )
    kept = [str(cell) for cell in outcomes_table([line]).columns[8].cells]
    assert kept == [
        "ring back 2026-11-27 15:30; wants a person: hardship; hand-over: declined; satisfaction 5"
    ]


def test_a_ledger_of_the_older_layout_is_brought_up(tmp_path: Path, outcome: Outcome) -> None:
    """Boxes used to write these as JSON into the note; a note of other words stays as it is."""
    path = tmp_path / "ledger.db"
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        for table in METADATA.sorted_tables:
            text = str(CreateTable(table).compile(engine))
            later = {OUTCOME: ADDED, PROMISE: ADDED | OF_CALL, EVENT: {"facts"}}.get(table, set())
            lines = [line for line in text.splitlines() if line.strip().split(" ")[0] not in later]
            text = "\n".join(lines)
            connection.exec_driver_sql(text)
        for attempt, note in (
            ("a1", 'disk was full; kept: {"answers": {"score": "4"}, "callback": "2026-11-27T15:30"}'),
            ("a2", 'kept: {"every": "month", "instalments": 6}'),
            ("a3", "kept: {not JSON"),
        ):
            row = outcome(1, attempt="018f0000-0000-7000-8000-000000000001")
            connection.exec_driver_sql(
                "INSERT INTO outcome (box, attempt, id, stream, seq, at, campaign, contact, person, line, disposition,"
                " reached, right_party, final, reserved_at, ended_at, talk_ms, cause, confidence, flow, flow_version,"
                " digits_heard, note) VALUES ('b1', ?, ?, 's', 1, 1, 'c', 'k', 'p', 'l', 'completed', 1, 1, 1, 1, 1,"
                " 1, '', 1.0, 'f', 1, 0, ?)",
                (attempt, row.id, note),
            )
        connection.exec_driver_sql(
            "INSERT INTO promise (box, attempt, due, amount_minor, currency, confirmed)"
            " VALUES ('b1', 'a2', '2026-12-01', 20000, 'CNY', 1)"
        )
        connection.exec_driver_sql("PRAGMA user_version = 1")
    engine.dispose()
    for _again in range(2):
        ledger = Ledger(path)
        with ledger.reading() as rows:
            by_attempt = {line.attempt: line for line in outcome_lines(rows)}
            notes = {row[0]: row[1] for row in rows.exec_driver_sql("SELECT attempt, note FROM outcome")}
        ledger.close()
        assert notes == {"a1": "disk was full", "a2": "", "a3": "kept: {not JSON"}
        assert (by_attempt["a1"].answers, by_attempt["a1"].callback) == ({"score": "4"}, "2026-11-27 15:30")
        assert by_attempt["a2"].promise == "2026-12-01 200.00 CNY, 6, one a month"
