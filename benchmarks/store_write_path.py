"""What the box's store costs over raw sqlite3 with the same durability and the same grouping of commits.

Run: python benchmarks/store_write_path.py [--rows N]. Three groupings; in each both sides write the same outbox rows to
fresh files on the same disk, WAL, synchronous=FULL and secure_delete, in alternating rounds. Raw is the barest program that keeps
the same promise: begin, number and insert the same rows, commit. Target: the store does 0.8 of raw or more.
"""

import argparse
import asyncio
import sqlite3
import statistics
import sys
import tempfile
import time
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


def raw_rate(folder: Path, n_rows: int, a_commit: int) -> float:
    """Return rows/s of bare sqlite3 on a file with the store's own schema."""
    path = folder / f"raw-{time.monotonic_ns()}.db"
    Database.open(path).close_now()
    con = sqlite3.connect(path, isolation_level=None)
    con.execute("PRAGMA journal_mode=WAL")
    con.execute("PRAGMA synchronous=FULL")
    con.execute("PRAGMA foreign_keys=ON")
    con.execute("PRAGMA secure_delete=ON")
    began_s = time.perf_counter()
    for first in range(0, n_rows, a_commit):
        con.execute("BEGIN IMMEDIATE")
        for _ in range(first, min(first + a_commit, n_rows)):
            (seq,) = con.execute(
                "UPDATE outbox_head SET last_seq = last_seq + 1 RETURNING last_seq"
            ).fetchone()
            con.execute("INSERT INTO outbox VALUES (?, ?, ?, ?, NULL)", (seq, "outcome", BODY, NOW_MS))
        con.execute("COMMIT")
    took_s = time.perf_counter() - began_s
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
    for name in ("case", "raw sqlite3", "store", "ratio"):
        table.add_column(name, justify="left" if name == "case" else "right")
    with tempfile.TemporaryDirectory(dir=folder) as made:
        for name, n_rows, a_commit, one in cases:
            pairs = [
                (
                    raw_rate(Path(made), n_rows * times, a_commit),
                    store_rate(Path(made), n_rows * times, a_commit, one_transaction=one),
                )
                for _ in range(ROUNDS)
            ]
            raw, ours = (statistics.median(side) for side in zip(*pairs, strict=True))
            ratio = statistics.median(b / a for a, b in pairs)
            table.add_row(name, f"{raw:,.0f}", f"{ours:,.0f}", f"{ratio:.2f}")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
