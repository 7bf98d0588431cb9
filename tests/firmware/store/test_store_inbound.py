"""Calls that came in: counted within the hour by number, known by number, ended once, kept while a hold stands."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from firmware.compliance.numbering import shown_number
from firmware.store import attempts, campaigns, inbound
from firmware.store.connection import Connection
from firmware.store.database import Database
from firmware.store.errors import StoreConflictError
from firmware.store.legal_holds import LegalHold, set_hold
from firmware.values import E164, AttemptId, Disposition, LineId
from tests.firmware.store.store_rows import Rows, add_contacts

NUMBER, OTHER = E164("+8613123456789"), E164("+8613755550123")


def run(database: Database, work: Callable[[Connection], object]) -> object:
    return asyncio.run(database.transact(work))


def call_of(rows: Rows, name: str, caller: E164 | None, *, minutes: float = 0) -> inbound.InboundCall:
    return inbound.InboundCall(
        call=AttemptId(name),
        line=LineId("line-1"),
        caller=caller,
        rang_at=rows.now + timedelta(minutes=minutes),
        flow="inbound",
        flow_version=1,
    )


def test_calls_are_counted_by_number_and_withheld_ones_are_one(database: Database, rows: Rows) -> None:
    def work(con: Connection) -> None:
        for place, caller in enumerate((NUMBER, NUMBER, OTHER, None, None, None)):
            inbound.add(con, call_of(rows, f"i{place}", caller, minutes=place))
        since = rows.now - timedelta(minutes=1)
        assert inbound.count_since(con, since, NUMBER) == (6, 2)
        assert inbound.count_since(con, since, None) == (6, 3)
        assert inbound.count_since(con, since, E164("+8613900000000")) == (6, 0)
        assert inbound.count_since(con, rows.now + timedelta(minutes=1), NUMBER) == (4, 0), (
            "the hour has passed"
        )

    run(database, work)


def test_a_call_ends_once_and_an_open_one_is_found(database: Database, rows: Rows) -> None:
    def work(con: Connection) -> None:
        inbound.add(con, call_of(rows, "i1", NUMBER))
        assert [call.call for call in inbound.open_calls(con)] == ["i1"]
        ends = {"answered_at": None, "ended_at": rows.now, "disposition": Disposition.HUNG_UP_EARLY}
        inbound.finish(con, AttemptId("i1"), **ends)  # type: ignore[arg-type]
        assert inbound.open_calls(con) == []
        with pytest.raises(StoreConflictError):
            inbound.finish(con, AttemptId("i1"), **ends)  # type: ignore[arg-type]

    run(database, work)


def test_what_is_known_of_a_number_and_what_a_hold_keeps(database: Database, rows: Rows) -> None:
    def work(con: Connection) -> None:
        campaigns.add_campaign(con, rows.campaign(), raw=b"", received_at=rows.now)
        add_contacts(con, [rows.contact("k1"), rows.contact("k2"), rows.contact("k3", numbers=(OTHER,))])
        assert inbound.known_number(con, NUMBER).last_called_at is None
        attempts.reserve(con, rows.reservation())
        known = inbound.known_number(con, NUMBER)
        assert known.people == ("person-k1", "person-k2")
        assert known.last_called_at == rows.now
        assert known.language == "zh-CN"
        assert [contact for _campaign, contact in known.waiting] == ["k1", "k2"]
        assert inbound.number_last_called(con) == NUMBER
        for name, caller in (("i1", NUMBER), ("i2", OTHER), ("i3", None)):
            inbound.add(con, call_of(rows, name, caller))
            inbound.finish(
                con, AttemptId(name), answered_at=None, ended_at=rows.now, disposition=Disposition.SILENCE
            )
        set_hold(
            con,
            LegalHold(
                hold="h1",
                scope="person",
                subject="person-k1",
                by="Li Wei",
                reason="a lawsuit",
                source="console",
                set_at=rows.now,
            ),
        )
        assert inbound.forget_before(con, rows.now) == 0, "not old enough"
        assert inbound.forget_before(con, rows.now + timedelta(days=31)) == 2
        assert [row["call"] for row in con.rows("SELECT call FROM inbound_call")] == ["i1"]

    run(database, work)


def test_a_caller_is_found_among_many_without_reading_them_all(
    database: Database, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By any of their numbers, and by the indexes that were made for it: a list of 100 000 costs a caller no wait."""

    def work(con: Connection) -> None:
        campaigns.add_campaign(con, rows.campaign(), raw=b"", received_at=rows.now)
        numbers = [(OTHER,), (NUMBER, OTHER), (NUMBER,), (E164(f"{OTHER}0"), NUMBER)]
        add_contacts(con, [rows.contact(f"k{place}", numbers=each) for place, each in enumerate(numbers)])
        assert inbound.known_number(con, OTHER).people == ("person-k0", "person-k1")
        assert inbound.known_number(con, NUMBER).people == ("person-k1", "person-k2", "person-k3")
        assert not inbound.known_number(con, E164("+8613900000000")).is_known
        steps: list[str] = []
        real = Connection.rows

        def explained(self: Connection, sql: str, given: Any = ()) -> list[Any]:
            steps.extend(row["detail"] for row in real(self, f"EXPLAIN QUERY PLAN {sql}", given))
            return real(self, sql, given)

        monkeypatch.setattr(Connection, "rows", explained)
        inbound.known_number(con, OTHER)
        monkeypatch.undo()
        used = [step for step in steps if "contact" in step and "JOIN" not in step]
        assert len(used) == 2, used
        assert "SEARCH contact USING INDEX contact_numbers" in used[0]
        assert "USING INDEX contact_more_numbers" in used[1]

    run(database, work)


@pytest.mark.parametrize(
    ("shown", "home", "number"),
    [
        pytest.param("+8613755550123", None, OTHER, id="international"),
        pytest.param("13755550123", NUMBER, OTHER, id="national, as networks show their own people"),
        pytest.param("(202) 555-0123", "+12025550100", "+12025550123", id="another country"),
        pytest.param("13755550123", None, None, id="national, and nobody knows where we are"),
        pytest.param("", NUMBER, None, id="withheld"),
        pytest.param("anonymous", NUMBER, None, id="words"),
        pytest.param("1", NUMBER, None, id="too short to call back"),
    ],
)
def test_a_number_as_it_is_shown(shown: str, home: str | None, number: str | None) -> None:
    assert shown_number(shown, home) == number
