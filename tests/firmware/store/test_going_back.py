"""The database for the version before: as it is, as it was, or every row of it in the old layout; never a row lost."""

import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from firmware.store import campaigns, suppressions
from firmware.store.connection import Connection
from firmware.store.database import Database
from firmware.store.errors import StoreNewerError
from firmware.store.going_back import copy_before, go_back, newer_migrations, same_rows
from firmware.store.inline_executor import InlineExecutor
from firmware.store.restoring import to_tell
from firmware.sync.reports import renumbered
from firmware.values import PersonId
from tests.firmware.store.store_rows import NOW

LATER = NOW + timedelta(hours=2)


@pytest.fixture
def at(tmp_path: Path) -> Path:
    """A box's database with one person who is not to be called, its daemon stopped, and a copy of it."""
    path = tmp_path / "box.db"
    opened = Database.open(path, executor=InlineExecutor())
    opened.run_now(lambda con: suppress(con, "p1"))
    opened.close_now()
    copy_before(path, tmp_path / "before/copy.db")
    return path


def suppress(con: Connection, person: str) -> None:
    suppressions.add(
        con,
        suppressions.Suppression(
            id=f"s-{person}",
            scope="person",
            person=PersonId(person),
            reason="opt_out",
            source="call",
            at=NOW,
        ),
    )


def newer(path: Path) -> None:
    """What a newer version does to the file at its first start."""
    with sqlite3.connect(path) as con:
        con.execute("ALTER TABLE attempt ADD COLUMN mood TEXT")
        con.execute("CREATE TABLE weather (day TEXT PRIMARY KEY) STRICT")
        con.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) "
            "SELECT migration_set, 'm099_weather', applied_at FROM _sqlite_migrations LIMIT 1"
        )
    con.close()


def refuses_under_the_new_one(at: Path) -> None:
    """Somebody says "never again" while the newer version runs."""
    with sqlite3.connect(at) as con:
        names = [row[1] for row in con.execute("PRAGMA table_info(suppression)")]
        shown = ", ".join({"id": "'s-p2'", "person": "'p2'"}.get(name, name) for name in names)
        con.execute(f"INSERT INTO suppression ({', '.join(names)}) SELECT {shown} FROM suppression")
    con.close()


def back(path: Path) -> str:
    return go_back(path, path.parent / "before/copy.db", at=LATER, renumber=renumbered)


def ask(path: Path, question: Callable[[Connection], object]) -> object:
    opened = Database.open(path, executor=InlineExecutor())
    try:
        return opened.run_now(question)
    finally:
        opened.close_now()


def listed(path: Path) -> object:
    return ask(path, lambda con: sorted(str(each.person) for each in suppressions.all_suppressions(con)))


def test_a_version_that_changed_no_layout_leaves_the_file_alone(at: Path) -> None:
    ask(at, lambda con: suppress(con, "p2"))
    before = at.read_bytes()
    assert back(at) == "kept"
    assert at.read_bytes() == before
    assert listed(at) == ["p1", "p2"], "who refused under the new version is not called under the old one"


def test_a_version_that_only_changed_the_layout_is_undone(at: Path) -> None:
    newer(at)
    assert newer_migrations(at) == {"m099_weather"}
    with pytest.raises(StoreNewerError):
        listed(at)
    assert back(at) == "put_back"
    assert newer_migrations(at) == set()
    assert listed(at) == ["p1"]
    assert ask(at, campaigns.is_stopped) is False, "dialling goes on"
    assert back(at) == "kept", "done again is nothing"


def test_a_version_that_worked_under_its_own_layout_loses_nothing(at: Path) -> None:
    """Who refused meanwhile stays refused; nothing is dialled until a person has looked."""
    newer(at)
    refuses_under_the_new_one(at)
    assert not same_rows(at, at.parent / "before/copy.db")
    assert back(at) == "rebuilt"
    assert listed(at) == ["p1", "p2"]
    assert ask(at, campaigns.is_stopped) is True
    restored = ask(at, to_tell)
    assert restored is not None
    assert newer_migrations(at) == set()
    assert (at.parent / "quarantine").is_dir(), "what the newer version left is kept"


def test_a_cut_in_the_middle_is_done_again(at: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    newer(at)
    refuses_under_the_new_one(at)
    with monkeypatch.context() as patch:

        def cut(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        patch.setattr("firmware.store.restoring._build", cut)
        with pytest.raises(KeyboardInterrupt):
            back(at)
    assert not at.exists(), "set aside, and nothing in its place yet"
    assert back(at) == "rebuilt"
    assert listed(at) == ["p1", "p2"]


def test_a_copy_is_one_sound_file_whatever_the_daemon_left(at: Path) -> None:
    """Killed, a daemon leaves a log beside the file: what is in it is in the copy."""
    opened = Database.open(at, executor=InlineExecutor())
    opened.run_now(lambda con: suppress(con, "p3"))
    log = at.with_name("box.db-wal")
    assert log.stat().st_size > 0
    body, wal = at.read_bytes(), log.read_bytes()
    opened.close_now()
    at.write_bytes(body)
    log.write_bytes(wal)
    copy = at.parent / "before/second.db"
    copy_before(at, copy)
    beside = {path.name for path in copy.parent.iterdir() if path.name.startswith("second")}
    assert not {name for name in beside if name.endswith(("-wal", "-shm", "-journal"))}
    assert listed(copy) == ["p1", "p3"]
    copy_before(at.parent / "never.db", copy)  # a box that has not run yet
