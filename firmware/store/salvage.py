"""What can still be read from a damaged database, put into the one that replaces it.

A snapshot is a day old at worst, and what happened since is what must not be forgotten: who was called, who
must not be called, what the console has not got. So every row that the damaged file still gives is taken,
reading each table from both ends towards the damage.
"""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from firmware.store.connection import Connection, Row
from firmware.store.errors import StoreConflictError

Renumber = Callable[[bytes, str, int], bytes]
"""(message, stream, seq) to the same message under that number; ValueError where it is no message."""

TABLES: tuple[tuple[str, tuple[str, ...]], ...] = (
    # Table, and what its primary key is; a row comes after the rows it refers to.
    ("campaign", ("campaign",)),
    ("contact_batch", ("campaign", "batch")),
    ("contact", ("campaign", "contact")),
    ("attempt", ("attempt",)),
    ("call_event", ("attempt", "position")),
    ("outcome", ("attempt",)),
    ("promise", ("attempt",)),
    ("suppression", ("id",)),
    ("recording", ("recording",)),
    ("inbox", ("id",)),
    ("console_order", ("subject", "action")),
    ("rule_book", ("digest",)),
    ("audit_secret", ("person_ref",)),
    ("configuration", ("version",)),
    ("legal_hold", ("hold",)),
    ("command", ("id",)),
    ("policy_release", ("version",)),
    ("contact_elsewhere", ("contact",)),
    ("person_elsewhere", ("id", "row")),
    ("uplink_use", ("day",)),
    ("key_set", ("version",)),
    ("inbound_call", ("call",)),
    ("sms", ("sms",)),
    ("line_state", ("line", "since")),
)
SALVAGED_OTHERWISE = frozenset({"audit", "outbox", "outbox_head", "setting"})
"""Tables with a way of their own: a chain, a numbering, and settings that must not be believed."""
_MOVES_ON = {
    # What changes in a row after it was made: the damaged file knows it later than the snapshot does.
    "console_order": ("at",),
    "campaign": (
        "state",
        "over_at",
        "version",
        "name",
        "ring_timeout_s",
        "promise_max_days",
        "starts_at",
        "expires_at",
        "lines",
        "texts",
        "contacts",
        "batches",
        "raw",
    ),
    "contact": ("state", "due_at", "waiting_until", "disposition", "rule", "attempts"),
    "attempt": (
        "answered_at",
        "ended_at",
        "disposition",
        "cause",
        "cause_q850",
        "confidence",
        "conversation",
    ),
    "uplink_use": ("bytes",),
    "inbound_call": ("answered_at", "ended_at", "disposition", "record"),
    "sms": (
        "state",
        "rule",
        "due_at",
        "tries",
        "line",
        "reserved_at",
        "sent_at",
        "ended_at",
        "n_parts",
        "parts",
        "sealed",
    ),
    "command": ("started_at", "boot", "answer_seq", "answer"),
    "configuration": ("state", "decided_at", "proof_seq", "reason"),
    "outcome": ("received_at",),
    "legal_hold": ("released_at", "released_by", "release_reason", "n_audited"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Salvaged:
    """What a damaged file gave."""

    n_rows: int
    """Rows that the snapshot did not have, or had otherwise."""
    unreadable: tuple[str, ...]
    """Tables that could not be read whole: something of them may be lost."""


class _Wreck:
    """A damaged file, read as far as it lets itself be read."""

    def __init__(self, path: Path) -> None:
        self._sqlite = sqlite3.connect(path, isolation_level=None, timeout=1.0)
        self.unreadable: list[str] = []

    def close(self) -> None:
        self._sqlite.close()

    def rows(self, table: str, order: tuple[str, ...]) -> list[Row]:
        """Return the rows of a table from both ends; name the table if there is a hole in the middle."""
        found: dict[tuple[object, ...], Row] = {}
        for direction in ("ASC", "DESC"):
            by = ", ".join(f"{column} {direction}" for column in order)
            try:
                for row in self._read(f"SELECT * FROM {table} ORDER BY {by}"):
                    found[tuple(row[column] for column in order)] = row
            except (sqlite3.Error, OverflowError, UnicodeDecodeError):
                continue
            return list(found.values())  # read to its end: nothing is missing
        self.unreadable.append(table)
        return [found[key] for key in sorted(found, key=repr)]

    def _read(self, sql: str) -> Iterator[Row]:
        cursor = self._sqlite.execute(sql)
        names = [column[0] for column in cursor.description]
        for row in cursor:
            yield dict(zip(names, row, strict=True))


def salvage(con: Connection, damaged: Path, *, stream: str, renumber: Renumber) -> Salvaged:
    """Bring what `damaged` still holds into this transaction, and number the outbox anew under `stream`."""
    wreck = _Wreck(damaged)
    n_rows = 0
    lost: set[str] = set()
    try:
        for table, key in TABLES:
            columns = {str(row["name"]) for row in con.rows(f"SELECT name FROM pragma_table_info('{table}')")}
            for row in wreck.rows(table, key):
                known = {name: value for name, value in row.items() if name in columns}
                try:
                    n_rows += _bring(con, table, key, known)
                except StoreConflictError:
                    lost.add(table)  # it refers to a row that could not be read
        n_rows += _bring_audit(con, wreck)
        if not _renumber_outbox(con, wreck, stream=stream, renumber=renumber):
            lost.add("outbox")
    finally:
        wreck.close()
    return Salvaged(n_rows=n_rows, unreadable=tuple(sorted({*wreck.unreadable, *lost})))


def _bring(con: Connection, table: str, key: tuple[str, ...], values: Row) -> bool:
    """Add a row, or bring one that is there to where the damaged file has it; say whether anything changed."""
    columns = ", ".join(values)
    places = ", ".join("?" * len(values))
    if con.execute(f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({places})", tuple(values.values())):
        return True
    later = {name: values[name] for name in _MOVES_ON.get(table, ()) if name in values}
    if not later:
        return False
    changes = ", ".join(f"{name} = ?" for name in later)
    differs = " OR ".join(f"{name} IS NOT ?" for name in later)
    where = " AND ".join(f"{name} = ?" for name in key)
    # An attempt that has ended stays as it ended: a trigger would refuse, and rightly.
    still_open = {"attempt": " AND ended_at IS NULL", "legal_hold": " AND released_at IS NULL"}.get(table, "")
    return bool(
        con.execute(
            f"UPDATE {table} SET {changes} WHERE {where} AND ({differs}){still_open}",
            (*later.values(), *(values[name] for name in key), *later.values()),
        )
    )


def _bring_audit(con: Connection, wreck: _Wreck) -> int:
    """Lengthen the audit chain by every entry that follows on; one behind a hole would only look like forgery."""
    n_rows = 0
    for row in sorted(wreck.rows("audit", ("seq",)), key=lambda row: int(row["seq"])):
        last = con.row("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")
        follows = (
            row["seq"] == last["seq"] + 1 and row["previous"] == last["hash"] if last else row["seq"] == 1
        )
        if follows:
            con.insert("audit", dict(row))
            n_rows += 1
    return n_rows


def _renumber_outbox(con: Connection, wreck: _Wreck, *, stream: str, renumber: Renumber) -> bool:
    """Put what the console may not have into a new stream; say whether every message could be read.

    Numbers given out under the old stream are never re-used. What the console has already it knows by its id.
    """
    waiting = {int(row["seq"]): row for row in wreck.rows("outbox", ("seq",))}
    if "outbox" in wreck.unreadable:
        waiting = {int(row["seq"]): row for row in con.rows("SELECT * FROM outbox")} | waiting
    con.execute("DELETE FROM outbox")
    last_seq = 0
    for _, row in sorted(waiting.items()):
        try:
            body = renumber(row["body"], stream, last_seq + 1)
        except ValueError:
            continue
        last_seq += 1
        con.insert(
            "outbox",
            {
                "seq": last_seq,
                "leaf": row["leaf"],
                "body": body,
                "created_at": row["created_at"],
                "correlation": row.get("correlation"),
            },
        )
    con.execute("UPDATE outbox_head SET last_seq = ?, received_up_to = 0", (last_seq,))
    # An old number would now point at somebody else's answer.
    con.execute("UPDATE inbox SET answer_seq = 0")
    con.execute("UPDATE command SET answer_seq = 0 WHERE answer IS NOT NULL")
    return last_seq == len(waiting)
