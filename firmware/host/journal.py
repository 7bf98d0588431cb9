"""What the daemon writes about itself: one line an event, fields as JSON, numbers masked."""

import json
import logging
import re
import sys
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import structlog

from firmware.host.systemd import is_on_journal, send_to_journal
from firmware.values import mask

_NUMBER = re.compile(r"\+\d[\d ().-]{5,18}\d|(?!\d{4}-\d\d-\d\d)\b\d(?:[ ().-]?\d){8,14}")
"""A number with a plus, or nine digits and more: dates and times of day stay readable."""
_LONGEST_FIELD = 300
_FIELD = re.compile(r"[^A-Z0-9]+")
_LONGEST_NAME = 50
"""Of a journal field without its prefix: 64 in all (sd_journal_print(3))."""
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


class JournalEntries(logging.Handler):
    """Writes each event as one journal entry: the JSON line as its message, each field as ``BRANCHLINE_NAME`` too.

    So `journalctl BRANCHLINE_EVENT=line_lost BRANCHLINE_LINE=line-2` finds what it says.
    """

    def __init__(self, send: Callable[[str, Mapping[str, str]], None] = send_to_journal) -> None:
        super().__init__()
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; what a library logged has no fields, and is masked here."""
        event: Mapping[str, Any] | None = getattr(record, "branchline", None)
        fields = {"PRIORITY": str(_priority(record.levelno)), "LOGGER": record.name}
        try:
            message = self.format(record)
            if event is None:
                message = masked(message)
            for key, value in (event or {}).items():
                name = _FIELD.sub("_", key.upper()).strip("_")[:_LONGEST_NAME]
                fields[f"BRANCHLINE_{name}"] = value if isinstance(value, str) else _json(value)
            self._send(message, fields)
        except Exception:
            self.handleError(record)


def set_up_journal(log_file: Path | None = None, recent: RecentEvents | None = None) -> None:
    """Send every log event to the journal, or to standard error and (if named) to a file readable by us alone."""
    handlers: list[logging.Handler] = [
        JournalEntries() if is_on_journal() else logging.StreamHandler(sys.stderr)
    ]
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
            _render,
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


def _render(_logger: Any, _method: str, event: Any) -> Any:
    """End structlog's chain: the event as a JSON line, and as it is for a handler that can do more with it."""
    return (_json(event),), {"extra": {"branchline": dict(event)}}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=repr)


def _priority(level: int) -> int:
    """Return syslog's priority (syslog(3)): 3 error, 4 warning, 6 info, 7 debug."""
    if level >= logging.ERROR:
        return 3
    if level >= logging.WARNING:
        return 4
    return 6 if level >= logging.INFO else 7
