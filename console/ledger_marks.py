"""How far each box's messages have come: up to which number all are in the ledger, whoever recorded them.

Programs that record one stream at once take turns here, at the end of their transactions: whoever has the row of a
stream sees every number that those before it committed, so that a mark never passes what is not there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select, tuple_, update

from console.ledger_engine import insert_into
from console.ledger_tables import UPLINK, UPLINK_AHEAD

Stream = tuple[str, str]
"""A box and the id of its database."""
_PAGE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How far one stream has come."""

    up_to: int
    missing_from: int | None
    """The first missing number, when some above it are here."""


def advance(connection: Connection, numbers: Mapping[Stream, Sequence[int]]) -> dict[Stream, Mark]:
    """Note sequence numbers whose messages this transaction has kept; return the marks."""
    if not numbers:
        return {}
    streams = sorted(numbers)
    rows = [{"box": box, "stream": stream, "up_to": 0} for box, stream in streams]
    connection.execute(insert_into(connection, UPLINK).on_conflict_do_nothing(), rows)
    locked = (
        select(UPLINK)
        .where(tuple_(UPLINK.c.box, UPLINK.c.stream).in_(streams))
        .order_by(UPLINK.c.box, UPLINK.c.stream)
        .with_for_update()
    )
    known = {(row.box, row.stream): int(row.up_to) for row in connection.execute(locked)}
    return {stream: _advance(connection, stream, known[stream], set(numbers[stream])) for stream in streams}


def _advance(connection: Connection, stream: Stream, known: int, numbers: set[int]) -> Mark:
    up_to = known
    while up_to + 1 in numbers:
        up_to += 1
    mine = (UPLINK_AHEAD.c.box == stream[0]) & (UPLINK_AHEAD.c.stream == stream[1])
    ahead = sorted(number for number in numbers if number > up_to)
    waiting = select(UPLINK_AHEAD.c.seq).where(mine).order_by(UPLINK_AHEAD.c.seq).limit(_PAGE)
    if up_to > known:  # a gap may have closed: those that waited behind it count from now on
        while page := connection.execute(waiting.where(UPLINK_AHEAD.c.seq > up_to)).scalars().all():
            before = up_to
            together = {*page, *numbers}
            while up_to + 1 in together:
                up_to += 1
            if up_to == before or len(page) < _PAGE:
                break
        here = (UPLINK.c.box == stream[0]) & (UPLINK.c.stream == stream[1])
        connection.execute(update(UPLINK).where(here).values(up_to=up_to))
        connection.execute(delete(UPLINK_AHEAD).where(mine & (UPLINK_AHEAD.c.seq <= up_to)))
        ahead = [number for number in ahead if number > up_to]
    if ahead:
        rows = [{"box": stream[0], "stream": stream[1], "seq": number} for number in ahead]
        connection.execute(insert_into(connection, UPLINK_AHEAD).on_conflict_do_nothing(), rows)
    is_behind = bool(ahead) or connection.execute(waiting.limit(1)).first() is not None
    return Mark(up_to=up_to, missing_from=up_to + 1 if is_behind else None)
