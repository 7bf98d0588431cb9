"""A damaged database is replaced by what is left of it, and nobody can be dialled from it by mistake."""

import asyncio
import json
import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from firmware.store import attempts, campaigns, outbox, restoring, suppressions
from firmware.store.connection import Connection
from firmware.store.database import Database, mark_of
from firmware.store.errors import StoreDamagedError, StoreFailedError, StoreLockedError
from firmware.store.inline_executor import InlineExecutor
from firmware.store.salvage import SALVAGED_OTHERWISE, TABLES
from firmware.store.snapshot import KEPT, snapshots
from firmware.store.suppressions import Suppression
from firmware.sync.reports import renumbered
from firmware.values import ContactId, PersonId
from tests.firmware.store.store_rows import NOW, Rows, add_contacts

PAGE = 4096
MANY = 300


def open_database(path: Path) -> Database:
    return Database.open(path, executor=InlineExecutor())


def reopen(path: Path) -> Database:
    return restoring.open_or_restore(
        path, at=NOW + timedelta(days=1), renumber=renumbered, executor=InlineExecutor()
    )


def an_event(con: Connection, number: int) -> None:
    def build(seq: int) -> bytes:
        return json.dumps({"type": "event", "id": f"m{number}", "stream": "old", "seq": seq}).encode()

    outbox.append(con, "event", build, NOW)


def fill(con: Connection, rows: Rows, numbers: range) -> None:
    """Put `numbers` people into the database: each called once, refusing more, and reported."""
    if not campaigns.get_campaigns(con):
        campaigns.add_campaign(con, rows.campaign(), raw=b"{}", received_at=NOW)
    for number in numbers:
        contact = rows.contact(f"k{number}", row=number, numbers=(f"+86131{number:08d}",))
        add_contacts(con, [contact])
        attempts.reserve(
            con,
            rows.reservation(
                f"a{number}", contact=f"k{number}", number=f"+86131{number:08d}", line=f"l{number}"
            ),
        )
        suppressions.add(
            con,
            Suppression(
                id=f"s{number}",
                scope="person",
                person=PersonId(f"p{number}"),
                reason="opt_out",
                source="call",
                at=NOW,
            ),
        )
        an_event(con, number)
    suppressions.confirm(con, NOW)


def contents(path: Path) -> dict[str, Any]:
    database = open_database(path)

    def look(con: Connection) -> dict[str, Any]:
        return {
            "attempts": {row["attempt"] for row in con.rows("SELECT attempt FROM attempt")},
            "suppressed": {row["id"] for row in con.rows("SELECT id FROM suppression")},
            "messages": [
                (json.loads(row["body"])["id"], row["seq"], json.loads(row["body"]))
                for row in con.rows("SELECT seq, body FROM outbox ORDER BY seq")
            ],
            "stopped": campaigns.is_stopped(con),
            "lease": suppressions.confirmed_at(con),
            "tell": restoring.to_tell(con),
            "head": outbox.heads(con),
            "stream": con.value("SELECT value FROM setting WHERE key = 'stream'"),
        }

    try:
        return database.run_now(look)
    finally:
        database.close_now()


@pytest.fixture
def box(tmp_path: Path, rows: Rows) -> Path:
    """A database with a snapshot of its first half."""
    path = tmp_path / "box.db"
    database = open_database(path)
    database.run_now(lambda con: fill(con, rows, range(MANY // 2)))
    asyncio.run(database.snapshot(at=NOW))
    database.run_now(lambda con: fill(con, rows, range(MANY // 2, MANY)))
    database.close_now()
    return path


def spoil(path: Path, pages: list[int]) -> None:
    content = bytearray(path.read_bytes())
    for page in pages:
        content[page * PAGE : (page + 1) * PAGE] = random.Random(page).randbytes(PAGE)
    path.write_bytes(content)


def root_page(path: Path, name: str) -> int:
    with sqlite3.connect(path) as raw:
        page: int = raw.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)).fetchone()[0]
    raw.close()
    return page - 1


def test_a_damaged_index_loses_nothing(box: Path) -> None:
    before = contents(box)
    spoil(box, [root_page(box, "contact_due")])
    reopen(box).close_now()
    after = contents(box)
    assert after["attempts"] == before["attempts"]
    assert after["suppressed"] == before["suppressed"]
    assert [name for name, _, _ in after["messages"]] == [name for name, _, _ in before["messages"]]
    assert after["tell"].unreadable == ()
    assert after["tell"].snapshot_at == NOW
    assert after["tell"].n_salvaged == 3 * MANY // 2


def test_nothing_is_dialled_from_a_restored_database(box: Path) -> None:
    assert contents(box)["lease"] == NOW
    assert not contents(box)["stopped"]
    spoil(box, [root_page(box, "contact_due")])
    reopen(box).close_now()
    after = contents(box)
    assert after["stopped"]
    assert after["lease"] is None


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_damaged_the_snapshot_is_there_and_the_stream_is_new(box: Path, seed: int) -> None:
    """And what is found in the damaged file besides is whole: no half message, no gap in the numbers."""
    dice = random.Random(seed)
    before = contents(box)
    n_pages = box.stat().st_size // PAGE
    spoil(box, dice.sample(range(n_pages), k=dice.choice([1, 3, n_pages // 2, n_pages])))
    damaged = box.read_bytes()
    reopen(box).close_now()
    after = contents(box)
    if after["tell"] is None:
        assert box.read_bytes()[:16] == b"SQLite format 3\0"  # only free pages were hit: nothing was wrong
        return
    assert {f"a{number}" for number in range(MANY // 2)} <= after["attempts"] <= before["attempts"]
    assert {f"s{number}" for number in range(MANY // 2)} <= after["suppressed"] <= before["suppressed"]
    assert [seq for _, seq, _ in after["messages"]] == list(range(1, len(after["messages"]) + 1))
    assert after["head"] == (0, len(after["messages"]))
    assert after["stream"] != before["stream"]
    assert all(body["stream"] == after["stream"] and body["seq"] == seq for _, seq, body in after["messages"])
    assert {f"m{number}" for number in range(MANY // 2)} <= {name for name, _, _ in after["messages"]}
    assert (box.parent / after["tell"].quarantine / "box.db").read_bytes() == damaged


def test_without_a_snapshot_the_salvage_is_what_there_is(box: Path) -> None:
    before = contents(box)
    shutil.rmtree(box.parent / "snapshots")
    spoil(box, [root_page(box, "contact_due")])
    reopen(box).close_now()
    after = contents(box)
    assert after["tell"].snapshot_at is None
    assert after["attempts"] == before["attempts"]


def test_a_damaged_snapshot_is_passed_over(box: Path, rows: Rows) -> None:
    database = open_database(box)
    newest = asyncio.run(database.snapshot(at=NOW + timedelta(hours=5)))
    database.close_now()
    newest.write_bytes(b"rust" * 5000)
    box.write_bytes(b"rust" * 50_000)
    reopen(box).close_now()
    after = contents(box)
    assert after["tell"].snapshot_at == NOW
    assert after["attempts"] == {f"a{number}" for number in range(MANY // 2)}
    assert "attempt" in after["tell"].unreadable


def test_a_sound_database_is_left_alone(box: Path) -> None:
    before = contents(box)
    reopen(box).close_now()
    assert contents(box) == before
    assert before["tell"] is None


class PowerCut(BaseException):
    """The box has no power any more."""


def cut_at(monkeypatch: pytest.MonkeyPatch, step: int) -> Callable[[], int]:
    """Have the power go at the `step`-th change to the disk; returns how many changes there were."""
    count = 0

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def change(*args: Any, **kwargs: Any) -> Any:
            nonlocal count
            count += 1
            if count == step:
                raise PowerCut
            return real(*args, **kwargs)

        return change

    for owner, name in (
        (os, "replace"), (Path, "rename"), (Path, "unlink"), (Path, "mkdir"), (Path, "write_text"),
        (shutil, "copyfile"), (os, "fsync"),
    ):  # fmt: skip
        monkeypatch.setattr(owner, name, counted(getattr(owner, name)))
    return lambda: count


def test_a_power_cut_at_any_step_ends_in_the_same_place(
    box: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(box, [root_page(box, "contact_due")])
    pristine = tmp_path / "pristine"
    shutil.copytree(box.parent, pristine, ignore=shutil.ignore_patterns("pristine"))
    step, steps = 0, 1
    while step < steps:
        step += 1
        folder = tmp_path / f"try-{step}"
        shutil.copytree(pristine, folder)
        path = folder / "box.db"
        with monkeypatch.context() as patch:
            n_changes = cut_at(patch, step)
            try:
                reopen(path).close_now()
            except PowerCut:
                steps = step + 1
            assert n_changes() >= step or steps == step
        reopen(path).close_now()
        after = contents(path)
        assert after["attempts"] == {f"a{number}" for number in range(MANY)}, f"cut at step {step}"
        assert after["stopped"], f"cut at step {step}"
        assert after["tell"] is not None
        assert not mark_of(path).exists()
        shutil.rmtree(folder)
    assert step > 20, "the steps were counted"


def test_half_restored_is_not_opened_as_if_it_were_fresh(box: Path) -> None:
    mark_of(box).write_text("quarantine/1", encoding="ascii")
    with pytest.raises(StoreDamagedError, match="cut off"):
        open_database(box)


def test_a_database_in_use_is_not_restored(box: Path) -> None:
    database = open_database(box)
    with pytest.raises(StoreLockedError):
        restoring.restore(box, at=NOW, renumber=renumbered)
    database.close_now()


def test_snapshots_are_few_and_the_newest_counts_whatever_the_clock_says(box: Path) -> None:
    database = open_database(box)
    for day in (3, -10_000, 2):
        asyncio.run(database.snapshot(at=NOW + timedelta(days=day)))
    an_event_later = database.run_now(lambda con: con.value("SELECT count(*) FROM outbox"))
    database.close_now()
    kept = snapshots(box)
    assert len(kept) == KEPT
    newest = open_database(kept[0])
    assert newest.run_now(lambda con: con.value("SELECT count(*) FROM outbox")) == an_event_later
    newest.close_now()
    assert int(kept[0].suffix[1:]) > int(kept[1].suffix[1:]) > NOW.timestamp() * 1000


def test_no_room_for_a_snapshot_is_said_and_costs_nothing(box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        f_bavail, f_frsize = 1, 512

    database = open_database(box)
    before = snapshots(box)
    monkeypatch.setattr(os, "statvfs", lambda _path: Full())
    with pytest.raises(StoreFailedError, match="bytes free"):
        asyncio.run(database.snapshot(at=NOW + timedelta(days=1)))
    assert snapshots(box) == before
    database.run_now(lambda con: an_event(con, 9999))
    database.close_now()


def test_a_contact_is_where_the_damaged_file_has_it(tmp_path: Path, rows: Rows) -> None:
    """A snapshot from before a call must not offer that person again."""
    path = tmp_path / "box.db"
    database = open_database(path)
    database.run_now(lambda con: rows.seed(con, *(rows.contact(f"k{n}", row=n) for n in range(50))))
    asyncio.run(database.snapshot(at=NOW))
    database.run_now(
        lambda con: con.execute(
            "UPDATE contact SET state = 'done', disposition = 'opt_out' WHERE contact = 'k7'"
        )
    )
    database.close_now()
    spoil(path, [root_page(path, "contact_next")])
    restored = reopen(path)
    found = restored.run_now(
        lambda con: campaigns.get_contact(con, rows.campaign().campaign, ContactId("k7"))
    )
    restored.close_now()
    assert found is not None
    assert found.state == "done"


def test_a_hole_in_a_table_costs_only_what_was_in_it(box: Path) -> None:
    """Every table is read from both ends towards the damage."""
    hole = box.read_bytes().index(b'"m220"') // PAGE
    spoil(box, [hole])
    reopen(box).close_now()
    after = contents(box)
    names = {name for name, _, _ in after["messages"]}
    assert "m220" not in names
    assert {"m0", "m299"} <= names
    assert len(names) > MANY - 60
    assert after["tell"].unreadable == ("outbox",)


def test_no_table_is_forgotten(box: Path) -> None:
    """Whoever adds a table says how it is salvaged."""
    database = open_database(box)
    there = database.run_now(
        lambda con: {row["name"] for row in con.rows("SELECT name FROM sqlite_master WHERE type = 'table'")}
    )
    database.close_now()
    ours = {name for name in there if not name.startswith(("sqlite_", "_sqlite"))}
    assert ours == {table for table, _ in TABLES} | SALVAGED_OTHERWISE


def test_what_a_replay_of_the_audit_log_needs_is_salvaged(box: Path) -> None:
    def keep(con: Connection) -> None:
        con.insert("audit_secret", {"person_ref": "r1", "key": b"k" * 32})
        con.insert("rule_book", {"digest": "d1", "name": "cn@1", "text": "rules"})

    database = open_database(box)
    database.run_now(keep)
    database.close_now()
    spoil(box, [root_page(box, "contact_due")])
    restored = reopen(box)
    found = restored.run_now(
        lambda con: (con.value("SELECT key FROM audit_secret"), con.value("SELECT text FROM rule_book"))
    )
    restored.close_now()
    assert found == (b"k" * 32, "rules")
