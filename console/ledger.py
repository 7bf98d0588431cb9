"""What the boxes report, kept once: the same messages in any order and number make the same ledger.

A message and the high-water mark of its stream are written in one transaction; a receipt may be sent for what
`record` returned, never before. Any number of programs may record at once, also messages of one box.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import msgspec
import structlog
from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from console.box_health import keep_telemetry
from console.errors import LedgerError
from console.ledger_engine import Place, cause_of, name_of, open_engine
from console.ledger_facts import Fact, Key, Unread, keep_facts, keep_states
from console.ledger_marks import Mark, Stream, advance
from console.ledger_tables import UPLINK
from firmware.clock import to_ms
from firmware.sync.messages import BoxState, Telemetry

log = structlog.get_logger(__name__)

_AGAIN = {"40001", "40P01"}
"""SQLSTATE of a transaction that met another one and was undone: it may be tried again."""
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One message from a box; the topic it came on says which."""

    box: str
    message: Fact | BoxState | Telemetry


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

    def __init__(self, place: Place) -> None:
        self._name = name_of(place)
        self._is_file = not isinstance(place, str)
        self._engine = open_engine(place)

    def close(self) -> None:
        """Let go of the file, or of the connections."""
        self._engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Yield a connection in one transaction. Raises LedgerError when the database cannot be used."""
        with self._begun(self._engine) as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield a connection that sees one state and keeps no writer waiting. Raises LedgerError."""
        options: dict[str, object] = {"reading": True}
        if not self._is_file:
            options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with self._begun(self._engine.execution_options(**options)) as connection:
            yield connection

    @contextmanager
    def _begun(self, engine: Engine) -> Iterator[Connection]:
        try:
            with engine.begin() as connection:
                yield connection
        except OperationalError as error:
            check = "check the disk" if self._is_file else "check the server"
            raise LedgerError(f"{self._name}: {cause_of(error)}; {check}, then start again") from error

    def record(self, arrivals: Sequence[Arrival], *, seen_at: datetime) -> list[Recorded]:
        """Commit messages and high-water marks together. Raises LedgerError, and then nothing is kept."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with self.transaction() as connection:
                    return _record(connection, arrivals, to_ms(seen_at))
            except LedgerError as error:
                if attempt == _ATTEMPTS or _state_of(error) not in _AGAIN:
                    raise
                log.info("ledger_transaction_again", attempt=attempt)
        raise AssertionError("the last attempt returns or raises")

    def high_water(self) -> dict[tuple[str, str], int]:
        """Return the high-water mark of every (box, stream)."""
        with self.reading() as connection:
            return {(row.box, row.stream): row.up_to for row in connection.execute(select(UPLINK))}


def _state_of(error: LedgerError) -> str:
    cause = error.__cause__
    return str(getattr(cause.orig, "sqlstate", "")) if isinstance(cause, DBAPIError) else ""


def _record(connection: Connection, arrivals: Sequence[Arrival], seen_at_ms: int) -> list[Recorded]:
    kept = list(arrivals)
    try:
        with connection.begin_nested():
            new = _keep(connection, kept, seen_at_ms)
    except OperationalError:
        raise  # the database, not a message
    except (SQLAlchemyError, ValueError, OverflowError):
        kept, new = _one_by_one(connection, arrivals, seen_at_ms)
    numbers: dict[Stream, list[int]] = {}
    for each in kept:
        if not isinstance(each.message, BoxState | Telemetry):
            numbers.setdefault((each.box, each.message.stream), []).append(each.message.seq)
    marks = advance(connection, numbers)
    return [_recorded(each, new, marks) for each in kept]


def _keep(connection: Connection, arrivals: Sequence[Arrival], seen_at_ms: int) -> set[Key]:
    states: list[tuple[str, BoxState]] = []
    health: list[tuple[str, Telemetry]] = []
    facts: list[tuple[str, Fact]] = []
    for each in arrivals:
        match each.message:
            case BoxState():
                states.append((each.box, each.message))
            case Telemetry():
                health.append((each.box, each.message))
            case fact:
                facts.append((each.box, fact))
    keep_states(connection, states, seen_at_ms)
    if health:
        keep_telemetry(connection, health, seen_at_ms)
    return keep_facts(connection, facts)


def _one_by_one(
    connection: Connection, arrivals: Sequence[Arrival], seen_at_ms: int
) -> tuple[list[Arrival], set[Key]]:
    """Keep what can be kept; what is well-formed, and yet nothing that a database can hold, as it came."""
    kept: list[Arrival] = []
    new: set[Key] = set()
    for arrival in arrivals:
        try:
            with connection.begin_nested():
                new |= _keep(connection, [arrival], seen_at_ms)
        except OperationalError:
            raise
        except (SQLAlchemyError, ValueError, OverflowError) as error:
            if isinstance(arrival.message, BoxState | Telemetry):
                continue  # a number of 70 bits in it says nothing that the next state does not
            arrival = Arrival(box=arrival.box, message=_unread(arrival.message, error))  # noqa: PLW2901
            new |= _keep(connection, [arrival], seen_at_ms)
        kept.append(arrival)
    return kept, new


def _recorded(arrival: Arrival, new: set[Key], marks: dict[Stream, Mark]) -> Recorded:
    message = arrival.message
    if isinstance(message, BoxState | Telemetry):
        return Recorded(arrival=arrival, is_new=True, stream=None, up_to=0, missing_from=None)
    mark = marks[arrival.box, message.stream]
    key = (arrival.box, message.id)
    is_new = key in new
    new.discard(key)  # of two copies in one transaction, the first was new
    return Recorded(
        arrival=arrival,
        is_new=is_new,
        stream=message.stream,
        up_to=mark.up_to,
        missing_from=mark.missing_from,
    )


def _unread(message: Fact, error: Exception) -> Unread:
    return Unread(
        id=message.id,
        at=message.at,
        stream=message.stream,
        seq=message.seq,
        payload=message.payload if isinstance(message, Unread) else msgspec.json.encode(message),
        problem=f"cannot be stored: {type(error).__name__}",
    )
