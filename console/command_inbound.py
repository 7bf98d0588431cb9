"""`inbound`: who called the boxes, and what came of it."""

from datetime import datetime
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from console.arguments import BoxOption, JsonOption, OfficeOption, office_at
from console.inbound_calls import inbound_lines
from console.ledger import Ledger
from console.tables import inbound_table
from console.terminal import say_json


def inbound_command(
    context: typer.Context,
    *,
    box: BoxOption = None,
    limit: Annotated[int | None, typer.Option(help="Only the newest so many.", min=1)] = None,
    numbers: Annotated[bool, typer.Option("--numbers", help="Show whole numbers, to ring back.")] = False,
    as_json: JsonOption = False,
    folder: OfficeOption = None,
) -> None:
    """List calls that came in: who, what came of it, who waits to be rung back."""
    with Ledger(office_at(folder or context.obj).ledger).reading() as rows:
        found = inbound_lines(rows, box=box, limit=limit, shows_numbers=numbers)
    if as_json:
        say_json([{**msgspec.to_builtins(each), "ended_at": _iso(each.ended_at_ms)} for each in found])
    else:
        Console().print(inbound_table(found))


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000).astimezone().isoformat(timespec="seconds")
