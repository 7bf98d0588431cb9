"""Lines to the terminal: answers to stdout, one-line errors and warnings to stderr."""

import json
import logging
import sys
from collections.abc import MutableMapping, Sequence
from contextvars import ContextVar
from typing import Any, NoReturn

import structlog
from rich.console import Console
from rich.table import Table

from console.tables import printable

_SPEAKS_JSON: ContextVar[bool] = ContextVar("speaks_json", default=False)


def speak_json(wanted: bool = True) -> None:
    """Have `say` and `show` write for programs from now on, or for people again."""
    _SPEAKS_JSON.set(wanted)


def say(text: str, **facts: Any) -> None:
    """Print one line for a person; for a program the same, with what it needs of it by name."""
    if _SPEAKS_JSON.get():
        print(json.dumps({"said": text, **facts}, ensure_ascii=False, default=str), flush=True)
        return
    Console().print(printable(text), soft_wrap=True)


def show(shown: Table) -> None:
    """Print a table; for a program its rows, a line of JSON each."""
    if not _SPEAKS_JSON.get():
        Console().print(shown)
        return
    names = [str(column.header) for column in shown.columns]
    for cells in zip(*(column.cells for column in shown.columns), strict=True):
        row = dict(zip(names, map(str, cells), strict=True))
        print(json.dumps({"table": str(shown.title), **row}, ensure_ascii=False))


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
