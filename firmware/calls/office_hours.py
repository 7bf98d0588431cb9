"""When the office lets its box dial, in its own time zone (pure). The callee's hours are the gate's, and always hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LONGEST_CLOSED_DAYS = 9
"""Spans come back each week; a day more, for one that lies in the hour that a clock change leaves out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSpan:
    """From `opens` until just before `closes` on these days."""

    days: frozenset[str]
    opens: time
    closes: time | None
    """None: until midnight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficeHours:
    """Spans in which the box may dial; none at all means never."""

    zone: ZoneInfo
    spans: Sequence[OpenSpan]

    def are_open(self, now: datetime) -> bool:
        """Say whether the box may dial now."""
        local = now.astimezone(self.zone)
        return any(
            DAYS[local.weekday()] in span.days
            and span.opens <= local.time()
            and (span.closes is None or local.time() < span.closes)
            for span in self.spans
        )

    def next_open(self, now: datetime) -> datetime | None:
        """Return `now` while the office is open, else when it opens next; None when it never does."""
        if self.are_open(now):
            return now
        today = now.astimezone(self.zone).date()
        openings = (
            datetime.combine(today + timedelta(days=ahead), span.opens, self.zone)
            for ahead in range(LONGEST_CLOSED_DAYS)
            for span in self.spans
            if DAYS[(today + timedelta(days=ahead)).weekday()] in span.days
        )
        return min((each for each in openings if each > now and self.are_open(each)), default=None)


def open_span(days: Sequence[str], opens: str, closes: str) -> OpenSpan:
    """Return a span of ``HH:MM`` texts; ``24:00`` is midnight at the end of the day."""
    return OpenSpan(
        days=frozenset(days),
        opens=time.fromisoformat(opens),
        closes=None if closes == "24:00" else time.fromisoformat(closes),
    )
