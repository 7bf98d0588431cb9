"""What a repository sees of SQLite: statements inside a transaction that somebody else begins and ends."""

import contextlib
import functools
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from firmware.store.errors import StoreConflictError, StoreDamagedError, StoreError, StoreFailedError

Value = str | int | float | bytes | None
Row = Mapping[str, Any]
Mark = tuple[int, int | None, int | None]


class Connection:
    """What a repository may do inside a transaction; valid only while that transaction runs."""

    __slots__ = ("_sqlite", "_written_seq", "last_seq", "touched")

    def __init__(self, sqlite: sqlite3.Connection) -> None:
        self._sqlite = sqlite
        self.touched: dict[str, None] = {}
        """What listeners will hear of, in the order of its first mention."""
        self.last_seq: int | None = None
        """The outbox's highest number, where this transaction had to know it; `write_numbers` writes it down."""
        self._written_seq: int | None = None

    def execute(self, sql: str, parameters: Sequence[Value] | Mapping[str, Value] = ()) -> int:
        """Run one statement, return how many rows it changed. Raises StoreConflictError, StoreFailedError."""
        try:
            return self._sqlite.execute(sql, parameters).rowcount
        except sqlite3.DatabaseError as error:
            raise _in_our_words(error) from error

    def execute_many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        """Run one statement for every row."""
        with store_errors():
            self._sqlite.executemany(sql, rows)

    def rows(self, sql: str, parameters: Sequence[Value] | Mapping[str, Value] = ()) -> list[Row]:
        """Return what a query finds, as mappings by column name."""
        with store_errors():
            cursor = self._sqlite.execute(sql, parameters)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    def tuples(
        self, sql: str, parameters: Sequence[Value] | Mapping[str, Value] = ()
    ) -> list[tuple[Any, ...]]:
        """Return what a query finds in the order of its columns: for many rows, a third of the time of `rows`."""
        with store_errors():
            return self._sqlite.execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: Sequence[Value] | Mapping[str, Value] = ()) -> Row | None:
        """Return the first row that a query finds."""
        found = self.rows(sql, parameters)
        return found[0] if found else None

    def value(self, sql: str, parameters: Sequence[Value] | Mapping[str, Value] = ()) -> Any:
        """Return the first column of the first row, None if there is none."""
        try:
            found = self._sqlite.execute(sql, parameters).fetchone()
        except sqlite3.DatabaseError as error:
            raise _in_our_words(error) from error
        return found[0] if found else None

    def insert(self, table: str, values: Mapping[str, Value]) -> None:
        """Insert one row. Raises StoreConflictError if a rule of the table forbids it."""
        self.execute(_insert_into(table, tuple(values)), tuple(values.values()))

    def touch(self, what: str) -> None:
        """Name something that this transaction changes: listeners hear of it after the commit."""
        self.touched[what] = None

    def next_number(self) -> int:
        """Return the outbox's next number; many rows are numbered for the price of one row that says how far."""
        if self.last_seq is None:
            self.last_seq = self._written_seq = int(self.value("SELECT last_seq FROM outbox_head"))
        self.last_seq += 1
        return self.last_seq

    def write_numbers(self) -> None:
        """Write down how far numbers were given out: before the commit, and before anybody reads it."""
        if self.last_seq != self._written_seq:
            self.execute("UPDATE outbox_head SET last_seq = ?", (self.last_seq,))
            self._written_seq = self.last_seq

    def mark(self) -> "Mark":
        """Return what `go_back` needs once everything since then has been undone."""
        return len(self.touched), self.last_seq, self._written_seq

    def go_back(self, mark: "Mark") -> None:
        """Forget what was noted since `mark`."""
        n_touched, self.last_seq, self._written_seq = mark
        while len(self.touched) > n_touched:
            self.touched.popitem()


@contextlib.contextmanager
def store_errors() -> Iterator[None]:
    """Turn SQLite's errors into this package's."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise _in_our_words(error) from error


def _in_our_words(error: sqlite3.DatabaseError) -> StoreError:
    match error:
        case sqlite3.IntegrityError():
            return StoreConflictError(str(error))
        case sqlite3.OperationalError():
            return StoreFailedError(str(error))
        case _:
            return StoreDamagedError(str(error))


@functools.lru_cache(256)
def _insert_into(table: str, columns: tuple[str, ...]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
