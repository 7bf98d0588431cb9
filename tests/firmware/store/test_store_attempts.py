"""A reservation is dialled once, ended once, and nothing else can be reserved beside it."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from firmware.store import attempts, campaigns
from firmware.store.connection import Connection
from firmware.store.database import Database
from firmware.store.errors import StoreConflictError
from firmware.values import E164, AttemptId, CampaignId, ContactId, Disposition, LineId, PersonId
from tests.firmware.store.store_rows import Rows

A1, A2 = AttemptId("a1"), AttemptId("a2")
OTHER_NUMBER = E164("+8613900000000")


def run(database: Database, work: Callable[[Connection], object]) -> None:
    asyncio.run(database.transact(work))


def two_contacts(rows: Rows, con: Connection) -> None:
    rows.seed(con, rows.contact("k1"), rows.contact("k2"))
    attempts.reserve(con, rows.reservation("a1", "k1"))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"number": OTHER_NUMBER, "contact": "k2"}, id="the same line"),
        pytest.param({"line": LineId("line-2"), "contact": "k2"}, id="the same number"),
        pytest.param({"line": LineId("line-2"), "number": OTHER_NUMBER}, id="the same contact"),
        pytest.param(
            {"attempt": "a1", "line": LineId("line-2"), "number": OTHER_NUMBER, "contact": "k2"},
            id="the same id",
        ),
        pytest.param(
            {"line": LineId("line-2"), "number": OTHER_NUMBER, "contact": "none"}, id="a contact nobody knows"
        ),
    ],
)
def test_a_second_open_reservation_is_impossible(
    database: Database, rows: Rows, changes: dict[str, str]
) -> None:
    run(database, lambda con: two_contacts(rows, con))
    wanted = rows.reservation(**{"attempt": "a2", **changes})
    with pytest.raises(StoreConflictError):
        run(database, lambda con: attempts.reserve(con, wanted))
    assert [a.attempt for a in asyncio.run(database.read(attempts.open_reservations))] == ["a1"]


def test_reserving_counts_the_attempt_and_ending_frees_the_line(database: Database, rows: Rows) -> None:
    def work(con: Connection) -> int:
        two_contacts(rows, con)
        attempts.finish(con, A1, ended_at=rows.now, disposition=Disposition.BUSY)
        attempts.reserve(con, rows.reservation("a2", "k1"))
        contact = campaigns.get_contact(con, CampaignId("c1"), ContactId("k1"))
        assert contact is not None
        return contact.attempts

    assert asyncio.run(database.transact(work)) == 2


def test_one_reservation_is_dialled_once(database: Database, rows: Rows) -> None:
    run(database, lambda con: two_contacts(rows, con))
    run(database, lambda con: attempts.mark_dialled(con, A1, rows.now))
    with pytest.raises(StoreConflictError, match="dialled or ended already"):
        run(database, lambda con: attempts.mark_dialled(con, A1, rows.now))


def test_an_ended_attempt_cannot_be_dialled_answered_or_ended_again(database: Database, rows: Rows) -> None:
    run(database, lambda con: two_contacts(rows, con))
    run(database, lambda con: attempts.finish(con, A1, ended_at=rows.now, disposition=Disposition.CANCELLED))
    again: list[Callable[[Connection], object]] = [
        lambda con: attempts.mark_dialled(con, A1, rows.now),
        lambda con: attempts.mark_answered(con, A1, rows.now),
        lambda con: attempts.finish(con, A1, ended_at=rows.now, disposition=Disposition.BUSY),
    ]
    for work in again:
        with pytest.raises(StoreConflictError, match="ended"):
            run(database, work)
    with pytest.raises(StoreConflictError, match="unknown"):
        run(database, lambda con: attempts.mark_dialled(con, A2, rows.now))


def test_attempts_cannot_be_deleted(database: Database, rows: Rows) -> None:
    run(database, lambda con: two_contacts(rows, con))
    with pytest.raises(StoreConflictError, match="never deleted"):
        run(database, lambda con: con.execute("DELETE FROM attempt"))


def test_an_attempt_comes_back_as_it_went_in(database: Database, rows: Rows) -> None:
    def work(con: Connection) -> attempts.StoredAttempt | None:
        rows.seed(con)
        attempts.reserve(con, rows.reservation(line_number=E164("+862012345678")))
        attempts.mark_dialled(con, A1, rows.now + timedelta(seconds=1))
        attempts.mark_answered(con, A1, rows.now + timedelta(seconds=2))
        attempts.finish(
            con,
            A1,
            ended_at=rows.now + timedelta(seconds=3, milliseconds=4),
            disposition=Disposition.PROMISE_FULL,
            cause="released_by_callee",
            cause_q850=16,
            conversation=True,
        )
        return attempts.get_attempt(con, A1)

    found = asyncio.run(database.transact(work))
    assert found == attempts.StoredAttempt(
        attempt=A1,
        campaign=CampaignId("c1"),
        contact=ContactId("k1"),
        person=PersonId("person-k1"),
        debt="debt-1",
        number=E164("+8613123456789"),
        line=LineId("line-1"),
        line_number=E164("+862012345678"),
        reserved_at=rows.now,
        dialled_at=rows.now + timedelta(seconds=1),
        answered_at=rows.now + timedelta(seconds=2),
        ended_at=rows.now + timedelta(seconds=3, milliseconds=4),
        disposition=Disposition.PROMISE_FULL,
        cause="released_by_callee",
        cause_q850=16,
        conversation=True,
    )
    assert found.connected


def test_history_is_whatever_touches_person_debt_or_number(database: Database, rows: Rows) -> None:
    def add(con: Connection, name: str, hours: int, person: str, debt: str | None, number: E164) -> None:
        attempts.reserve(
            con,
            rows.reservation(
                name,
                "k1",
                person=PersonId(person),
                debt=debt,
                number=number,
                reserved_at=rows.now - timedelta(hours=hours),
            ),
        )
        attempts.finish(con, AttemptId(name), ended_at=rows.now, disposition=Disposition.BUSY)

    mine, other = E164("+8613123456789"), OTHER_NUMBER

    def work(con: Connection) -> list[str]:
        rows.seed(con)
        add(con, "person", 5, "p1", None, other)
        add(con, "number", 4, "p2", "d2", mine)
        add(con, "debt", 3, "p2", "d1", other)
        add(con, "all", 2, "p1", "d1", mine)
        add(con, "none", 1, "p2", "d2", other)
        add(con, "old", 48, "p1", "d1", mine)
        since = rows.now - timedelta(hours=5)
        assert [a.attempt for a in attempts.history_for(con, PersonId("p2"), None, other, since)] == [
            "person",
            "number",
            "debt",
            "none",
        ]
        return [a.attempt for a in attempts.history_for(con, PersonId("p1"), "d1", mine, since)]

    assert asyncio.run(database.transact(work)) == ["person", "number", "debt", "all"]


def test_call_events_keep_their_order_even_at_one_instant(database: Database, rows: Rows) -> None:
    def event(kind: str) -> attempts.CallEvent:
        return attempts.CallEvent(at=rows.now, kind=kind, detail="5")

    def work(con: Connection) -> list[str]:
        two_contacts(rows, con)
        attempts.add_call_events(con, A1, [event("digit"), event("alerting")])
        attempts.add_call_events(con, A1, [event("beep")])
        return [found.kind for found in attempts.call_events(con, A1)]

    assert asyncio.run(database.transact(work)) == ["digit", "alerting", "beep"]
