"""What the box's store costs over raw sqlite3 with the same durability and the same grouping of commits.

Run: python benchmarks/store_write_path.py [--rows N]. Three groupings; in each all sides write the same outbox rows to
fresh files on the same disk, WAL, synchronous=FULL and secure_delete, in alternating rounds. Raw is the barest program that
begins, numbers and inserts the same rows and commits, and does nothing else meanwhile. Awaited is raw sqlite3 with the store's
promise: each row has a caller who hears of it when it is on the disk, and the loop they are on never waits for the disk, so
one executor thread writes what is there. Target: the store does 0.8 or more.
"""

import argparse
import asyncio
import sqlite3
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rich.console import Console
from rich.table import Table

from firmware.store import outbox
from firmware.store.connection import Connection
from firmware.store.database import Database

ROUNDS = 5
BODY = b'{"type":"outcome","id":"019ab3c0-7d00-7abc-8def-0123456789ab"' + b" " * 500 + b"}"
NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)


def bare(folder: Path) -> sqlite3.Connection:
    """Return a connection to a fresh file with the store's own schema and durability."""
    path = folder / f"raw-{time.monotonic_ns()}.db"
    Database.open(path).close_now()
    con = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        con.execute(f"PRAGMA {pragma}")
    return con


def commit(con: sqlite3.Connection, n_rows: int) -> None:
    """Write rows in one transaction."""
    con.execute("BEGIN IMMEDIATE")
    for _ in range(n_rows):
        (seq,) = con.execute("UPDATE outbox_head SET last_seq = last_seq + 1 RETURNING last_seq").fetchone()
        con.execute("INSERT INTO outbox VALUES (?, ?, ?, ?, NULL)", (seq, "outcome", BODY, NOW_MS))
    con.execute("COMMIT")


def raw_rate(folder: Path, n_rows: int, a_commit: int) -> float:
    """Return rows/s of bare sqlite3."""
    con = bare(folder)
    began_s = time.perf_counter()
    for _ in range(0, n_rows, a_commit):
        commit(con, a_commit)
    took_s = time.perf_counter() - began_s
    con.close()
    return n_rows / took_s


def awaited_rate(folder: Path, n_rows: int, a_commit: int, *, one_transaction: bool) -> float:
    """Return rows/s of bare sqlite3 on a thread of its own, awaited by one caller or by as many as there are rows."""
    con = bare(folder)

    async def write() -> float:
        loop = asyncio.get_running_loop()
        waiting: list[asyncio.Future[None]] = []

        async def flush() -> None:
            await asyncio.sleep(0)
            together = waiting.copy()
            waiting.clear()
            await loop.run_in_executor(thread, commit, con, len(together))
            for caller in together:
                caller.set_result(None)

        async def one_row() -> None:
            waiting.append(loop.create_future())
            mine = waiting[-1]
            if len(waiting) == 1:
                flushing.add(loop.create_task(flush()))
            await mine

        flushing: set[asyncio.Task[None]] = set()
        began_s = time.perf_counter()
        for _ in range(0, n_rows, a_commit):
            if one_transaction:
                await loop.run_in_executor(thread, commit, con, a_commit)
            else:
                await asyncio.gather(*(one_row() for _ in range(a_commit)))
        return time.perf_counter() - began_s

    with ThreadPoolExecutor(1) as thread:
        took_s = asyncio.run(write())
    con.close()
    return n_rows / took_s


def append(con: Connection) -> None:
    outbox.append(con, "outcome", lambda _seq: BODY, NOW)


def store_rate(folder: Path, n_rows: int, a_commit: int, *, one_transaction: bool) -> float:
    """Return rows/s of the store: `a_commit` rows by one caller, or by as many callers at once."""
    database = Database.open(folder / f"store-{time.monotonic_ns()}.db")

    def several(con: Connection) -> None:
        for _ in range(a_commit):
            append(con)

    async def write() -> float:
        began_s = time.perf_counter()
        if one_transaction:
            for _ in range(0, n_rows, a_commit):
                await database.transact(several)
        else:
            for _ in range(0, n_rows, a_commit):
                await asyncio.gather(*(database.transact(append) for _ in range(a_commit)))
        return time.perf_counter() - began_s

    took_s = asyncio.run(write())
    assert asyncio.run(database.read(outbox.depth)).n_waiting == n_rows
    database.close_now()
    return n_rows / took_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=1, help="times the standard number of rows")
    parser.add_argument("--folder", type=Path, help="on the disk to measure; a temporary folder if left out")
    times = parser.parse_args().rows
    folder = parser.parse_args().folder
    cases = (
        ("1 row a commit", 300, 1, True),
        ("32 rows, one caller", 6400, 32, True),
        ("64 callers at once, grouped by the store", 6400, 64, False),
    )
    table = Table(title="Writing to the outbox, durable, rows/s (median of alternating rounds)")
    for name in ("case", "raw sqlite3", "awaited", "store", "of raw", "of awaited"):
        table.add_column(name, justify="left" if name == "case" else "right")
    with tempfile.TemporaryDirectory(dir=folder) as made:
        for name, n_rows, a_commit, one in cases:
            rounds = [
                (
                    raw_rate(Path(made), n_rows * times, a_commit),
                    awaited_rate(Path(made), n_rows * times, a_commit, one_transaction=one),
                    store_rate(Path(made), n_rows * times, a_commit, one_transaction=one),
                )
                for _ in range(ROUNDS)
            ]
            rates = [statistics.median(side) for side in zip(*rounds, strict=True)]
            ratios = [statistics.median(ours / side[at] for *side, ours in rounds) for at in (0, 1)]
            table.add_row(name, *(f"{rate:,.0f}" for rate in rates), *(f"{ratio:.2f}" for ratio in ratios))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
