"""What the daemon writes about itself: one line an event, fields as JSON, numbers masked."""

import logging
import re
import sys
from collections import deque
from pathlib import Path
from typing import Any

import structlog

from firmware.host.systemd import journal_handler
from firmware.values import mask

_NUMBER = re.compile(r"\+\d[\d ().-]{5,18}\d|(?!\d{4}-\d\d-\d\d)\b\d(?:[ ().-]?\d){8,14}")
"""A number with a plus, or nine digits and more: dates and times of day stay readable."""
_LONGEST_FIELD = 300
_SAFE_FIELDS = frozenset(
    {
        "timestamp",
        "at",
        "attempt",
        "campaign",
        "contact",
        "recording",
        "message",
        "stream",
        "sha256",
        "until",
        "version",
        "path",
    }
)
"""Fields that hold ids and instants of ours, whose digits are nobody's number."""


class RecentEvents:
    """The last log events, masked as they were written: what diagnostics show."""

    def __init__(self, kept: int = 200) -> None:
        self._events: deque[dict[str, Any]] = deque(maxlen=kept)

    def __call__(self, _logger: Any, _method: str, event: Any) -> Any:
        """Note an event on its way to the journal."""
        self._events.append(
            {key: str(value)[:_LONGEST_FIELD] for key, value in event.items() if key != "exception"}
        )
        return event

    def last(self, n_events: int) -> list[dict[str, Any]]:
        """Return the last events, oldest first."""
        return list(self._events)[-n_events:] if n_events else []


def set_up_journal(log_file: Path | None = None, recent: RecentEvents | None = None) -> None:
    """Send every log event to the journal, or to standard error and (if named) to a file readable by us alone."""
    handlers: list[logging.Handler] = []
    to_journal = journal_handler()
    handlers.append(to_journal or logging.StreamHandler(sys.stderr))
    if log_file is not None:
        log_file.touch(mode=0o600, exist_ok=True)
        handlers.append(logging.FileHandler(log_file, encoding="utf-8"))
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=handlers, force=True)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            mask_numbers,
            *([recent] if recent is not None else []),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def set_log_level(level: str) -> None:
    """Write events of this level (debug, info, warning) and above from now on."""
    logging.getLogger().setLevel(level.upper())


def mask_numbers(_logger: Any, _method: str, event: Any) -> Any:
    """Mask whatever looks like a telephone number, in every field but our own ids."""
    return {key: value if key in _SAFE_FIELDS else masked(value) for key, value in event.items()}


def masked(value: Any) -> Any:
    """Return lists and mappings with whatever looks like a telephone number masked."""
    if isinstance(value, str):
        return _NUMBER.sub(lambda found: mask(found.group()), value)
    if isinstance(value, list | tuple):
        return [masked(item) for item in value]
    if isinstance(value, dict):
        return {key: masked(item) for key, item in value.items()}
    return value
