"""Outcomes as files for other programs: CSV that a spreadsheet opens, Parquet that keeps types; read row by row."""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from sqlalchemy import Connection, Row, Select, func, select

from console.cell_safety import plain_cell
from console.errors import ConsoleError
from console.ledger_tables import OUTCOME, PROMISE
from console.private_files import write_private
from console.reports import amount_text, payments_text

AT_ONCE = 5000
_SUMS = ("promise_amount", "promise_total")
_INSTANTS = ("reserved_at", "answered_at", "ended_at", "callback_at")
_OUTCOME_COLUMNS = (
    "box", "campaign", "contact", "person", "attempt", "line", "disposition", "reached", "right_party", "final",
    "reserved_at", "answered_at", "ended_at", "talk_ms", "cause", "cause_q850", "confidence", "suppressed",
    "callback_local", "callback_at", "transfer", "answers", "flow", "flow_version", "recording",
)  # fmt: skip
COLUMNS = (*_OUTCOME_COLUMNS, "promise_due", "promise_amount", "promise_currency", "promise_instalments", "promise_total",
           "promise_payments")  # fmt: skip
Progress = Callable[[int], None]
"""Told how many rows were written."""


class NoParquetError(ConsoleError):
    """The library for Parquet is not installed: it is large, and only this needs it."""


def outcomes_between(
    *,
    campaign: str | None = None,
    box: str | None = None,
    since_ms: int | None = None,
    until_ms: int | None = None,
) -> Select[Any]:
    """Return the question for outcomes with their promises, the oldest first."""
    same = (PROMISE.c.box == OUTCOME.c.box) & (PROMISE.c.attempt == OUTCOME.c.attempt)
    promised = (
        PROMISE.c.due.label("promise_due"),
        PROMISE.c.amount_minor,
        PROMISE.c.currency.label("promise_currency"),
        PROMISE.c.instalments.label("promise_instalments"),
        PROMISE.c.instalments,
        PROMISE.c.due,
        PROMISE.c.currency,
        PROMISE.c.every,
        PROMISE.c.total_minor,
    )
    asked = select(*(OUTCOME.c[name] for name in _OUTCOME_COLUMNS), *promised).outerjoin_from(
        OUTCOME, PROMISE, same
    )
    for column, value in ((OUTCOME.c.campaign, campaign), (OUTCOME.c.box, box)):
        if value is not None:
            asked = asked.where(column == value)
    if since_ms is not None:
        asked = asked.where(OUTCOME.c.ended_at >= since_ms)
    if until_ms is not None:
        asked = asked.where(OUTCOME.c.ended_at < until_ms)
    return asked.order_by(OUTCOME.c.ended_at, OUTCOME.c.attempt)


def count(connection: Connection, asked: Select[Any]) -> int:
    """Return how many rows a question has."""
    return int(
        connection.execute(select(func.count()).select_from(asked.order_by(None).subquery())).scalar_one()
    )


def write_csv(connection: Connection, asked: Select[Any], out: TextIO, *, on_rows: Progress) -> None:
    """Write outcomes as CSV; instants are UTC, amounts with their point."""
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for part in _parts(connection, asked):
        writer.writerows([plain_cell(_written(row[name])) for name in COLUMNS] for row in part)
        on_rows(len(part))


def write_parquet(connection: Connection, asked: Select[Any], target: Path, *, on_rows: Progress) -> None:
    """Write outcomes as Parquet: instants are UTC timestamps, days dates, amounts decimals. Raises ConsoleError."""
    try:
        import pyarrow as arrow  # noqa: PLC0415 - large and optional
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError:
        raise NoParquetError(
            "Parquet needs a library: pip install 'branchline[parquet]', or use --csv"
        ) from None
    kinds = {
        **dict.fromkeys(COLUMNS, arrow.string()),
        **dict.fromkeys(_INSTANTS, arrow.timestamp("ms", tz="UTC")),
        **dict.fromkeys(("reached", "right_party", "final"), arrow.bool_()),
        **dict.fromkeys(("talk_ms", "cause_q850", "flow_version", "promise_instalments"), arrow.int64()),
        "confidence": arrow.float64(),
        "promise_due": arrow.date32(),
        "promise_amount": arrow.decimal128(18, 3),
        "promise_total": arrow.decimal128(18, 3),
    }
    schema = arrow.schema([(name, kinds[name]) for name in COLUMNS])
    with parquet.ParquetWriter(target, schema) as writer:
        for part in _parts(connection, asked):
            typed = [{**row, **{name: _decimal(row[name]) for name in _SUMS}} for row in part]
            writer.write_table(arrow.Table.from_pylist(typed, schema=schema))
            on_rows(len(part))


def new_file(target: Path) -> Path:
    """Make an empty file that only its owner may read. Raises ConsoleError if it is there."""
    try:
        write_private(target, b"")
    except FileExistsError:
        raise ConsoleError(f"{target} is there already; name a new file") from None
    except OSError as error:
        raise ConsoleError(f"{target}: {error.strerror}; name a file that can be written") from None
    return target


def _parts(connection: Connection, asked: Select[Any]) -> Iterator[Sequence[dict[str, Any]]]:
    with connection.execution_options(yield_per=AT_ONCE).execute(asked) as found:
        rows = iter(found)
        while part := [_typed(row) for row in islice(rows, AT_ONCE)]:
            yield part


def _typed(row: Row[Any]) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in COLUMNS if name not in (*_SUMS, "promise_payments")}
    for name in _INSTANTS:
        if values[name] is not None:
            values[name] = datetime.fromtimestamp(values[name] / 1000, UTC)
    values["promise_due"] = date.fromisoformat(row.promise_due) if row.promise_due else None
    has_amount = row.amount_minor is not None and row.promise_currency is not None
    values["promise_amount"] = amount_text(row.amount_minor, row.promise_currency) if has_amount else None
    has_total = row.total_minor is not None and row.promise_currency is not None
    values["promise_total"] = amount_text(row.total_minor, row.promise_currency) if has_total else None
    values["promise_payments"] = payments_text(row) or None
    return values


def _written(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    return json.dumps(value) if isinstance(value, bool) else value


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
