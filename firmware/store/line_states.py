"""How each line has stood: its history, for whoever is sent to mend it."""

from dataclasses import dataclass
from datetime import datetime

from firmware.clock import from_ms, to_ms
from firmware.store.connection import Connection
from firmware.values import LineId

LINE_STATE_TABLE = """CREATE TABLE line_state (
    line TEXT NOT NULL,
    since INTEGER NOT NULL,
    status TEXT NOT NULL,
    detail TEXT NOT NULL,
    operator TEXT NOT NULL,
    ailment TEXT NOT NULL,
    treatment TEXT NOT NULL,
    PRIMARY KEY (line, since)
) STRICT, WITHOUT ROWID"""
MOST_A_LINE = 1000
"""A line that comes and goes every minute must not fill the disk: its oldest states go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineState:
    """How one line stood from an instant on."""

    line: LineId
    since: datetime
    status: str
    detail: str = ""
    """In words, without numbers and names."""
    operator: str = ""
    ailment: str = ""
    treatment: str = ""


def note(con: Connection, state: LineState) -> None:
    """Keep how a line stands from now on; of two states within a millisecond the later one."""
    con.execute(
        "INSERT OR REPLACE INTO line_state VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            state.line,
            to_ms(state.since),
            state.status,
            state.detail,
            state.operator,
            state.ailment,
            state.treatment,
        ),
    )
    con.execute(
        """DELETE FROM line_state WHERE line = :line AND since < (
               SELECT since FROM line_state WHERE line = :line ORDER BY since DESC LIMIT 1 OFFSET :most)""",
        {"line": state.line, "most": MOST_A_LINE - 1},
    )


def latest(con: Connection, limit: int, *, line: LineId | None = None) -> list[LineState]:
    """Return the latest states of one line, or of all, newest first."""
    rows = con.rows(
        "SELECT * FROM line_state WHERE :line IS NULL OR line = :line ORDER BY since DESC, line LIMIT :limit",
        {"line": line, "limit": limit},
    )
    return [
        LineState(
            line=LineId(row["line"]),
            since=from_ms(row["since"]),
            status=row["status"],
            detail=row["detail"],
            operator=row["operator"],
            ailment=row["ailment"],
            treatment=row["treatment"],
        )
        for row in rows
    ]


def forget_before(con: Connection, before: datetime) -> int:
    """Forget states that began before an instant; return how many."""
    return con.execute("DELETE FROM line_state WHERE since < ?", (to_ms(before),))
