"""`ledger`: where what boxes reported is kept, and its way into PostgreSQL."""

import os
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn

from console.arguments import JsonOption, NowOption, OfficeOption, clock_for, office_at
from console.ledger_engine import has_password, name_of
from console.ledger_move import move_ledger
from console.tables import counts_table
from console.terminal import say, say_json

TARGET_VARIABLE = "BRANCHLINE_LEDGER_TARGET"
ledger_app = typer.Typer(help="Where the ledger is kept.", no_args_is_help=True)


@ledger_app.callback()
def ledger() -> None:
    """Stand for the group: with one command alone it would lose its name."""


@ledger_app.command("move")
def move(
    context: typer.Context,
    *,
    to: Annotated[
        str,
        typer.Option(
            help="An empty database, postgresql://user@host/name; with a password only in "
            f"{TARGET_VARIABLE}, or where libpq looks (PGPASSFILE, a service).",
            envvar=TARGET_VARIABLE,
            show_envvar=False,
            metavar="URL",
        ),
    ],
    as_json: JsonOption = False,
    now: NowOption = None,
    folder: OfficeOption = None,
) -> None:
    """Move the ledger from its file into PostgreSQL, all of it or nothing; stop `watch`, `ingest` and `web` before.

    The office then uses the database (office.toml names it); the file stays under another name.
    """
    if has_password(to) and to != os.environ.get(TARGET_VARIABLE):
        raise typer.BadParameter(
            f"everybody on this machine can read a command line; put the address into {TARGET_VARIABLE}, or the "
            "password into PGPASSFILE"
        )
    here = office_at(folder or context.obj)
    columns = (TextColumn("{task.description}"), MofNCompleteColumn())
    with (
        here.claimed("watch"),
        Progress(*columns, console=Console(stderr=True), transient=True) as progress,
    ):
        task = progress.add_task("moving", total=None)

        def show(table: str, n: int) -> None:
            progress.update(task, description=f"moving {table}")
            progress.advance(task, n)

        done = move_ledger(here, to, at=clock_for(now).now(), on_rows=show)
    if as_json:
        say_json(msgspec.to_builtins(done))
        return
    Console().print(counts_table(f"Moved to {name_of(to)}", "table", done.rows))
    mended = (
        f"; {done.mended} text(s) held a NUL, which stands as \N{REPLACEMENT CHARACTER} now"
        if done.mended
        else ""
    )
    say(f"the file is kept as {done.kept_as}{mended}")
    say("next: start `watch` or `ingest`, and `web`; then `report` shows what it showed before")
