"""Lines to the terminal: answers to stdout, one-line errors and warnings to stderr."""

import json
import logging
import sys
from collections.abc import MutableMapping, Sequence
from typing import Any, NoReturn

import structlog
from rich.console import Console

from console.tables import printable


def say(text: str) -> None:
    """Print one line for a person."""
    Console().print(printable(text), soft_wrap=True)


def say_json(content: Any) -> None:
    """Print JSON for a program."""
    print(json.dumps(content, ensure_ascii=False, indent=2))


def fail(text: str, code: int, details: Sequence[str] = ()) -> NoReturn:
    """Say what is wrong, further lines first, and end the program with `code`."""
    for detail in details:
        print(printable(detail).plain, file=sys.stderr)
    print(f"error: {printable(text).plain}", file=sys.stderr)
    sys.exit(code)


def log_to_stderr() -> None:
    """Let warnings of every part come out as one line each."""

    def print_line(_logger: object, name: str, event: MutableMapping[str, Any]) -> str:
        fields = " ".join(f"{key}={value}" for key, value in event.items() if key != "event")
        return printable(f"{name}: {event['event']} {fields}").plain.rstrip()

    structlog.configure(
        processors=[print_line],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=lambda *_: structlog.PrintLogger(file=sys.stderr),
    )
