"""What the boxes report, kept once: the same messages in any order and number make the same ledger.

A message and the high-water mark of its stream are written in one transaction; a receipt may be sent for what
`record` returned, never before.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec
from sqlalchemy import Connection, Engine, delete, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from console import (  # their tables belong to the ledger
    audit_tables,  # noqa: F401
    web_tables,  # noqa: F401
)
from console.errors import LedgerError
from console.ledger_facts import Fact, Unread, insert_new, keep_fact, keep_state
from console.ledger_tables import UPLINK, UPLINK_AHEAD, open_engine
from firmware.clock import to_ms
from firmware.sync.messages import BoxState


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One message from a box; the topic it came on says which."""

    box: str
    message: Fact | BoxState


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A message that is committed."""

    arrival: Arrival
    is_new: bool
    stream: str | None
    """None for a message that is not durable."""
    up_to: int
    """Every sequence number of the stream up to this one is committed."""
    missing_from: int | None
    """The first missing number, when some above it are here."""


class Ledger:
    """The console's database; every method is one transaction and blocks until it is on disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engine = open_engine(path)

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Yield a connection in one transaction. Raises LedgerError when the file cannot be used."""
        with self._begun(self._engine) as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield a connection that sees one state and keeps no writer waiting. Raises LedgerError."""
        with self._begun(self._engine.execution_options(reading=True)) as connection:
            yield connection

    @contextmanager
    def _begun(self, engine: Engine) -> Iterator[Connection]:
        try:
            with engine.begin() as connection:
                yield connection
        except OperationalError as error:
            cause = str(error.orig or error).splitlines()[0]
            raise LedgerError(f"{self._path}: {cause}; check the disk, then start again") from None

    def record(self, arrivals: Sequence[Arrival], *, seen_at: datetime) -> list[Recorded]:
        """Commit messages and high-water marks together. Raises LedgerError, and then nothing is kept."""
        with self.transaction() as connection:
            return [_record(connection, arrival, to_ms(seen_at)) for arrival in arrivals]

    def high_water(self) -> dict[tuple[str, str], int]:
        """Return the high-water mark of every (box, stream)."""
        with self.reading() as connection:
            return {(row.box, row.stream): row.up_to for row in connection.execute(select(UPLINK))}


def _record(connection: Connection, arrival: Arrival, seen_at_ms: int) -> Recorded:
    box, message = arrival.box, arrival.message
    try:
        with connection.begin_nested():
            if isinstance(message, BoxState):
                keep_state(connection, box, message, seen_at_ms)
                is_new = True
            else:
                is_new = keep_fact(connection, box, message)
    except OperationalError:
        raise  # the file, not the message
    except (SQLAlchemyError, ValueError, OverflowError) as error:
        # Well-formed, and yet nothing that the database can hold, such as a number of 70 bits.
        if isinstance(message, BoxState):
            is_new = False
        else:
            message = _unread(message, error)
            is_new = keep_fact(connection, box, message)
    if isinstance(message, BoxState):
        return Recorded(arrival=arrival, is_new=is_new, stream=None, up_to=0, missing_from=None)
    up_to, missing_from = _advance(connection, box, message.stream, message.seq)
    return Recorded(
        arrival=Arrival(box=box, message=message),
        is_new=is_new,
        stream=message.stream,
        up_to=up_to,
        missing_from=missing_from,
    )


def _advance(connection: Connection, box: str, stream: str, seq: int) -> tuple[int, int | None]:
    """Note a sequence number. Return the high-water mark and the first missing number, if one is missing."""
    mark = (UPLINK.c.box == box) & (UPLINK.c.stream == stream)
    above = (UPLINK_AHEAD.c.box == box) & (UPLINK_AHEAD.c.stream == stream)
    known = connection.execute(select(UPLINK.c.up_to).where(mark)).scalar_one_or_none()
    up_to = known or 0
    if seq > up_to:
        insert_new(connection, UPLINK_AHEAD, {"box": box, "stream": stream, "seq": seq})
    missing_from = None
    with connection.execute(select(UPLINK_AHEAD.c.seq).where(above).order_by(UPLINK_AHEAD.c.seq)) as ahead:
        for number in ahead.scalars():
            if number != up_to + 1:
                missing_from = up_to + 1
                break
            up_to = number
    if up_to != known:
        row = {"box": box, "stream": stream, "up_to": up_to}
        moved = insert(UPLINK).values(row).on_conflict_do_update(index_elements=["box", "stream"], set_=row)
        connection.execute(moved)
        connection.execute(delete(UPLINK_AHEAD).where(above & (UPLINK_AHEAD.c.seq <= up_to)))
    return up_to, missing_from


def _unread(message: Fact, error: Exception) -> Unread:
    return Unread(
        id=message.id,
        at=message.at,
        stream=message.stream,
        seq=message.seq,
        payload=message.payload if isinstance(message, Unread) else msgspec.json.encode(message),
        problem=f"cannot be stored: {type(error).__name__}",
    )
