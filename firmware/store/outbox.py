"""Messages for the console, kept until its receipt covers them; numbered without gaps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from firmware.clock import from_ms, to_ms
from firmware.store.connection import Connection
from firmware.store.errors import StoreConflictError

_ROWS_WEIGHED = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """One message that waits for its receipt."""

    seq: int
    leaf: str
    """The up topic's last part: ack, outcome, event…"""
    body: bytes
    correlation: bytes = b""
    """Of an answer: what the asker knows its question by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxDepth:
    """How much the console does not have yet."""

    n_waiting: int
    n_bytes: int
    """Of their bodies; beyond 1000 messages by the weight of the oldest 1000."""
    oldest_at: datetime | None
    last_seq: int
    """The highest sequence number given out."""
    received_up_to: int
    """The console has everything up to here."""

    def age_s(self, now: datetime) -> float:
        """Return how long the oldest message has waited."""
        return max((now - self.oldest_at).total_seconds(), 0.0) if self.oldest_at else 0.0


def append(
    con: Connection,
    leaf: str,
    build: Callable[[int], bytes],
    created_at: datetime,
    *,
    correlation: bytes = b"",
) -> int:
    """Keep a message in the transaction of the fact it reports and return its number.

    `build` gets the number and returns the payload; if it raises, or the transaction is undone, the number is
    not used up: that is what keeps the sequence without gaps.
    """
    seq = con.next_number()
    con.execute(
        "INSERT INTO outbox (seq, leaf, body, created_at, correlation) VALUES (?, ?, ?, ?, ?)",
        (seq, leaf, build(seq), to_ms(created_at), correlation or None),
    )
    con.touch("outbox")
    return seq


def pending(
    con: Connection, after_seq: int, limit: int, *, leaves: Sequence[str] | None = None
) -> list[OutboxRow]:
    """Return messages in order, from behind `after_seq`; of these kinds alone if `leaves` names some."""
    wanted = ""
    if leaves is not None:
        wanted = f" AND substr(leaf, 1, instr(leaf || '/', '/') - 1) IN ({', '.join('?' * len(leaves))})"
    return [
        OutboxRow(seq=seq, leaf=leaf, body=body, correlation=correlation or b"")
        for seq, leaf, body, correlation in con.tuples(
            f"SELECT seq, leaf, body, correlation FROM outbox WHERE seq > ?{wanted} ORDER BY seq LIMIT ?",
            (after_seq, *(leaves or ()), limit),
        )
    ]


def is_pending(con: Connection, seq: int) -> bool:
    """Say whether this message still waits for its receipt."""
    return con.value("SELECT 1 FROM outbox WHERE seq = ?", (seq,)) is not None


def n_pending(con: Connection, from_seq: int, to_seq: int, leaves: Sequence[str]) -> int:
    """Return how many messages of these kinds wait between two numbers."""
    return int(
        con.value(
            f"""SELECT count(*) FROM outbox WHERE seq > ? AND seq <= ?
                AND substr(leaf, 1, instr(leaf || '/', '/') - 1) IN ({", ".join("?" * len(leaves))})""",
            (from_seq, to_seq, *leaves),
        )
    )


def receipt(
    con: Connection,
    stream: str,
    up_to: int,
    ahead: Sequence[tuple[int, int]] = (),
    *,
    at: datetime | None = None,
) -> int:
    """Forget what the console has committed, note when it had each outcome, and return how many messages that were.

    `ahead` are runs of numbers (first and last) that lie behind a gap.

    Raises StoreConflictError if the receipt is for another database or for numbers never given out: whoever
    wrote it is not speaking of what lies here, and nothing is deleted.
    """
    con.write_numbers()
    own = con.value("SELECT value FROM setting WHERE key = 'stream'")
    last_seq = con.value("SELECT last_seq FROM outbox_head")
    if stream != own:
        raise StoreConflictError("the receipt is for another stream than this database's")
    highest = max([up_to, *(last for _, last in ahead)])
    if highest > last_seq:
        raise StoreConflictError(f"the receipt covers {highest}, but only {last_seq} were ever sent")
    con.execute("UPDATE outbox_head SET received_up_to = max(received_up_to, ?)", (up_to,))
    con.touch("outbox")
    n_deleted = 0
    for first, last in [(1, up_to), *ahead]:
        if at is not None:
            con.execute(
                """UPDATE outcome SET received_at = :at WHERE received_at IS NULL AND attempt IN (
                       SELECT CASE WHEN json_valid(CAST(body AS TEXT))
                                   THEN json_extract(CAST(body AS TEXT), '$.attempt') END
                       FROM outbox WHERE seq BETWEEN :first AND :last AND leaf = 'outcome')""",
                {"at": to_ms(at), "first": first, "last": last},
            )
        n_deleted += con.execute("DELETE FROM outbox WHERE seq BETWEEN ? AND ?", (first, last))
    return n_deleted


def depth(con: Connection) -> OutboxDepth:
    """Return how much waits, and since when; as quickly with a million messages as with one."""
    received_up_to, last_seq = heads(con)
    # Numbers have no gaps, so nothing need be counted; and rows are looked at for their size up to a bound.
    n_waiting = last_seq - received_up_to
    row = con.row(
        """SELECT count(*) AS n, ifnull(sum(length(body)), 0) AS bytes, min(created_at) AS oldest
           FROM (SELECT body, created_at FROM outbox ORDER BY seq LIMIT ?)""",
        (_ROWS_WEIGHED,),
    )
    assert row is not None
    is_all = row["n"] == n_waiting
    return OutboxDepth(
        n_waiting=n_waiting,
        n_bytes=row["bytes"] if is_all else round(row["bytes"] / max(1, row["n"]) * n_waiting),
        oldest_at=None if row["oldest"] is None else from_ms(row["oldest"]),
        last_seq=last_seq,
        received_up_to=received_up_to,
    )


def heads(con: Connection) -> tuple[int, int]:
    """Return (how far the console's receipts reach, the highest number given out)."""
    con.write_numbers()
    row = con.row("SELECT received_up_to, last_seq FROM outbox_head")
    assert row is not None
    return row["received_up_to"], row["last_seq"]
