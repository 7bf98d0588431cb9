"""What a repository sees of SQLite: statements inside a transaction that somebody else begins and ends."""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from firmware.store.errors import StoreConflictError, StoreDamagedError, StoreFailedError

Value = str | int | float | bytes | None
Row = Mapping[str, Any]


class Connection:
    """What a repository may do inside a transaction; valid only while that transaction runs."""

    def __init__(self, sqlite: sqlite3.Connection) -> None:
        self._sqlite = sqlite
        self.touched: set[str] = set()

    def execute(self, sql: str, parameters: Sequence[Value] | Mapping[str, Value] = ()) -> int:
        """Run one statement, return how many rows it changed. Raises StoreConflictError, StoreFailedError."""
        with store_errors():
            return self._sqlite.execute(sql, parameters).rowcount

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
        with store_errors():
            found = self._sqlite.execute(sql, parameters).fetchone()
        return found[0] if found else None

    def insert(self, table: str, values: Mapping[str, Value]) -> None:
        """Insert one row. Raises StoreConflictError if a rule of the table forbids it."""
        columns = ", ".join(values)
        places = ", ".join("?" * len(values))
        self.execute(f"INSERT INTO {table} ({columns}) VALUES ({places})", tuple(values.values()))

    def touch(self, what: str) -> None:
        """Name something that this transaction changes: listeners hear of it after the commit."""
        self.touched.add(what)


@contextlib.contextmanager
def store_errors() -> Iterator[None]:
    """Turn SQLite's errors into this package's."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise StoreConflictError(str(error)) from None
    except sqlite3.OperationalError as error:
        raise StoreFailedError(str(error)) from error
    except sqlite3.DatabaseError as error:
        raise StoreDamagedError(str(error)) from error
