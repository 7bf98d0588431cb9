"""`recording fetch`: bring a sealed recording from its box."""

import asyncio
import contextlib
import signal
from collections.abc import Callable
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
from console.recording_receiver import RecordingReceiver
from console.signed_sender import SignedSender
from console.terminal import say
from firmware.clock import Clock, SystemClock, to_ms
from firmware.sync.messages import RecordingReceipt, encode
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
    say(f"{target}: sealed; open it with: branchline-console open-recording {target}", file=str(target))


async def receive_recordings(
    office: Office,
    into: Path,
    *,
    host: str,
    port: int,
    clock: Clock[object],
    stop: asyncio.Event,
    ready: Callable[[int], None],
) -> None:
    """Take what boxes put until `stop` is set; say to each over MQTT what arrived. Raises ConsoleError."""
    ledger, ids, loop = Ledger(office.ledger), UuidV7(), asyncio.get_running_loop()
    arrived: asyncio.Queue[tuple[str, str, str]] = asyncio.Queue()

    def known_sha256(box: str, recording: str) -> str | None:
        wanted = (OUTCOME.c.box == box) & (OUTCOME.c.recording == recording)
        with ledger.reading() as rows:
            found = rows.execute(select(OUTCOME.c.recording_sha256).where(wanted)).scalars().first()
        return None if found is None else str(found)

    def on_complete(box: str, recording: str, sha256: str) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(arrived.put_nowait, (box, recording, sha256))

    async def send_receipts(sender: SignedSender) -> None:
        while True:
            box, recording, sha256 = await arrived.get()
            now = clock.now()
            receipt = RecordingReceipt(id=ids.new(to_ms(now)), at=now, recording=recording, sha256=sha256)
            await sender.send(BoxTopics(office.tenant, box).recording(recording), encode(receipt))

    try:
        async with connected(office, [], lasting=False) as connection:
            try:
                receiver = RecordingReceiver(
                    office, into, host=host, port=port, known_sha256=known_sha256, on_complete=on_complete
                )
            except OSError as error:
                raise ConsoleError(
                    f"{host}:{port}: {error.strerror or error}; name another with --listen"
                ) from None
            with receiver:
                ready(receiver.port)
                tasks = {
                    asyncio.create_task(send_receipts(SignedSender(connection, load_signing_key(office)))),
                    asyncio.create_task(stop.wait()),
                }
                done, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in left:
                    task.cancel()
                for task in done:
                    task.result()
    finally:
        ledger.close()


@recording_app.command()
def receive(
    context: typer.Context,
    *,
    into: Annotated[Path, typer.Option(help="The folder for sealed recordings.")] = Path("recordings"),
    listen: Annotated[str, typer.Option(help="Address and port.", metavar="HOST:PORT")] = "0.0.0.0:8884",
    folder: Annotated[
        Path | None, typer.Option("--office", help="The office folder.", envvar="BRANCHLINE_OFFICE")
    ] = None,
) -> None:
    """Take recordings that boxes put by themselves ([recording_upload] url), until Ctrl-C."""
    here = office_at(folder or context.obj)
    host, _, port = listen.rpartition(":")
    if not port.isdigit() or not host:
        raise typer.BadParameter("write --listen HOST:PORT")

    async def work() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await receive_recordings(
            here,
            into,
            host=host.strip("[]"),
            port=int(port),
            clock=SystemClock(),
            stop=stop,
            ready=lambda bound: say(f"boxes put recordings to https://{here.broker_host}:{bound}/"),
        )

    asyncio.run(work())
