"""What came of today's calls, and what waits, in counts: nobody's number, name or id."""

from dataclasses import dataclass
from datetime import datetime

from firmware.clock import to_ms
from firmware.store import campaigns
from firmware.store.connection import Connection
from firmware.values import Disposition

_HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class HourCount:
    """How many calls of one hour came to one thing."""

    hour: int
    """Full hours since the day began."""
    disposition: Disposition
    n_calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Who has still to be called, as far as the lists go."""

    contacts: int
    campaigns_ready: int
    campaigns_paused: int
    is_stopped: bool


def outcomes_by_hour(con: Connection, day_began_at: datetime, until: datetime) -> list[HourCount]:
    """Return the calls that ended between the two instants, by hour and by what came of them."""
    start = to_ms(day_began_at)
    rows = con.rows(
        """SELECT (ended_at - :start) / :hour AS hour, disposition, count(*) AS n FROM outcome
           WHERE ended_at >= :start AND ended_at <= :until GROUP BY 1, 2 ORDER BY 1, 2""",
        {"start": start, "hour": _HOUR_MS, "until": to_ms(until)},
    )
    return [
        HourCount(hour=row["hour"], disposition=Disposition(row["disposition"]), n_calls=row["n"])
        for row in rows
    ]


def waiting(con: Connection) -> Waiting:
    """Return what is left to call."""
    states = con.rows("SELECT state, count(*) AS n FROM campaign GROUP BY state")
    by_state = {row["state"]: row["n"] for row in states}
    contacts = con.value(
        """SELECT count(*) FROM campaign JOIN contact USING (campaign)
           WHERE campaign.state = 'ready' AND contact.state IN ('open', 'waiting')"""
    )
    return Waiting(
        contacts=int(contacts),
        campaigns_ready=by_state.get("ready", 0),
        campaigns_paused=by_state.get("paused", 0),
        is_stopped=campaigns.is_stopped(con),
    )
