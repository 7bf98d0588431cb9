"""A power cut at any disk operation of any store transaction: what was acknowledged is there, and nothing is half there."""

import contextlib
import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from firmware.store import (
    attempts,
    audit_log,
    campaigns,
    inbox,
    legal_holds,
    outbox,
    outcomes,
    recordings,
    retention,
    suppressions,
)
from firmware.store.connection import Connection
from firmware.store.contacts import withdraw_unaccounted
from firmware.store.database import Database
from firmware.store.inline_executor import InlineExecutor
from firmware.store.suppressions import Suppression
from firmware.values import E164, AttemptId, CampaignId, ContactId, Disposition, Money, PersonId
from tests.firmware.store.crash_disk import Acknowledged, ApswConnection, LoggingVfs, images
from tests.firmware.store.store_rows import NOW, Rows, add_contacts

Work = Callable[[Connection], object]
N_CALLS = 6
PAGES_BETWEEN_CHECKPOINTS = 24
"""Few, so that the log is folded into the file several times in a short story."""


def number_of(call: int) -> E164:
    return E164(f"+86131{call:08d}")


def a_box_life(rows: Rows) -> Iterator[Work]:
    """Every transaction that a box makes, in the order of a day."""
    c1 = CampaignId("c1")

    def manifest(con: Connection) -> None:
        receiving = rows.campaign(state=campaigns.CampaignState.RECEIVING, batches=1)
        campaigns.add_campaign(con, receiving, raw=b"{}" * 4000, received_at=NOW)

    def batch(con: Connection) -> None:
        add_contacts(
            con, [rows.contact(f"k{call}", row=call, numbers=(number_of(call),)) for call in range(N_CALLS)]
        )
        campaigns.record_batch(con, c1, 0, taken=N_CALLS, rejected=0, received_at=NOW)
        campaigns.set_state(con, c1, campaigns.CampaignState.READY)
        outbox.append(con, "ack", lambda seq: b"ack %d" % seq * 50, NOW)
        inbox.remember(con, "m1", kind="contacts", received_at=NOW, seq=1, answer=b"ack")

    yield manifest
    yield batch
    yield lambda con: suppressions.confirm(con, NOW)
    for call in range(N_CALLS):
        yield from a_call(rows, call)
    yield lambda con: outbox.receipt(
        con, con.value("SELECT value FROM setting WHERE key='stream'"), 3, at=NOW
    )
    yield lambda con: campaigns.recall(con, ContactId("k1"))
    yield lambda con: campaigns.set_stopped(con, True)
    yield lambda con: inbox.renumber(con, "m1", 9)
    yield lambda con: inbox.forget_before(con, NOW + timedelta(days=1))
    yield suppressions.end_lease
    yield lambda con: campaigns.finish_completed(con, NOW + timedelta(days=2))
    yield lambda con: campaigns.expire(con, NOW + timedelta(days=90))
    yield withdraw_unaccounted
    yield from retention_of(rows)


def retention_of(rows: Rows) -> Iterator[Work]:
    """Every transaction that deletes, holds, or counts how far deletion came."""
    hold = legal_holds.LegalHold(
        hold="h1", scope="person", subject="person-k0", by="Li Wei", reason="case", source="local", set_at=NOW
    )
    yield lambda con: legal_holds.set_hold(con, hold)
    yield lambda con: legal_holds.note_audited(con, "h1", 1)
    yield lambda con: legal_holds.release(con, "h1", by="Li Wei", reason="settled", at=NOW)
    yield lambda con: retention.note_over(con, NOW)
    yield lambda con: retention.note_pass(con, NOW)
    yield lambda con: retention.let_recording_go(con, "r-a0", NOW)
    yield lambda con: retention.forget_recording(con, "r-a0")
    yield lambda con: retention.keep_key_until(con, "ref-1", NOW)

    def erase(con: Connection) -> None:
        retention.erase_person(con, "person-k0")
        audit_log.destroy_secret(con, "ref-0")
        retention.leaves_traces(con)
        audit_log.append(con, '{"deletion": "person"}', lambda previous, _body: previous[:32] * 2)

    yield erase
    yield retention.traces_gone


def a_call(rows: Rows, call: int) -> Iterator[Work]:
    c1, attempt, contact, number = (
        CampaignId("c1"),
        AttemptId(f"a{call}"),
        ContactId(f"k{call}"),
        number_of(call),
    )

    def link(previous: str, body: str) -> str:
        return hashlib.sha256((previous + body).encode()).hexdigest()

    def reserve(con: Connection) -> None:
        campaigns.set_in_call(con, c1, contact)
        attempts.reserve(con, rows.reservation(attempt, contact=contact, number=number))
        audit_log.keep_rules(con, "d1", "cn@1", "{}" * 500)
        if audit_log.use_secret(con, f"ref-{call}") is None:
            audit_log.keep_secret(con, f"ref-{call}", bytes([call]) * 32)
        audit_log.append(con, f'{{"decision": "allow", "attempt": "{attempt}"}}' * 5, link)

    def opt_out(con: Connection) -> None:
        person = PersonId(f"p{call}")
        suppressions.add(
            con,
            Suppression(
                id=f"s{call}", scope="person", person=person, reason="opt_out", source="call", at=NOW
            ),
        )

    def close(con: Connection) -> None:
        attempts.finish(con, attempt, ended_at=NOW, disposition=Disposition.PROMISE_FULL)
        said = [attempts.CallEvent(at=NOW, kind="say", detail="{}" * 200) for _ in range(8)]
        attempts.add_call_events(con, attempt, said)
        outcomes.add_outcome(con, an_outcome(attempt, contact))
        recordings.add(con, a_recording(attempt))
        campaigns.set_done(con, c1, contact, Disposition.PROMISE_FULL)
        outbox.append(con, "outcome", lambda seq: b"outcome %d " % seq * 60, NOW)

    yield lambda con: campaigns.set_waiting(con, c1, contact, NOW, rule="hours")
    yield reserve
    yield lambda con: attempts.mark_dialled(con, attempt, NOW)
    yield lambda con: attempts.mark_answered(con, attempt, NOW)
    yield opt_out
    yield close
    yield lambda con: recordings.mark_uploaded(con, f"r-{attempt}", NOW)


def an_outcome(attempt: AttemptId, contact: ContactId) -> outcomes.Outcome:
    return outcomes.Outcome(
        attempt=attempt,
        campaign=CampaignId("c1"),
        contact=contact,
        person=PersonId("p"),
        disposition=Disposition.PROMISE_FULL,
        reached=True,
        right_party=True,
        final=True,
        ended_at=NOW,
        talk_ms=1,
        confidence=1.0,
        flow="f",
        flow_version=1,
        digits_heard=0,
        note="",
        promise=outcomes.Promise(due=date(2026, 3, 6), amount=Money(100, "CNY"), confirmed=True),
    )


def a_recording(attempt: AttemptId) -> recordings.StoredRecording:
    return recordings.StoredRecording(
        recording=f"r-{attempt}",
        attempt=attempt,
        path=Path("r.age"),
        sha256="0" * 64,
        duration_ms=1,
        n_bytes=1,
        recipients=("age1x",),
        notice_at=NOW,
        delete_after=NOW,
    )


def dump(sqlite: Any) -> str:
    """Return everything in a database, as one digest."""
    digest = hashlib.sha256()
    tables = [
        row[0] for row in sqlite.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    ]
    for table in tables:
        for row in sorted(repr(tuple(row)) for row in sqlite.execute(f"SELECT * FROM {table}")):
            digest.update(f"{table}{row}".encode())
    return digest.hexdigest()


def live(path: Path, rows: Rows, *, synchronous: str) -> tuple[LoggingVfs, dict[str, bytes], list[str]]:
    """Live through the day on a logged disk; returns the log, the disk before it, and the state after each transaction."""
    database = Database.open(path, executor=InlineExecutor())
    database.close_now()
    before = {path.name: path.read_bytes()}
    vfs = LoggingVfs()
    sqlite = ApswConnection(path)
    sqlite.execute("PRAGMA journal_mode=WAL")
    sqlite.execute(f"PRAGMA synchronous={synchronous}")
    sqlite.execute("PRAGMA foreign_keys=ON")
    sqlite.execute(f"PRAGMA wal_autocheckpoint={PAGES_BETWEEN_CHECKPOINTS}")
    states = [dump(sqlite)]
    for number, work in enumerate(a_box_life(rows), start=1):
        sqlite.execute("BEGIN IMMEDIATE")
        con = Connection(cast(sqlite3.Connection, sqlite))
        work(con)
        con.write_numbers()
        sqlite.execute("COMMIT")
        vfs.log.append(Acknowledged(number))
        states.append(dump(sqlite))
    sqlite.close()
    return vfs, before, states


def power_cuts(folder: Path, rows: Rows, *, synchronous: str, seed: int) -> Iterator[str]:
    """Yield what each power cut did to a promise, "" where all were kept."""
    folder.mkdir()
    vfs, before, states = live(folder / "box.db", rows, synchronous=synchronous)
    vfs.unregister()
    assert len(set(states)) > len(states) - 4, "nearly every transaction changes something"
    place = folder / "image"
    place.mkdir()
    for image in images([_named(operation) for operation in vfs.log], before, seed=seed, variants=1):
        for old in place.iterdir():
            old.unlink()
        for name, content in image.files.items():
            (place / name).write_bytes(content)
        problem = _broken_promise(place / "box.db", states, image.acknowledged)
        yield f"{image.at}: {problem}" if problem else ""


def _broken_promise(path: Path, states: list[str], acknowledged: int) -> str:
    try:
        with contextlib.closing(sqlite3.connect(path)) as sqlite:
            # Whoever looks at an image need not have it safe: thousands of fsyncs were most of this test's time.
            sqlite.execute("PRAGMA synchronous=OFF")
            if sqlite.execute("PRAGMA quick_check").fetchone()[0] != "ok":
                return "not sound"
            state = dump(sqlite)
    except sqlite3.DatabaseError as error:
        return str(error)
    if state not in states:
        return "half a transaction is there"
    return "" if state in states[acknowledged:] else "an acknowledged transaction is lost"


def _named(operation: Any) -> Any:
    """Name files by their last part: the image stands in another folder."""
    if isinstance(operation, Acknowledged):
        return operation
    return type(operation)(
        Path(operation.path).name,
        *(getattr(operation, field) for field in operation.__slots__ if field != "path"),
    )


@pytest.mark.parametrize("seed", [1])
def test_no_power_cut_loses_or_halves_a_transaction(tmp_path: Path, rows: Rows, seed: int) -> None:
    found = list(power_cuts(tmp_path / "disk", rows, synchronous="FULL", seed=seed))
    assert [problem for problem in found if problem] == []
    assert len(found) > 300


def test_the_check_notices_a_database_that_does_not_sync(tmp_path: Path, rows: Rows) -> None:
    """The negative control: the same days with synchronous=OFF break promises of each kind before they are over."""
    is_found = {True: False, False: False}
    for problem in power_cuts(tmp_path / "disk", rows, synchronous="OFF", seed=1):
        if problem:
            is_found["lost" in problem] = True
        if all(is_found.values()):
            return
    pytest.fail(f"it found a lost transaction: {is_found[True]}, a damaged or halved one: {is_found[False]}")


def test_the_database_opens_with_what_was_tested(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "box.db", executor=InlineExecutor())
    modes = database.run_now(
        lambda con: (
            con.value("PRAGMA journal_mode"),
            con.value("PRAGMA synchronous"),
            con.value("PRAGMA foreign_keys"),
        )
    )
    database.close_now()
    assert modes == ("wal", 2, 1)
