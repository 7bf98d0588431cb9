"""When the office lets its box dial, in its own time zone (pure). The callee's hours are the gate's, and always hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


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


def open_span(days: Sequence[str], opens: str, closes: str) -> OpenSpan:
    """Return a span of ``HH:MM`` texts; ``24:00`` is midnight at the end of the day."""
    return OpenSpan(
        days=frozenset(days),
        opens=time.fromisoformat(opens),
        closes=None if closes == "24:00" else time.fromisoformat(closes),
    )
