"""A large file is opened in time, and what the short look missed is found and mended all the same."""

import asyncio
import sqlite3
from functools import partial
from pathlib import Path

import pytest

from firmware.store import restoring
from firmware.store.database import Database
from firmware.store.errors import StoreDamagedError
from firmware.store.inline_executor import InlineExecutor
from firmware.store.soundness import suspicion_of
from firmware.sync.reports import renumbered
from tests.firmware.store.store_rows import NOW, Rows
from tests.firmware.store.test_restoring import fill, root_page, spoil


def filled(folder: Path, rows: Rows) -> Path:
    path = folder / "box.db"
    database = Database.open(path, executor=InlineExecutor())
    database.run_now(partial(fill, rows=rows, numbers=range(20)))
    database.close_now()
    return path


def test_what_a_look_cut_short_missed_is_found_while_the_box_works_and_mended_at_the_next_start(
    tmp_path: Path, rows: Rows
) -> None:
    path = filled(tmp_path, rows)
    spoil(path, [root_page(path, "outbox")])

    async def work() -> None:
        database = Database.open(path, executor=InlineExecutor(), check_within_s=0)
        assert not database.is_checked
        with pytest.raises(StoreDamagedError):
            await database.check_rest()
        await database.close()

    asyncio.run(work())
    with pytest.raises(StoreDamagedError):
        Database.open(path, executor=InlineExecutor(), check_within_s=0)
    opened = restoring.open_or_restore(path, at=NOW, renumber=renumbered, executor=InlineExecutor())
    assert opened.is_checked
    assert opened.run_now(restoring.to_tell) is not None
    opened.close_now()


def test_a_sound_file_passes_the_later_look_and_a_large_one_is_opened_in_time(
    tmp_path: Path, rows: Rows
) -> None:
    """Twenty megabytes and no time: opened unchecked, looked at to the end beside a writer, and then known sound."""
    path = filled(tmp_path, rows)
    with sqlite3.connect(path) as raw:
        raw.execute("CREATE TABLE bulk (a BLOB, b INTEGER)")
        raw.execute("CREATE INDEX bulk_b ON bulk (b)")
        raw.executemany("INSERT INTO bulk VALUES (?, ?)", ((bytes(1000), n * 7919) for n in range(20_000)))
    raw.close()

    async def work() -> None:
        database = Database.open(path, executor=InlineExecutor(), check_within_s=0)
        assert not database.is_checked
        looking = asyncio.create_task(database.check_rest())
        while not looking.done():
            await database.transact(lambda con: con.execute("INSERT INTO bulk VALUES (x'00', 1)"))
            await asyncio.sleep(0)
        await looking
        assert database.is_checked
        await database.close()

    asyncio.run(work())


def test_a_box_that_stops_ends_the_later_look(tmp_path: Path, rows: Rows) -> None:
    async def work() -> None:
        database = Database.open(filled(tmp_path, rows), executor=InlineExecutor(), check_within_s=0)
        looking = asyncio.create_task(database.check_rest())
        await database.close()
        await looking
        assert not suspicion_of(database.path).exists()

    asyncio.run(work())
