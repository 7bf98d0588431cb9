"""A ledger's way from its file into PostgreSQL: all of it or nothing, and nothing is written to the file afterwards."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Table, func, insert, select
from sqlalchemy.exc import SQLAlchemyError

from console.errors import ConsoleError, LedgerError
from console.ledger import Ledger
from console.ledger_engine import Place, cause_of, has_password, name_of
from console.ledger_tables import METADATA
from console.office import OFFICE_FILE, Office

AT_ONCE = 2000
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
"""Stands for a NUL, which a file takes and PostgreSQL does not."""


class Moved(msgspec.Struct, kw_only=True, frozen=True):
    """What was moved."""

    rows: dict[str, int]
    """By table; those that were empty are not in it."""
    mended: int
    """Texts with a NUL in them."""
    kept_as: str
    """The file, under its new name."""


def move_ledger(
    office: Office,
    target: str,
    *,
    at: datetime,
    on_rows: Callable[[str, int], None] = lambda _table, _n: None,
) -> Moved:
    """Copy the office's file into an empty database, name that in `office.toml`, and put the file away.

    Whoever has the file open still can write no more into it: what boxes sent to them is not receipted, and comes again.
    Raises ConsoleError, LedgerError; then the file is the ledger as before.
    """
    source = office.ledger
    if not isinstance(source, Path):
        raise ConsoleError(f"the ledger is in {name_of(source)} already; there is no file to move")
    if not source.exists():
        raise ConsoleError(
            f"{source} is not there; name the database in {OFFICE_FILE}, nothing is to be moved"
        )
    if has_password(target) and (office.folder / OFFICE_FILE).stat().st_mode & 0o077:
        raise ConsoleError(
            f"the address holds a password, and others can read {OFFICE_FILE}; chmod 600 it first"
        )
    kept_as = source.with_name(f"{source.name}.moved-{at:%Y%m%dT%H%M%S}")
    rows: dict[str, int] = {}
    mended = 0
    with ExitStack() as stack:
        old, new = Ledger(source), Ledger(_place(target))
        stack.callback(old.close)
        stack.callback(new.close)
        with old.transaction() as reading:  # nobody writes meanwhile
            try:
                with new.transaction() as writing:
                    _require_empty(writing, target)
                    for table in METADATA.sorted_tables:
                        n, n_mended = _copy(reading, writing, table, on_rows)
                        mended += n_mended
                        if n:
                            rows[table.name] = n
                    _compare(reading, writing)
            except SQLAlchemyError as error:
                raise LedgerError(
                    f"{name_of(target)}: {cause_of(error)}; nothing was moved, the file is the ledger as before"
                ) from error
            for table in METADATA.sorted_tables:
                _close_for_good(reading, table.name)
    _name_in_office(office, target)
    source.rename(kept_as)
    return Moved(rows=rows, mended=mended, kept_as=str(kept_as))


def _place(target: str) -> Place:
    if not target.partition(":")[0].startswith("postgres"):
        raise ConsoleError("a ledger moves to PostgreSQL; write --to postgresql://user@host/database")
    return target


def _require_empty(writing: Connection, target: str) -> None:
    for table in METADATA.sorted_tables:
        if writing.execute(select(func.count()).select_from(table)).scalar_one():
            raise ConsoleError(
                f"{name_of(target)} holds a ledger already (table {table.name}); name an empty database or schema"
            )


def _copy(
    reading: Connection, writing: Connection, table: Table, on_rows: Callable[[str, int], None]
) -> tuple[int, int]:
    """Copy one table. Return how many rows, and in how many texts a NUL was replaced."""
    n_rows = n_mended = 0
    found = iter(reading.execution_options(yield_per=AT_ONCE).execute(select(table)))
    while part := list(islice(_plain(found), AT_ONCE)):
        for row in part:
            n_mended += _mend(row)
        writing.execute(insert(table), part)
        n_rows += len(part)
        on_rows(table.name, len(part))
    return n_rows, n_mended


def _plain(found: Iterator[Row[Any]]) -> Iterator[dict[str, Any]]:
    for row in found:
        yield dict(row._mapping)


def _mend(row: dict[str, Any]) -> int:
    wrong = [name for name, value in row.items() if isinstance(value, str) and "\0" in value]
    for name in wrong:
        row[name] = row[name].replace("\0", REPLACEMENT)
    return len(wrong)


def _compare(reading: Connection, writing: Connection) -> None:
    for table in METADATA.sorted_tables:
        asked = select(func.count()).select_from(table)
        here, there = reading.execute(asked).scalar_one(), writing.execute(asked).scalar_one()
        if here != there:
            raise ConsoleError(f"table {table.name} came over with {there} of {here} rows; nothing was moved")


def _close_for_good(connection: Connection, table: str) -> None:
    for deed in ("INSERT", "UPDATE", "DELETE"):
        connection.exec_driver_sql(
            f'CREATE TRIGGER "moved_{table}_{deed.lower()}" BEFORE {deed} ON "{table}"'
            " BEGIN SELECT RAISE(ABORT, 'this ledger was moved to PostgreSQL; start again'); END"
        )


def _name_in_office(office: Office, target: str) -> None:
    path = office.folder / OFFICE_FILE
    text = path.read_text(encoding="utf-8").rstrip("\n")
    draft = path.with_suffix(".new")
    draft.touch(mode=path.stat().st_mode & 0o777)
    draft.write_text(f"{text}\ndatabase = {msgspec.json.encode(target).decode()}\n", encoding="utf-8")
    draft.rename(path)
