"""Commands of the console: each is done once, and what came of it is kept for whoever asks again."""

from dataclasses import dataclass
from datetime import datetime

from firmware.clock import from_ms, to_ms
from firmware.store.connection import Connection, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCommand:
    """One command that was taken."""

    id: str
    name: str
    arguments: bytes
    expires_at: datetime
    leaf: str
    """Where to answer, below the box's own ``up/``."""
    correlation: bytes
    started_at: datetime | None
    boot: str
    """What the kernel called its boot when the command began; empty before."""


def add(con: Connection, command: StoredCommand, *, received_at: datetime) -> None:
    """Keep a command that is to be done, or was refused. Raises StoreConflictError if its id is known."""
    con.insert(
        "command",
        {
            "id": command.id,
            "name": command.name,
            "arguments": command.arguments,
            "expires_at": to_ms(command.expires_at),
            "leaf": command.leaf,
            "correlation": command.correlation,
            "received_at": to_ms(received_at),
            "started_at": None,
            "boot": "",
            "answer_seq": None,
            "answer": None,
        },
    )
    con.touch("command")


def get(con: Connection, command_id: str) -> StoredCommand:
    """Return a command that is known to be here."""
    row = con.row("SELECT * FROM command WHERE id = ?", (command_id,))
    assert row is not None
    return _command(row)


def next_waiting(con: Connection) -> StoredCommand | None:
    """Return the oldest command that was not begun."""
    row = con.row(
        """SELECT * FROM command WHERE answer IS NULL AND started_at IS NULL
           ORDER BY received_at, id LIMIT 1"""
    )
    return _command(row) if row else None


def n_waiting(con: Connection) -> int:
    """Return how many commands have no answer yet."""
    return int(con.value("SELECT count(*) FROM command WHERE answer IS NULL"))


def begin(con: Connection, command_id: str, *, at: datetime, boot: str) -> None:
    """Note that a command begins: after a crash it is not begun again."""
    con.execute(
        "UPDATE command SET started_at = ?, boot = ? WHERE id = ? AND started_at IS NULL",
        (to_ms(at), boot, command_id),
    )


def begun(con: Connection) -> list[StoredCommand]:
    """Return commands that began and have no answer: at a start, those that a crash interrupted."""
    rows = con.rows(
        "SELECT * FROM command WHERE answer IS NULL AND started_at IS NOT NULL ORDER BY started_at"
    )
    return [_command(row) for row in rows]


def finish(con: Connection, command_id: str, *, seq: int, answer: bytes) -> None:
    """Keep what came of a command and under which outbox number it went."""
    con.execute("UPDATE command SET answer_seq = ?, answer = ? WHERE id = ?", (seq, answer, command_id))


def answered(con: Connection, command_id: str) -> tuple[StoredCommand, int, bytes] | None:
    """Return a command, the outbox number of its answer and the answer; None while there is none."""
    row = con.row("SELECT * FROM command WHERE id = ? AND answer IS NOT NULL", (command_id,))
    return (_command(row), row["answer_seq"], row["answer"]) if row else None


def forget_before(con: Connection, before: datetime) -> int:
    """Forget commands that no repetition can reach back to; return how many."""
    return con.execute("DELETE FROM command WHERE answer IS NOT NULL AND received_at < ?", (to_ms(before),))


def _command(row: Row) -> StoredCommand:
    return StoredCommand(
        id=row["id"],
        name=row["name"],
        arguments=row["arguments"],
        expires_at=from_ms(row["expires_at"]),
        leaf=row["leaf"],
        correlation=row["correlation"],
        started_at=None if row["started_at"] is None else from_ms(row["started_at"]),
        boot=row["boot"],
    )
