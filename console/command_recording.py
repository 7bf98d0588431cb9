"""`recording fetch`: bring a sealed recording from its box."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from sqlalchemy import select

from console.arguments import office_at
from console.authority import load_signing_key
from console.broker import connected
from console.errors import ConsoleError
from console.ledger import Ledger
from console.ledger_tables import OUTCOME
from console.office import Office
from console.recording_fetch import RecordingFetcher
from console.signed_sender import SignedSender
from console.terminal import say
from firmware.clock import Clock, SystemClock
from firmware.sync.topics import BoxTopics, InvalidNameError, topic_level
from firmware.values import UuidV7

recording_app = typer.Typer(help="The calls' sealed recordings.", no_args_is_help=True)


async def fetch_recording(
    office: Office, box: str, recording: str, target: Path, *, patience_s: float, clock: Clock[object]
) -> None:
    """Fetch one recording and show how far it is. Raises ConsoleError."""
    office.require_box(box)
    try:
        topic_level(recording)
    except InvalidNameError as error:
        raise ConsoleError(f"that is no recording's id: {error}") from None
    if target.exists():
        raise ConsoleError(f"{target} is there already; name another file with --out")
    ledger = Ledger(office.ledger)
    try:
        with ledger.reading() as rows:
            known = rows.execute(
                select(OUTCOME.c.recording_sha256).where(
                    (OUTCOME.c.box == box) & (OUTCOME.c.recording == recording)
                )
            ).scalar_one_or_none()
    finally:
        ledger.close()
    topics = BoxTopics(office.tenant, box)
    wanted = [topics.up(f"recording/{recording}")]
    async with connected(office, wanted, lasting=False) as connection:
        fetcher = RecordingFetcher(
            recording,
            target,
            connection=connection,
            sender=SignedSender(connection, load_signing_key(office)),
            topics=topics,
            clock=clock,
            ids=UuidV7(),
            known_sha256=known,
        )
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False) as progress:
            task = progress.add_task(f"recording from {box}", total=None)

            def show(n: int, of: int) -> None:
                progress.update(task, completed=n, total=of, refresh=True)

            await fetcher.run(patience_s=patience_s, on_progress=show)


@recording_app.command()
def fetch(
    context: typer.Context,
    *,
    box: Annotated[str, typer.Argument(help="The box that has it.")],
    recording: Annotated[str, typer.Argument(help="Its id, as `outcomes --json` names it.")],
    out: Annotated[Path | None, typer.Option(help="The file to write, still sealed.")] = None,
    wait: Annotated[float, typer.Option(help="Seconds without a part before giving up.")] = 60.0,
    folder: Annotated[
        Path | None, typer.Option("--office", help="The office folder.", envvar="BRANCHLINE_OFFICE")
    ] = None,
) -> None:
    """Fetch a sealed recording, going on where an earlier try broke off."""
    here = office_at(folder or context.obj)
    target = out or Path(f"{Path(recording).name}.blrec")
    asyncio.run(fetch_recording(here, box, recording, target, patience_s=wait, clock=SystemClock()))
    say(f"{target}: sealed; open it with: branchline-console open-recording {target}")
