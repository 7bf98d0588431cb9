"""`outcomes`: what came of the calls, for people and as files."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from console.arguments import BoxOption, JsonOption, OfficeOption, office_at, parse_instant
from console.ledger import Ledger
from console.outcome_files import count, new_file, outcomes_between, write_csv, write_parquet
from console.reports import outcome_lines
from console.tables import outcomes_table
from console.terminal import say, say_json
from firmware.clock import to_ms

CampaignOption = Annotated[str | None, typer.Option("--campaign", help="Only this campaign.")]


def outcomes_command(
    context: typer.Context,
    *,
    campaign: CampaignOption = None,
    box: BoxOption = None,
    limit: Annotated[int | None, typer.Option(help="Only the newest so many.", min=1)] = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write all as CSV; - is stdout.")] = None,
    parquet: Annotated[Path | None, typer.Option(help="Write all as Parquet.")] = None,
    since: Annotated[str | None, typer.Option(help="Files: only calls ended since.", metavar="ISO")] = None,
    until: Annotated[str | None, typer.Option(help="Files: only calls ended before.", metavar="ISO")] = None,
    as_json: JsonOption = False,
    folder: OfficeOption = None,
) -> None:
    """List attempts and what came of them, or write them to files (people by their ids, mode 0600)."""
    if (csv or parquet) and limit:
        raise typer.BadParameter("--limit is for the table; files take --since and --until")
    if (since or until) and not (csv or parquet):
        raise typer.BadParameter("--since and --until are for files: add --csv or --parquet")
    ledger = Ledger(office_at(folder or context.obj).ledger)
    if csv or parquet:
        _write(ledger, csv, parquet, campaign=campaign, box=box, since=since, until=until)
        return
    with ledger.reading() as rows:
        found = outcome_lines(rows, campaign=campaign, box=box, limit=limit)
    if as_json:
        say_json([{**msgspec.to_builtins(each), "ended_at": _iso(each.ended_at_ms)} for each in found])
    else:
        Console().print(outcomes_table(found))


def _write(
    ledger: Ledger,
    csv: Path | None,
    parquet: Path | None,
    *,
    campaign: str | None,
    box: str | None,
    since: str | None,
    until: str | None,
) -> None:
    asked = outcomes_between(
        campaign=campaign,
        box=box,
        since_ms=to_ms(parse_instant(since)) if since else None,
        until_ms=to_ms(parse_instant(until)) if until else None,
    )
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with (
        ledger.reading() as rows,
        Progress(*columns, console=Console(stderr=True), transient=True) as progress,
    ):
        total = count(rows, asked)
        for target in (csv, parquet):
            if target is None:
                continue
            task = progress.add_task(f"writing {target.name}", total=total)

            def advance(n_rows: int, task: object = task) -> None:
                progress.advance(task, n_rows)  # type: ignore[arg-type]

            if str(target) == "-" and target is csv:
                write_csv(rows, asked, sys.stdout, on_rows=advance)
                continue
            new_file(target)
            try:
                if target is parquet:
                    write_parquet(rows, asked, target, on_rows=advance)
                else:
                    # With the mark Excel reads it as UTF-8.
                    with target.open("w", encoding="utf-8-sig", newline="") as out:
                        write_csv(rows, asked, out, on_rows=advance)
            except BaseException:
                target.unlink(missing_ok=True)
                raise
    for target in (csv, parquet):
        if target is not None and str(target) != "-":
            say(f"written: {target}, {total} outcome(s)")


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000).astimezone().isoformat(timespec="seconds")
