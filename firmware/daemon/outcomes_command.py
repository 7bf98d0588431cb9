"""What `branchline outcomes` lists: what came of each attempt, read beside a running daemon and without loading it."""

from typing import Any

from firmware.data_dir import database_path
from firmware.settings import Settings
from firmware.store import attempts
from firmware.store.outcomes import list_outcomes
from firmware.store.reading import read_only


def read_outcomes(settings: Settings) -> list[dict[str, Any]]:
    """Return every outcome in the box's database, oldest first; the daemon may be running. Raises StoreError."""
    with read_only(database_path(settings)) as connection:
        found = [
            (outcome, attempts.get_attempt(connection, outcome.attempt))
            for outcome in list_outcomes(connection, limit=100_000)
        ]
    return [
        {
            "attempt": outcome.attempt,
            "campaign": outcome.campaign,
            "contact": outcome.contact,
            "disposition": outcome.disposition.value,
            "line": attempt.line if attempt else "",
            "talk_ms": outcome.talk_ms,
            "ended_at": outcome.ended_at.isoformat(timespec="seconds"),
            "promise": outcome.promise.due.isoformat() if outcome.promise else None,
        }
        for outcome, attempt in reversed(found)
    ]
