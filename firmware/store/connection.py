"""What a repository sees of SQLite: statements inside a transaction that somebody else begins and ends."""

import contextlib
import functools
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from firmware.store.errors import StoreConflictError, StoreDamagedError, StoreError, StoreFailedError

Value = str | int | float | bytes | None
Row = Mapping[str, Any]


class Connection:
    """What a repository may do inside a transaction; valid only while that transaction runs."""

    def __init__(self, sqlite: sqlite3.Connection) -> None:
        self._sqlite = sqlite
        self.touched: set[str] = set()

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
        self.touched.add(what)


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
