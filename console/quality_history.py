"""How good the lists of each source were over time."""

import re
from datetime import datetime

import msgspec
from sqlalchemy import Connection, delete, select

from console.examination import Examination, reasons
from console.ledger_facts import insert_new
from console.office_tables import EXAMINED
from firmware.clock import to_ms


class ExaminedList(msgspec.Struct, kw_only=True, frozen=True):
    """One list as it was when it was last examined."""

    source: str
    at_ms: int
    rows: int
    bad: int
    doubtful: int
    reasons: dict[str, dict[str, int]]

    @property
    def bad_share(self) -> float:
        """Return the share of rows that could not be sent, 0 to 1."""
        return self.bad / self.rows if self.rows else 0.0


def source_of(file_stem: str) -> str:
    """Return a source's name from a file's: what stands before the first digit."""
    return re.split(r"[-_ .(]*[0-9]", file_stem, maxsplit=1)[0].strip() or file_stem


def keep_examination(
    connection: Connection, examination: Examination, *, source: str, digest: str, at: datetime
) -> None:
    """Note what a list was like; the same content again replaces what was noted."""
    same = (EXAMINED.c.source == source) & (EXAMINED.c.digest == digest)
    connection.execute(delete(EXAMINED).where(same))
    row = {
        "source": source,
        "digest": digest,
        "at": to_ms(at),
        "rows": examination.n_read,
        "bad": len(examination.bad_rows),
        "doubtful": len(examination.doubtful_rows),
        "reasons": msgspec.json.encode(reasons(examination)).decode(),
    }
    insert_new(connection, EXAMINED, row)


def examined_lists(connection: Connection, *, source: str | None = None) -> list[ExaminedList]:
    """Return the lists, the oldest first."""
    asked = select(EXAMINED).order_by(EXAMINED.c.at, EXAMINED.c.source)
    if source is not None:
        asked = asked.where(EXAMINED.c.source == source)
    return [
        ExaminedList(
            source=row.source,
            at_ms=row.at,
            rows=row.rows,
            bad=row.bad,
            doubtful=row.doubtful,
            reasons=msgspec.json.decode(row.reasons, type=dict[str, dict[str, int]]),
        )
        for row in connection.execute(asked)
    ]
