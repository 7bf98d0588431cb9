"""The ledger keeps every fact once, whatever the order and number in which messages come."""

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, select

from console.errors import LedgerError
from console.ledger import Arrival, Ledger
from console.ledger_facts import Unread
from console.ledger_tables import FACTS, OUTCOME, UNREAD, UPLINK, UPLINK_AHEAD
from firmware.sync.messages import (
    Ack,
    BoxEvent,
    BoxState,
    MoneyWire,
    OutcomeMessage,
    PromiseWire,
    Refusals,
    RejectedRow,
    Telemetry,
)
from firmware.values import Disposition

NOW = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
Outcome = Callable[..., OutcomeMessage]


def content(ledger: Ledger) -> dict[str, list[Any]]:
    with ledger.reading() as connection:
        return {
            table.name: sorted(tuple(row) for row in connection.execute(select(table)))
            for table in (*FACTS, UPLINK, UPLINK_AHEAD)
        }


def message_of(outcome: Outcome, stream: str, seq: int, kind: int) -> Any:
    """Return the one message that a box has under this number: any kind, with promises and clashes among them."""
    envelope: dict[str, Any] = {
        "id": f"{stream}-{seq:03d}",
        "at": NOW + timedelta(seconds=seq),
        "stream": stream,
        "seq": seq,
    }
    match kind % 6:
        case 0:
            promise = PromiseWire(due=date(2026, 11, 27), amount=MoneyWire(128050, "CNY"), confirmed=True)
            return outcome(
                **envelope, attempt=f"{stream}-a{seq}", disposition=Disposition.PROMISE_FULL, promise=promise
            )
        case 1:  # several messages about one attempt, which no sound box sends
            return outcome(
                **envelope,
                attempt="shared",
                talk_ms=seq,
                promise=None if seq % 2 else PromiseWire(due=date(2026, 11, 27), confirmed=False),
            )
        case 2:
            rejected = [RejectedRow(row=seq, reason="unspeakable")]
            return Ack(**envelope, about="m", kind="contacts", accepted=True, rejected=rejected)
        case 3:
            return BoxEvent(**envelope, event="line_ready", severity="info")
        case 4:
            return Refusals(**envelope, campaign="nov", contact="c12", verdict="refuse", rule="ALL-STS-1")
        case _:
            return Unread(**envelope, payload=b"{}", problem="of a newer box")


@given(data=st.data(), kinds=st.lists(st.integers(0, 5), min_size=1, max_size=9))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_of_duplicated_delayed_reordered_messages_makes_the_same_ledger(
    new_ledger: Callable[[], Ledger], outcome: Outcome, data: st.DataObject, kinds: list[int]
) -> None:
    sent = [
        Arrival(box=box, message=message_of(outcome, stream, seq, kind + seq * (stream == "s2")))
        for box in ("b1", "b2")
        for stream in ("s1", "s2")
        for seq, kind in enumerate(kinds, 1)
    ]
    deliveries = data.draw(st.permutations(sent + data.draw(st.lists(st.sampled_from(sent), max_size=12))))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(deliveries)), max_size=5)))
    straight, shuffled = new_ledger(), new_ledger()
    straight.record(sent, seen_at=NOW)
    for start, end in zip([0, *cuts], [*cuts, len(deliveries)], strict=True):
        recorded = shuffled.record(deliveries[start:end], seen_at=NOW + timedelta(hours=1))
        for each in recorded:  # a receipt never passes what has come
            come = {
                d.message.seq
                for d in deliveries[:end]
                if d.box == each.arrival.box
                and not isinstance(d.message, BoxState | Telemetry)
                and d.message.stream == each.stream
            }
            assert set(range(1, each.up_to + 1)) <= come
    assert content(shuffled) == content(straight)
    assert content(straight)["uplink_ahead"] == []
    assert {row[2] for row in content(straight)["uplink"]} == {len(kinds)}
    straight.close()
    shuffled.close()


@pytest.fixture
def ledger(new_ledger: Callable[[], Ledger]) -> Ledger:
    return new_ledger()


def test_a_duplicate_is_known_and_still_owed_a_receipt(ledger: Ledger, outcome: Outcome) -> None:
    [first] = ledger.record([Arrival(box="b1", message=outcome(1))], seen_at=NOW)
    [again] = ledger.record([Arrival(box="b1", message=outcome(1))], seen_at=NOW)
    assert (first.is_new, first.up_to) == (True, 1)
    assert (again.is_new, again.up_to) == (False, 1)


def test_the_mark_waits_before_a_gap_and_leaps_when_it_closes(ledger: Ledger, outcome: Outcome) -> None:
    def record(seq: int) -> tuple[int, int | None]:
        [recorded] = ledger.record([Arrival(box="b1", message=outcome(seq))], seen_at=NOW)
        return recorded.up_to, recorded.missing_from

    assert [record(seq) for seq in (1, 3, 4, 6, 2, 5)] == [
        (1, None), (1, 2), (1, 2), (1, 2), (4, 5), (6, None),
    ]  # fmt: skip
    assert content(ledger)["uplink_ahead"] == []


def test_a_replaced_database_starts_a_stream_of_its_own(ledger: Ledger, outcome: Outcome) -> None:
    ledger.record([Arrival(box="b1", message=outcome(seq)) for seq in (1, 2)], seen_at=NOW)
    [new] = ledger.record(
        [Arrival(box="b1", message=outcome(1, stream="s2", id="other", attempt="other"))], seen_at=NOW
    )
    assert new.is_new
    assert ledger.high_water() == {("b1", "s1"): 2, ("b1", "s2"): 1}


def test_a_number_used_twice_loses_no_outcome(ledger: Ledger, outcome: Outcome) -> None:
    """A box restored from a backup may count anew: its new outcomes are facts all the same."""
    ledger.record([Arrival(box="b1", message=outcome(seq)) for seq in (1, 2)], seen_at=NOW)
    [again] = ledger.record(
        [Arrival(box="b1", message=outcome(2, id="after-restore", attempt="after-restore"))], seen_at=NOW
    )
    assert again.is_new
    assert len(content(ledger)["outcome"]) == 3


def test_one_box_cannot_overwrite_anothers_outcome(ledger: Ledger, outcome: Outcome) -> None:
    ledger.record([Arrival(box="b1", message=outcome(1))], seen_at=NOW)
    ledger.record([Arrival(box="b2", message=outcome(1, id="id-0000"))], seen_at=NOW)
    assert [row[0] for row in content(ledger)["outcome"]] == ["b1", "b2"]


@pytest.mark.parametrize(
    "change",
    [{"cause_q850": 2**70}, {"flow_version": 2**64}, {"note": "\ud800"}],
    ids=["70 bits", "64 bits", "half a letter"],
)
def test_what_no_database_can_hold_is_kept_as_it_came(
    ledger: Ledger, outcome: Outcome, change: dict[str, Any]
) -> None:
    message = (
        outcome(2, **change)
        if "note" not in change
        else Unread(id="x", at=NOW, stream="s1", seq=2, payload=b"raw", problem="\ud800")
    )
    recorded = ledger.record(
        [Arrival(box="b1", message=each) for each in (outcome(1), message, outcome(3))], seen_at=NOW
    )
    assert [each.up_to for each in recorded] == [3, 3, 3]
    assert len(content(ledger)["outcome"]) == 2
    assert len(content(ledger)["unread"]) == 1


def test_bytes_and_letters_come_back_as_they_went(ledger: Ledger, outcome: Outcome) -> None:
    """PostgreSQL has no NUL: what holds one is kept as it came, and nothing beside it is lost."""
    payload, note = bytes(range(256)), 'quote " backslash \\x41 \\u0041 中文 \N{PILE OF POO}'
    facts: list[Unread | OutcomeMessage] = [
        Unread(id="x", at=NOW, stream="s1", seq=1, payload=payload, problem="of a newer box"),
        outcome(2, note=note),
        outcome(3, note="a\0b"),
    ]
    recorded = ledger.record([Arrival(box="b1", message=each) for each in facts], seen_at=NOW)
    assert [each.is_new for each in recorded] == [True] * 3
    with ledger.reading() as connection:
        notes = set(connection.execute(select(OUTCOME.c.note)).scalars())
        kept = {row.id: row.payload for row in connection.execute(select(UNREAD))}
    assert kept["x"] == payload
    assert note in notes
    assert "a\0b" in notes or msgspec.json.decode(kept["id-0003"])["note"] == "a\0b"


def test_nothing_of_a_failed_transaction_is_kept(
    ledger: Ledger, outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The high-water mark fails after the facts: neither is there afterwards."""

    def fail(*_: object) -> None:
        raise RuntimeError("crash")

    monkeypatch.setattr("console.ledger.advance", fail)
    with pytest.raises(RuntimeError):
        ledger.record([Arrival(box="b1", message=outcome(1))], seen_at=NOW)
    assert set(map(len, content(ledger).values())) == {0}


def test_a_read_only_or_foreign_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("this is no database, and long enough to be told apart from one" * 30)
    with pytest.raises(LedgerError) as caught:
        Ledger(tmp_path / "text.db")
    assert "\n" not in str(caught.value)
    engine = create_engine(f"sqlite:///{tmp_path / 'newer.db'}")
    with engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA user_version = 99")
    with pytest.raises(LedgerError, match="layout 99"):
        Ledger(tmp_path / "newer.db")


def test_the_ledger_is_its_owners_alone(tmp_path: Path) -> None:
    Ledger(tmp_path / "ledger.db").close()
    assert (tmp_path / "ledger.db").stat().st_mode & 0o077 == 0


def test_readers_do_not_keep_the_writer_waiting(ledger: Ledger, outcome: Outcome) -> None:
    with ledger.reading() as connection:
        assert connection.execute(select(UPLINK)).all() == []
        [recorded] = ledger.record([Arrival(box="b1", message=outcome(1))], seen_at=NOW)
        assert recorded.is_new
        assert connection.execute(select(UPLINK)).all() == [], "a reader sees one state"


def test_many_messages_in_random_order(ledger: Ledger, outcome: Outcome) -> None:
    """Six hundred messages, shuffled: the mark arrives at the end and nothing waits."""
    arrivals = [Arrival(box="b1", message=outcome(seq)) for seq in range(1, 601)]
    random.Random(7).shuffle(arrivals)
    for start in range(0, len(arrivals), 50):
        ledger.record(arrivals[start : start + 50], seen_at=NOW)
    assert ledger.high_water() == {("b1", "s1"): 600}
