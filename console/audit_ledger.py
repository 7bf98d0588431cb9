"""Heads of the boxes' audit logs, kept and held against each other: a log that shrinks or changes contradicts its own box."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

import structlog
from sqlalchemy import Connection, Row, select

from console.audit_tables import ANCHOR, AUDIT_ENTRY, BOX_KEY, FINDING, SEGMENT
from console.ledger_engine import insert_into, take_turn
from console.ledger_tables import EVENT
from firmware.clock import to_ms
from firmware.compliance import audit
from firmware.sync.device_key import HeadForgedError, head_kid
from firmware.sync.messages_audit import AuditHead, AuditSegment

log = structlog.get_logger(__name__)

RESTORED_EVENT = "database_restored"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something about a box's audit log that a person must see."""

    severity: str
    """``alarm``, or ``warning`` where it was told lawfully."""
    what: str


def keep_head(connection: Connection, box: str, head: AuditHead) -> bool:
    """Keep a head and look what it contradicts. Return whether it is new."""
    try:
        kid = head_kid(head) if head.box == box else ""
    except HeadForgedError:
        kid = ""
    row = {
        "box": box,
        "id": head.id,
        "stream": head.stream,
        "seq": head.seq,
        "at": to_ms(head.at),
        "chain": head.chain,
        "entry": head.entry,
        "hash": head.hash,
        "signed_at": head.signed_at.astimezone(UTC).isoformat(timespec="microseconds"),
        "key": head.key,
        "kid": kid,
        "signature": head.signature,
    }
    # Of two heads that come to two readers at once, one alone is the first, and the other one is held against it.
    take_turn(connection, f"audit {box}")
    is_new = connection.execute(insert_into(connection, ANCHOR).on_conflict_do_nothing(), row).rowcount == 1
    known = connection.execute(select(BOX_KEY.c.kid).where(BOX_KEY.c.box == box)).first()
    if kid and known is None:
        pin_key(connection, box, kid, head.key, at=head.at, how="first")
    note_findings(connection, box, head.at, stretch=(head.entry, head.entry))
    return is_new


def keep_segment(connection: Connection, box: str, segment: AuditSegment) -> bool:
    """Keep entries that were asked for. Return whether the message is new."""
    row = {
        "box": box,
        "id": segment.id,
        "stream": segment.stream,
        "seq": segment.seq,
        "at": to_ms(segment.at),
        "about": segment.about,
        "is_last": int(segment.is_last),
    }
    if connection.execute(insert_into(connection, SEGMENT).on_conflict_do_nothing(), row).rowcount != 1:
        return False
    rows = [
        {
            "box": box,
            "chain": segment.chain,
            "entry": entry.entry,
            "hash": entry.hash,
            "previous": entry.previous,
            "body": entry.body,
        }
        for entry in segment.entries
    ]
    if rows:
        connection.execute(insert_into(connection, AUDIT_ENTRY).on_conflict_do_nothing(), rows)
        stretch = (segment.entries[0].entry - 1, segment.entries[-1].entry + 1)
        note_findings(connection, box, segment.at, stretch=stretch)
    return True


def pin_key(connection: Connection, box: str, kid: str, key: str, *, at: datetime, how: str) -> None:
    """Take a key for the box's own."""
    row = {"box": box, "kid": kid, "key": key, "at": to_ms(at), "how": how}
    connection.execute(insert_into(connection, BOX_KEY).on_conflict_do_nothing(), row)


def note_findings(
    connection: Connection, box: str, at: datetime, *, stretch: tuple[int, int] | None = None
) -> list[Finding]:
    """Hold what is known of a box's log against itself; keep and log what is new, return all that was ever found.

    Of the entries that are here only those of `stretch` are looked at; None: all.
    """
    for found in find(connection, box, stretch):
        row = {"box": box, "what": found.what, "severity": found.severity, "at": to_ms(at)}
        if connection.execute(insert_into(connection, FINDING).on_conflict_do_nothing(), row).rowcount == 1:
            say = log.error if found.severity == "alarm" else log.warning
            say("audit_log_finding", box=box, severity=found.severity, what=found.what)
    return findings(connection, box)


def findings(connection: Connection, box: str) -> list[Finding]:
    """Return all that was ever found of a box's log, oldest first."""
    rows = connection.execute(
        select(FINDING).where(FINDING.c.box == box).order_by(FINDING.c.at, FINDING.c.what)
    )
    return [Finding(severity=row.severity, what=row.what) for row in rows]


def find(connection: Connection, box: str, stretch: tuple[int, int] | None = None) -> list[Finding]:
    """Return what is wrong with the heads and entries of a box, by what the ledger holds now."""
    anchors = list(connection.execute(select(ANCHOR).where(ANCHOR.c.box == box)))
    keys = set(connection.execute(select(BOX_KEY.c.kid).where(BOX_KEY.c.box == box)).scalars())
    chains: dict[str, list[Row[tuple[object, ...]]]] = {}
    found: list[Finding] = []
    for anchor in anchors:
        if not anchor.kid:
            found.append(
                _alarm(f"a head at entry {anchor.entry} is not signed by the box whose topic it came on")
            )
        elif anchor.kid not in keys:
            found.append(
                _alarm(
                    f"heads are signed by the key {anchor.kid}, which is not the box's: if the box was set up anew, "
                    f"`audit trust {box} {anchor.kid}`"
                )
            )
        else:
            chains.setdefault(anchor.chain, []).append(anchor)
    for chain, heads in chains.items():
        heads.sort(key=lambda head: (head.stream != head.chain, head.seq))
        found += _contradictions(chain, heads)
        found += _entries(connection, box, chain, heads, stretch)
    return [*found, *_new_chains(connection, box, chains)]


def _contradictions(chain: str, heads: Sequence[Row[tuple[object, ...]]]) -> Iterable[Finding]:
    hashes: dict[int, str] = {}
    reached = 0
    for head in heads:
        if hashes.setdefault(head.entry, head.hash) != head.hash:
            yield _alarm(
                f"entry {head.entry} of log {_short(chain)} was rewritten: two heads name it otherwise"
            )
        if head.entry < reached:
            yield _alarm(f"log {_short(chain)} was cut short: it had {reached} entries, then {head.entry}")
        reached = max(reached, head.entry)


def _entries(
    connection: Connection,
    box: str,
    chain: str,
    heads: Sequence[Row[tuple[object, ...]]],
    stretch: tuple[int, int] | None,
) -> Iterable[Finding]:
    here = (AUDIT_ENTRY.c.box == box) & (AUDIT_ENTRY.c.chain == chain)
    if stretch is not None:
        here &= AUDIT_ENTRY.c.entry.between(*stretch)
    published = {head.entry: head.hash for head in heads}
    before: tuple[int, str] | None = None
    for row in connection.execute(select(AUDIT_ENTRY).where(here).order_by(AUDIT_ENTRY.c.entry)):
        where = f"entry {row.entry} of log {_short(chain)}"
        if before is not None and row.entry == before[0]:
            yield _alarm(f"{where} was sent twice, with two contents")
        if audit.link(row.previous, row.body) != row.hash:
            yield _alarm(f"{where} was changed after it was written")
        if before is not None and row.entry == before[0] + 1 and row.previous != before[1]:
            yield _alarm(f"{where} does not follow the one before it")
        if row.entry == 1 and row.previous != audit.GENESIS:
            yield _alarm(f"{where} follows something that is not there")
        if published.get(row.entry, row.hash) != row.hash:
            yield _alarm(f"{where} is not the one whose hash was published")
        before = (row.entry, row.hash)


def _new_chains(
    connection: Connection, box: str, chains: dict[str, list[Row[tuple[object, ...]]]]
) -> Iterable[Finding]:
    """A box has one log, unless its database was restored: that it says itself, in the new stream."""
    told = set(
        connection.execute(
            select(EVENT.c.stream).where((EVENT.c.box == box) & (EVENT.c.event == RESTORED_EVENT))
        ).scalars()
    )
    order = sorted(chains, key=lambda chain: (min(head.at for head in chains[chain]), chain))
    for former, chain in pairwise(order):
        reached, first = max(head.entry for head in chains[former]), chains[chain][0].entry
        if chain in told:
            yield Finding(
                severity="warning",
                what=f"log {_short(former)} ended at entry {reached}: the database was restored, and goes on as "
                f"{_short(chain)} from entry {first}",
            )
        else:
            yield _alarm(
                f"log {_short(former)} with {reached} entries was replaced by log {_short(chain)}, and the box told of "
                "no restoration"
            )


def _alarm(what: str) -> Finding:
    return Finding(severity="alarm", what=what)


def _short(chain: str) -> str:
    return chain[-8:]
