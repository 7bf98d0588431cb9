"""`strategy`: what the office's own calls suggest; nothing is applied here."""

from datetime import tzinfo
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
import typer
from rich.console import Console

from console.arguments import JsonOption, NowOption, OfficeOption, clock_for, office_at
from console.ledger import Ledger
from console.strategy import compare_versions, order_of_list
from console.tables import table
from console.terminal import say_json

strategy_app = typer.Typer(
    help="What the office's own calls suggest; a person decides.", no_args_is_help=True
)


@strategy_app.command("times")
def times(
    context: typer.Context,
    *,
    campaign: Annotated[str, typer.Argument(help="The campaign's id.")],
    zone: Annotated[str, typer.Option(help="The branch's time zone (IANA).")] = "Asia/Shanghai",
    as_json: JsonOption = False,
    now: NowOption = None,
    folder: OfficeOption = None,
) -> None:
    """Say of each person when they answer, in the order in which to call now; apply it as `priority` of the next list."""
    ledger = Ledger(office_at(folder or context.obj).ledger)
    with ledger.reading() as rows:
        found = order_of_list(rows, campaign, _zone(zone), clock_for(now).now())
    if as_json:
        say_json([msgspec.to_builtins(each) for each in found])
        return
    shown = [(each.person, each.when, each.attempts, each.reason) for each in found]
    Console().print(table("When to call", ("person", "when", "calls", "because"), shown))


@strategy_app.command("versions")
def versions(
    context: typer.Context,
    *,
    flow: Annotated[str, typer.Argument(help="The flow's name.")],
    as_json: JsonOption = False,
    folder: OfficeOption = None,
) -> None:
    """Compare each version of a flow with the one before, by promises among talks with the right person."""
    with Ledger(office_at(folder or context.obj).ledger).reading() as rows:
        found = compare_versions(rows, flow)
    if as_json:
        say_json([msgspec.to_builtins(each) for each in found])
        return
    shown = [
        (
            f"{each.older} → {each.newer}",
            f"{each.promises[0]} of {each.talks[0]}",
            f"{each.promises[1]} of {each.talks[1]}",
            f"{each.least:+.1%} to {each.most:+.1%}",
            each.verdict,
            each.reason,
        )
        for each in found
    ]
    names = ("versions", "older", "newer", "difference (95 %)", "verdict", "because")
    Console().print(table(f"Flow {flow}", names, shown))


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise typer.BadParameter(f"{name!r}: write an IANA name such as Asia/Shanghai") from None
