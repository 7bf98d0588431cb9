"""Which messages of the console were applied, and what was answered: applying one twice is impossible."""

from dataclasses import dataclass
from datetime import datetime

from firmware.clock import to_ms
from firmware.store.connection import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """An applied message: its answer, and under which outbox number that went."""

    seq: int
    answer: bytes


def seen(con: Connection, message_id: str) -> Answered | None:
    """Return what was answered if the message was applied already."""
    row = con.row("SELECT answer_seq, answer FROM inbox WHERE id = ?", (message_id,))
    return Answered(seq=row["answer_seq"], answer=row["answer"]) if row else None


def remember(
    con: Connection, message_id: str, *, kind: str, received_at: datetime, seq: int, answer: bytes
) -> None:
    """Note a message in the transaction that applies it. Raises StoreConflictError the second time."""
    con.insert(
        "inbox",
        {
            "id": message_id,
            "kind": kind,
            "received_at": to_ms(received_at),
            "answer_seq": seq,
            "answer": answer,
        },
    )


def renumber(con: Connection, message_id: str, seq: int) -> None:
    """Note under which number the answer was given once more."""
    con.execute("UPDATE inbox SET answer_seq = ? WHERE id = ?", (seq, message_id))


def answer_anew(con: Connection, message_id: str, *, seq: int, answer: bytes) -> None:
    """Note a later answer: what an asker gets from now on."""
    con.execute(
        "UPDATE inbox SET answer_seq = ?, answer = ? WHERE id = ?",
        (seq, answer, message_id),
    )


def forget_before(con: Connection, before: datetime) -> int:
    """Forget messages received before an instant that no replay can reach back to; return how many."""
    return con.execute("DELETE FROM inbox WHERE received_at < ?", (to_ms(before),))
