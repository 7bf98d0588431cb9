"""A transaction is kept whole or not at all, alone or in company, and only one process writes."""

import asyncio
import os
import sqlite3
import stat
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from firmware.store.connection import Connection
from firmware.store.database import MAX_WAITING, Database
from firmware.store.errors import (
    StoreBusyError,
    StoreClosedError,
    StoreConflictError,
    StoreDamagedError,
    StoreFailedError,
    StoreLockedError,
    StoreNewerError,
)
from firmware.store.inline_executor import InlineExecutor
from firmware.store.reading import read_only


def put(con: Connection, key: str) -> str:
    con.insert("setting", {"key": key, "value": "x"})
    return key


def keys(con: Connection) -> set[str]:
    return {row["key"] for row in con.rows("SELECT key FROM setting WHERE key <> 'stream'")}


def test_a_transaction_that_raises_leaves_nothing(database: Database) -> None:
    def work(con: Connection) -> None:
        put(con, "a")
        raise RuntimeError("no")

    async def story() -> set[str]:
        with pytest.raises(RuntimeError, match="no"):
            await database.transact(work)
        await database.transact(lambda con: put(con, "b"))
        return await database.read(keys)

    assert asyncio.run(story()) == {"b"}


def test_transactions_that_wait_share_a_commit_and_fail_alone(tmp_path: Path) -> None:
    """While the store thread is held up, twenty transactions queue; the bad ones take nothing with them."""
    gate = threading.Event()

    async def story() -> tuple[list[object], set[str], int]:
        executor = ThreadPoolExecutor(1)
        database = Database.open(tmp_path / "box.db", executor=executor)
        commits = 0

        def heard(_: frozenset[str]) -> None:
            nonlocal commits
            commits += 1

        database.subscribe(heard)

        def work(name: str) -> Callable[[Connection], str]:
            def run(con: Connection) -> str:
                put(con, name)
                con.touch("setting")
                if name.endswith("7"):
                    put(con, name)  # a second time: a conflict after a write that must be undone
                return name

            return run

        held = asyncio.get_running_loop().run_in_executor(executor, gate.wait)
        waiting = [asyncio.create_task(database.transact(work(f"k{number}"))) for number in range(20)]
        await asyncio.sleep(0)
        gate.set()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        await held
        found = await database.read(keys)
        await asyncio.sleep(0)
        await database.close()
        executor.shutdown()
        return list(results), found, commits

    results, found, commits = asyncio.run(story())
    assert [isinstance(result, StoreConflictError) for result in results] == [n in {7, 17} for n in range(20)]
    assert found == {f"k{number}" for number in range(20)} - {"k7", "k17"}
    assert commits < 20, "they were committed one by one"


def test_a_new_database_takes_nothing_over_from_one_that_is_gone(tmp_path: Path) -> None:
    """Not its log, which SQLite would read into the new file, and not a beginning that a power cut left."""
    path = tmp_path / "box.db"
    before = Database.open(path, executor=InlineExecutor())
    before.run_now(lambda con: put(con, "old"))
    log = path.with_name("box.db-wal").read_bytes()
    assert b"old" in log
    before.close_now()
    path.unlink()
    path.with_name("box.db-wal").write_bytes(log)
    path.with_name("box.db.new").write_bytes(b"half")
    after = Database.open(path, executor=InlineExecutor())
    assert asyncio.run(after.read(keys)) == set()
    assert after.stream != before.stream
    after.close_now()
    assert path.stat().st_mode & 0o777 == 0o600
    assert not path.with_name("box.db.new").exists()


def test_a_cancelled_caller_does_not_lose_the_transaction(tmp_path: Path) -> None:
    async def story() -> set[str]:
        database = Database.open(tmp_path / "box.db")
        task = asyncio.create_task(database.transact(lambda con: put(con, "a")))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        found = await database.read(keys)
        await database.close()
        return found

    assert asyncio.run(story()) == {"a"}


def test_too_many_waiting_transactions_are_refused(tmp_path: Path) -> None:
    gate = threading.Event()

    async def story() -> int:
        executor = ThreadPoolExecutor(1)
        database = Database.open(tmp_path / "box.db", executor=executor)
        held = asyncio.get_running_loop().run_in_executor(executor, gate.wait)
        waiting = [asyncio.create_task(database.read(keys)) for _ in range(MAX_WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(StoreBusyError):
            await database.transact(lambda con: put(con, "a"))
        gate.set()
        await asyncio.gather(*waiting)
        await held
        await database.transact(lambda con: put(con, "later"))
        found = await database.read(keys)
        await database.close()
        executor.shutdown()
        return len(found)

    assert asyncio.run(story()) == 1


def test_a_closed_database_says_so_and_finishes_what_waited(tmp_path: Path) -> None:
    async def story() -> None:
        database = Database.open(tmp_path / "box.db")
        waiting = [asyncio.create_task(database.transact(partial(put, key=f"k{n}"))) for n in range(9)]
        await asyncio.sleep(0)
        await database.close()
        assert await asyncio.gather(*waiting) == [f"k{n}" for n in range(9)]
        with pytest.raises(StoreClosedError):
            await database.read(keys)

    asyncio.run(story())


def test_listeners_hear_what_a_commit_touched_and_nothing_of_what_was_undone(database: Database) -> None:
    heard: list[frozenset[str]] = []

    def touching(con: Connection) -> None:
        con.touch("contact")

    def failing(con: Connection) -> None:
        con.touch("outbox")
        raise RuntimeError

    async def story() -> None:
        unsubscribe = database.subscribe(heard.append)
        await database.transact(touching)
        with pytest.raises(RuntimeError):
            await database.transact(failing)
        await database.transact(lambda con: put(con, "silent"))
        await asyncio.sleep(0)
        unsubscribe()
        await database.transact(touching)
        await asyncio.sleep(0)

    asyncio.run(story())
    assert heard == [frozenset({"contact"})]


def test_the_stream_is_made_once(tmp_path: Path) -> None:
    async def open_once() -> str:
        database = Database.open(tmp_path / "box.db")
        await database.close()
        return database.stream

    first = asyncio.run(open_once())
    assert len(first) == 36
    assert asyncio.run(open_once()) == first


def test_what_protects_acknowledged_rows_is_switched_on(database: Database) -> None:
    def pragmas(con: Connection) -> list[object]:
        return [con.value(f"PRAGMA {name}") for name in ("journal_mode", "synchronous", "foreign_keys")]

    assert asyncio.run(database.read(pragmas)) == ["wal", 2, 1]


def test_every_table_is_strict(database: Database) -> None:
    def loose(con: Connection) -> list[str]:
        found = con.rows(
            "SELECT name FROM pragma_table_list WHERE type = 'table' AND NOT strict AND name NOT LIKE '%sqlite_%'"
        )
        return [row["name"] for row in found]

    assert asyncio.run(database.read(loose)) == []


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    asyncio.run(Database.open(tmp_path / "data" / "box.db").close())
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "data" / "box.db").stat().st_mode) == 0o600


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    async def story() -> None:
        first = Database.open(tmp_path / "box.db")
        with pytest.raises(StoreLockedError, match="in use"):
            Database.open(tmp_path / "box.db")
        await first.close()
        await Database.open(tmp_path / "box.db").close()

    asyncio.run(story())


def test_a_damaged_file_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "box.db"

    async def fill() -> None:
        database = Database.open(path)
        for number in range(200):
            await database.transact(partial(put, key=f"{number}" * 50))
        await database.close()

    asyncio.run(fill())
    content = bytearray(path.read_bytes())
    content[4096 : 4096 * 12] = os.urandom(4096 * 11)
    path.write_bytes(content)
    with pytest.raises(StoreDamagedError, match="not a sound database"):
        Database.open(path)
    assert path.read_bytes() == content


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "box.db").write_bytes(b"this is not a database, it is a text" * 200)
    with pytest.raises(StoreDamagedError):
        Database.open(tmp_path / "box.db")


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "box.db"
    asyncio.run(Database.open(path).close())
    with sqlite3.connect(path) as raw:
        raw.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('branchline', '0999', '')"
        )
    with pytest.raises(StoreNewerError, match="newer version"):
        Database.open(path)


def test_a_reader_of_another_user_leaves_nothing_that_the_owner_cannot_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root's self-check at a stopped box: a log made anew by it would be root's, and the daemon could not start."""
    path = tmp_path / "box.db"
    database = Database.open(path, executor=InlineExecutor())
    database.run_now(partial(put, key="kept"))
    database.close_now()
    assert {each.name for each in tmp_path.iterdir()} == {"box.db", "box.db.lock"}
    monkeypatch.setattr("os.geteuid", lambda: path.stat().st_uid + 1)
    with read_only(path) as con:
        assert con.value("SELECT count(*) FROM setting WHERE key = 'kept'") == 1
        assert {each.name for each in tmp_path.iterdir()} == {"box.db", "box.db.lock"}
    database = Database.open(path, executor=InlineExecutor())
    database.run_now(partial(put, key="later"))
    with read_only(path) as con:  # beside a daemon that runs the log is there, and is read
        assert con.value("SELECT count(*) FROM setting WHERE key = 'later'") == 1
    database.close_now()


def test_reading_beside_a_running_daemon(tmp_path: Path) -> None:
    path = tmp_path / "box.db"

    async def story() -> set[str]:
        database = Database.open(path)
        await database.transact(lambda con: put(con, "seen"))
        with read_only(path) as con:
            found = keys(con)
            with pytest.raises(StoreFailedError, match="readonly"):
                put(con, "b")
        await database.close()
        return found

    assert asyncio.run(story()) == {"seen"}
    with pytest.raises(StoreFailedError, match="not there"), read_only(tmp_path / "none.db"):
        pass


def test_a_full_disk_fails_the_transaction_and_not_the_box(database: Database) -> None:
    """SQLite's own page limit stands in for the disk's end."""

    async def story() -> set[str]:
        await database.transact(lambda con: put(con, "before"))
        pages = await database.read(lambda con: con.value("PRAGMA page_count"))
        await database.read(lambda con: con.value(f"PRAGMA max_page_count = {pages + 2}"))
        with pytest.raises(StoreFailedError, match="full"):
            await database.transact(lambda con: con.insert("setting", {"key": "big", "value": "x" * 100_000}))
        await database.read(lambda con: con.value("PRAGMA max_page_count = 1000000"))
        await database.transact(lambda con: put(con, "after"))
        return await database.read(keys)

    assert asyncio.run(story()) == {"before", "after"}
