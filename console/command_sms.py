"""`sms`: what became of short messages, and what people answered."""

from typing import Annotated

import msgspec
import typer
from rich.console import Console

from console.arguments import JsonOption, OfficeOption, office_at
from console.ledger import Ledger
from console.short_messages import reply_lines, sms_lines
from console.tables import table
from console.terminal import say_json
from firmware.clock import from_ms

sms_app = typer.Typer(
    help="Short messages after calls: what became of each, and the answers.", no_args_is_help=True
)
LimitOption = Annotated[int, typer.Option(help="Only the newest so many.", min=1, max=10000)]
PersonOption = Annotated[str | None, typer.Option(help="Of this person only.")]


@sms_app.command("list")
def list_command(
    context: typer.Context,
    *,
    person: PersonOption = None,
    state: Annotated[
        str | None,
        typer.Option(help="Only: sent, delivered, failed, uncertain (perhaps sent), refused or expired."),
    ] = None,
    limit: LimitOption = 200,
    as_json: JsonOption = False,
    folder: OfficeOption = None,
) -> None:
    """List messages as the boxes last reported them; of a refusal, the rule."""
    with Ledger(office_at(folder or context.obj).ledger).reading() as rows:
        found = sms_lines(rows, person=person, state=state, limit=limit)
    if as_json:
        say_json([msgspec.to_builtins(each) for each in found])
        return
    names = ("ordered", "box", "person", "text", "state", "reason", "parts")
    Console().print(
        table(
            "Short messages",
            names,
            [
                (
                    f"{from_ms(each.ordered_at_ms):%Y-%m-%d %H:%M}Z",
                    each.box,
                    each.person,
                    each.text,
                    each.state,
                    each.reason,
                    str(each.n_parts),
                )
                for each in found
            ],
        )
    )


@sms_app.command("replies")
def replies_command(
    context: typer.Context,
    *,
    person: PersonOption = None,
    limit: LimitOption = 200,
    numbers: Annotated[bool, typer.Option("--numbers", help="Show whole numbers.")] = False,
    as_json: JsonOption = False,
    folder: OfficeOption = None,
) -> None:
    """List what people wrote to the boxes' lines, and what it stopped."""
    with Ledger(office_at(folder or context.obj).ledger).reading() as rows:
        found = reply_lines(rows, person=person, limit=limit, shows_numbers=numbers)
    if as_json:
        say_json([msgspec.to_builtins(each) for each in found])
        return
    names = ("received", "box", "from", "known as", "text", "stops")
    Console().print(
        table(
            "Answers by SMS",
            names,
            [
                (
                    f"{from_ms(each.received_at_ms):%Y-%m-%d %H:%M}Z",
                    each.box,
                    each.number or "a word",
                    ", ".join(each.people),
                    each.text,
                    each.suppressed,
                )
                for each in found
            ],
        )
    )
