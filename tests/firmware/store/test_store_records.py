"""Outcomes, suppressions, recordings, audit entries, remembered messages: once, and as they were."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from firmware.store import attempts, audit_log, inbox, outcomes, recordings, suppressions
from firmware.store.connection import Connection
from firmware.store.database import Database
from firmware.store.errors import StoreConflictError
from firmware.values import E164, AttemptId, CampaignId, ContactId, Disposition, Money, PersonId
from tests.firmware.store.store_rows import Rows

NUMBER = E164("+8613123456789")


def run(database: Database, work: Callable[[Connection], object]) -> object:
    return asyncio.run(database.transact(work))


def outcome_of(rows: Rows, attempt: str = "a1") -> outcomes.Outcome:
    return outcomes.Outcome(
        attempt=AttemptId(attempt),
        campaign=CampaignId("c1"),
        contact=ContactId("k1"),
        person=PersonId("person-k1"),
        disposition=Disposition.PROMISE_FULL,
        reached=True,
        right_party=True,
        final=True,
        ended_at=rows.now,
        talk_ms=31_250,
        confidence=0.9,
        flow="overdue-reminder",
        flow_version=3,
        digits_heard=7,
        note="",
        promise=outcomes.Promise(due=date(2026, 3, 6), amount=Money(123450, "CNY"), confirmed=True),
    )


def test_an_attempt_has_exactly_one_outcome(database: Database, rows: Rows) -> None:
    outcome = outcome_of(rows)

    def work(con: Connection) -> object:
        rows.seed(con)
        attempts.reserve(con, rows.reservation())
        outcomes.add_outcome(con, outcome)
        assert outcomes.list_outcomes(con) == [outcome]
        assert outcomes.list_outcomes(con, CampaignId("other")) == []
        return outcomes.get_outcome(con, AttemptId("a1"))

    assert run(database, work) == outcome
    with pytest.raises(StoreConflictError):
        run(database, lambda con: outcomes.add_outcome(con, replace(outcome, disposition=Disposition.BUSY)))
    with pytest.raises(StoreConflictError):
        run(database, lambda con: outcomes.add_outcome(con, outcome_of(rows, "unknown attempt")))


def test_a_promise_without_an_amount_comes_back_without_one(database: Database, rows: Rows) -> None:
    promise = outcomes.Promise(due=date(2026, 3, 6), amount=None, confirmed=False)

    def work(con: Connection) -> object:
        rows.seed(con)
        attempts.reserve(con, rows.reservation())
        outcomes.add_outcome(con, replace(outcome_of(rows), promise=promise))
        return outcomes.get_outcome(con, AttemptId("a1"))

    found = run(database, work)
    assert isinstance(found, outcomes.Outcome)
    assert found.promise == promise


def suppression(
    rows: Rows, id: str, scope: suppressions.Scope, **changes: str | None
) -> suppressions.Suppression:
    return suppressions.Suppression(
        id=id,
        scope=scope,
        person=PersonId(person) if (person := changes.get("person")) else None,
        number=E164(number) if (number := changes.get("number")) else None,
        debt=changes.get("debt"),
        reason=changes.get("reason") or "opt_out",
        source="call",
        at=rows.now,
    )


def test_the_same_suppression_again_is_not_another_row(database: Database, rows: Rows) -> None:
    def work(con: Connection) -> list[bool]:
        return [
            suppressions.add(con, suppression(rows, "s1", "person", person="p1")),
            suppressions.add(con, suppression(rows, "s2", "person", person="p1")),
            suppressions.add(con, suppression(rows, "s3", "person", person="p1", reason="complaint")),
            suppressions.add(con, suppression(rows, "s4", "number", number=NUMBER)),
        ]

    assert run(database, work) == [True, False, True, True]
    assert len(asyncio.run(database.read(suppressions.all_suppressions))) == 3


def test_suppressions_are_never_changed_or_deleted(database: Database, rows: Rows) -> None:
    run(database, lambda con: suppressions.add(con, suppression(rows, "s1", "person", person="p1")))
    for sql in ("DELETE FROM suppression", "UPDATE suppression SET reason = 'x'"):
        with pytest.raises(StoreConflictError, match="only ever added"):
            run(database, lambda con, sql=sql: con.execute(sql))  # type: ignore[misc]


def test_a_suppression_without_the_id_its_scope_needs_is_refused(database: Database, rows: Rows) -> None:
    with pytest.raises(StoreConflictError):
        run(database, lambda con: suppressions.add(con, suppression(rows, "s1", "number", person="p1")))


def test_a_call_sees_every_suppression_that_names_it(database: Database, rows: Rows) -> None:
    def work(con: Connection) -> set[str]:
        for entry in (
            suppression(rows, "by person", "person", person="p1"),
            suppression(rows, "by number", "number", number=NUMBER),
            suppression(rows, "by debt", "debt", debt="d1"),
            suppression(rows, "another person", "person", person="p2"),
            suppression(rows, "another debt of p1", "debt", debt="d2", person="p1"),
        ):
            suppressions.add(con, entry)
        assert {
            s.id for s in suppressions.for_call(con, PersonId("p3"), E164("+8613900000000"), None)
        } == set()
        return {s.id for s in suppressions.for_call(con, PersonId("p1"), NUMBER, "d1")}

    assert run(database, work) == {"by person", "by number", "by debt", "another debt of p1"}


def test_the_lease_never_goes_back(database: Database, rows: Rows) -> None:
    assert asyncio.run(database.read(suppressions.confirmed_at)) is None
    for hours in (0, 2, 1):
        run(database, lambda con, h=hours: suppressions.confirm(con, rows.now + timedelta(hours=h)))  # type: ignore[misc]
    assert asyncio.run(database.read(suppressions.confirmed_at)) == rows.now + timedelta(hours=2)


def test_recordings_come_back_with_their_files(database: Database, rows: Rows) -> None:
    recording = recordings.StoredRecording(
        recording="r1",
        attempt=AttemptId("a1"),
        path=Path("/data/r1.sealed"),
        sha256="ab",
        duration_ms=1000,
        n_bytes=5,
        recipients=("age1x",),
        notice_at=rows.now,
        delete_after=rows.now + timedelta(days=30),
    )

    def work(con: Connection) -> object:
        rows.seed(con)
        attempts.reserve(con, rows.reservation())
        recordings.add(con, recording)
        recordings.mark_uploaded(con, "r1", rows.now)
        assert recordings.list_recordings(con, AttemptId("other")) == []
        return recordings.list_recordings(con)

    assert run(database, work) == [replace(recording, uploaded_at=rows.now)]


def test_the_audit_log_is_a_chain_that_cannot_be_edited(database: Database) -> None:
    def link(previous: str, body: str) -> str:
        return hashlib.sha256(f"{previous}\n{body}".encode()).hexdigest()

    def work(con: Connection) -> list[audit_log.AuditRow]:
        for number in range(3):
            audit_log.append(con, f'{{"n":{number}}}', link)
        assert audit_log.head(con) == audit_log.rows(con)[-1]
        assert [row.seq for row in audit_log.rows(con, after_seq=1, limit=1)] == [2]
        return audit_log.rows(con)

    chain = asyncio.run(database.transact(work))
    previous = audit_log.GENESIS
    for row in chain:
        assert (row.previous, row.hash) == (previous, link(previous, row.body))
        previous = row.hash
    for sql in ("DELETE FROM audit WHERE seq = 3", "UPDATE audit SET body = '{}' WHERE seq = 2"):
        with pytest.raises(StoreConflictError, match="only ever added"):
            run(database, lambda con, sql=sql: con.execute(sql))  # type: ignore[misc]


def test_a_message_is_remembered_once(database: Database, rows: Rows) -> None:
    def remember(con: Connection) -> None:
        inbox.remember(con, "m1", kind="campaign", received_at=rows.now, seq=4, answer=b"{}")

    run(database, remember)
    assert asyncio.run(database.read(lambda con: inbox.seen(con, "m1"))) == inbox.Answered(
        seq=4, answer=b"{}"
    )
    assert asyncio.run(database.read(lambda con: inbox.seen(con, "m2"))) is None
    with pytest.raises(StoreConflictError):
        run(database, remember)
    assert run(database, lambda con: inbox.forget_before(con, rows.now)) == 0
    assert run(database, lambda con: inbox.forget_before(con, rows.now + timedelta(seconds=1))) == 1
