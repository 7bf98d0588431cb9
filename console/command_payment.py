"""`payment`: what was paid closes promises, and ends calls about what is settled."""

import asyncio
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from console.arguments import JsonOption, NowOption, OfficeOption, clock_for, office_at, parse_mapping
from console.authority import load_signing_key
from console.broker import connected
from console.elsewhere import ElsewhereFeed
from console.errors import BrokerError
from console.lease import SuppressionLease
from console.ledger import Ledger
from console.office import Office
from console.payments import Imported, import_payments, read_payments
from console.signed_sender import SignedSender
from console.tables import problems_table
from console.terminal import say, say_json
from firmware.clock import Clock
from firmware.values import UuidV7

payment_app = typer.Typer(help="Payments: what keeps promises.", no_args_is_help=True)


@payment_app.callback()
def payment() -> None:
    """Stand for the group: with one command alone it would lose its name."""


@payment_app.command("import")
def payment_import(
    context: typer.Context,
    *,
    payments: Annotated[
        Path,
        typer.Argument(help="CSV: payment, person or debt, amount, currency, paid_on; settled yes or no."),
    ],
    mapping: Annotated[list[str] | None, typer.Option(help="Your column=our column.")] = None,
    as_json: JsonOption = False,
    now: NowOption = None,
    folder: OfficeOption = None,
) -> None:
    """Read what was paid: promises that it keeps are closed, calls about what is settled end.

    The same file again changes nothing. Rows that cannot be read are named and left out.
    """
    here, clock = office_at(folder or context.obj), clock_for(now)
    today = clock.now().astimezone().date()
    rows, unreadable = read_payments(payments, parse_mapping(mapping or []), today=today)
    ledger = Ledger(here.ledger)
    untold = ""
    try:
        with ledger.transaction() as connection:
            done = import_payments(connection, rows, clock.now())
        if done.settled:
            try:
                asyncio.run(_tell_boxes(here, ledger, clock))
            except BrokerError as error:
                untold = str(error)
    finally:
        ledger.close()
    problems = sorted((*unreadable, *done.problems), key=lambda each: each.row)
    if as_json:
        say_json(
            msgspec.to_builtins(done) | {"problems": msgspec.to_builtins(problems), "boxes_told": not untold}
        )
    else:
        _show(done, len(rows) + len(unreadable))
        if problems:
            Console().print(problems_table(problems))
    if untold:
        raise BrokerError(f"the payments are kept, but boxes do not know what is settled: {untold}")


def _show(done: Imported, n_rows: int) -> None:
    say(f"{done.new} of {n_rows} payments are new, {done.known} were known; {done.settled} settled")


async def _tell_boxes(office: Office, ledger: Ledger, clock: Clock[object]) -> None:
    ids = UuidV7()
    async with connected(office, [], lasting=False) as connection:
        sender = SignedSender(connection, load_signing_key(office))
        lease = SuppressionLease(sender=sender, ledger=ledger, tenant=office.tenant, clock=clock, ids=ids)
        feed = ElsewhereFeed(sender=sender, ledger=ledger, tenant=office.tenant, clock=clock, ids=ids)
        await lease.renew()
        for box in office.boxes():
            await feed.tell(box)
