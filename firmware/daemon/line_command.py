"""`branchline line`: what a technician does with the lines of box.toml."""

import asyncio
import json
import logging
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, NoReturn

import structlog
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from firmware.daemon.line_selftest import NotATestNumberError, choose_number, test_lines
from firmware.data_dir import database_path
from firmware.settings import SettingsError, load_settings
from firmware.store.errors import StoreError
from firmware.store.line_states import latest
from firmware.store.reading import read_only
from firmware.values import LineId

DEFAULT_CONFIG = Path("/etc/branchline/box.toml")
EXIT_FAILED, EXIT_SETTINGS = 1, 2

line_app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
out = Console()
err = Console(stderr=True)


@line_app.callback()
def lines() -> None:
    """See how the lines of a box have stood, and try them while its daemon is stopped."""


@line_app.command()
def selftest(
    config: Annotated[
        Path, typer.Option("--config", help="The box's settings.", metavar="FILE")
    ] = DEFAULT_CONFIG,
    *,
    line: Annotated[
        list[str] | None, typer.Option("--line", help="Only this line; may be given several times.")
    ] = None,
    number: Annotated[
        str | None,
        typer.Option(
            "--number", help="Which of the test numbers of box.toml to call; the first if left out."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Call a test number of box.toml on each line, send tones and keys, and say which direction of the sound is dead."""
    try:
        settings = load_settings(config)
        chosen = choose_number(settings, number)
        unknown = set(line or []) - {each.id for each in settings.line}
        if unknown:
            raise SettingsError(f"{config} has no [[line]] {', '.join(sorted(unknown))}")
        if not settings.line:
            raise SettingsError(f"{config} has no [[line]]: name each modem")
    except (SettingsError, StoreError) as error:
        _fail(str(error), EXIT_SETTINGS)
    except NotATestNumberError as error:
        _fail(str(error), EXIT_FAILED)
    # What a technician is to know is printed; of the log only what goes wrong, and not among the answers.
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
    verdicts = asyncio.run(test_lines(settings, chosen, line or []))
    if as_json:
        rows = [
            {"line": each.line, "model": each.model, "passed": each.verdict.passed, **asdict(each.verdict)}
            for each in verdicts
        ]
        print(json.dumps(rows, ensure_ascii=False))
    else:
        table = Table("line", "modem", "heard", "sent", "detail")
        for each in verdicts:
            table.add_row(each.line, each.model, each.verdict.heard, each.verdict.sent, each.verdict.detail)
        out.print(table)
    if failed := sum(not each.verdict.passed for each in verdicts):
        _fail(f"{failed} of {len(verdicts)} lines cannot talk with people", EXIT_FAILED)


@line_app.command()
def history(
    config: Annotated[
        Path, typer.Option("--config", help="The box's settings.", metavar="FILE")
    ] = DEFAULT_CONFIG,
    *,
    line: Annotated[str | None, typer.Option("--line", help="Only this line.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help="How many states at most.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """List how the lines have stood and since when, newest first; the daemon may be running."""
    try:
        with read_only(database_path(load_settings(config))) as connection:
            found = latest(connection, limit, line=LineId(line) if line else None)
    except (SettingsError, StoreError) as error:
        _fail(str(error), EXIT_SETTINGS)
    if as_json:
        rows = [asdict(each) | {"since": each.since.isoformat(timespec="milliseconds")} for each in found]
        print(json.dumps(rows, ensure_ascii=False))
        return
    table = Table("since", "line", "status", "operator", "what is wrong", "what was done")
    for each in found:
        said = (each.detail or each.ailment, each.treatment)
        since = each.since.astimezone().isoformat(sep=" ", timespec="seconds")
        table.add_row(since, *map(escape, (each.line, each.status, each.operator, *said)))
    out.print(table)


def _fail(message: str, code: int) -> NoReturn:
    err.print(f"branchline: {message}", style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)
