"""`strategy`: what the office's own calls suggest; nothing is applied here."""

from datetime import tzinfo
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
import typer
from rich.console import Console

from console.arguments import JsonOption, NowOption, OfficeOption, clock_for, office_at
from console.ledger import Ledger
from console.segments import compare_flows, flow_for_each
from console.strategy import compare_versions, order_of_list
from console.tables import table
from console.terminal import say_json

ZoneChoice = Annotated[str, typer.Option(help="The branch's time zone (IANA).")]
strategy_app = typer.Typer(
    help="What the office's own calls suggest; a person decides.", no_args_is_help=True
)


@strategy_app.command("times")
def times(
    context: typer.Context,
    *,
    campaign: Annotated[str, typer.Argument(help="The campaign's id.")],
    zone: ZoneChoice = "Asia/Shanghai",
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
    shown = [(each.person, each.when, each.weekday, each.attempts, each.reason) for each in found]
    Console().print(table("When to call", ("person", "when", "weekday", "calls", "because"), shown))


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


@strategy_app.command("segments")
def segments(
    context: typer.Context,
    *,
    zone: ZoneChoice = "Asia/Shanghai",
    as_json: JsonOption = False,
    folder: OfficeOption = None,
) -> None:
    """Compare flows, each with its own tone, among people with whom earlier calls came to the same."""
    with Ledger(office_at(folder or context.obj).ledger).reading() as rows:
        found = compare_flows(rows, _zone(zone))
    if as_json:
        say_json([msgspec.to_builtins(each) for each in found])
        return
    shown = [
        (each.segment.value, each.flow, each.usual, f"{each.least:+.1%} to {each.most:+.1%}", each.verdict, each.reason)
        for each in found
    ]  # fmt: skip
    names = ("people", "flow", "beside", "difference", "verdict", "because")
    Console().print(table("Flows by what earlier calls came to", names, shown))


@strategy_app.command("flows")
def flows(
    context: typer.Context,
    *,
    campaign: Annotated[str, typer.Argument(help="The campaign's id.")],
    zone: ZoneChoice = "Asia/Shanghai",
    as_json: JsonOption = False,
    now: NowOption = None,
    folder: OfficeOption = None,
) -> None:
    """Say of each person which flow surely works better with such people; apply it by splitting the next list."""
    with Ledger(office_at(folder or context.obj).ledger).reading() as rows:
        found = flow_for_each(rows, campaign, _zone(zone), clock_for(now).now())
    if as_json:
        say_json([msgspec.to_builtins(each) for each in found])
        return
    shown = [(each.person, each.segment.value, each.flow or "-", each.reason) for each in found]
    Console().print(table("Which flow", ("person", "people", "flow", "because"), shown))


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise typer.BadParameter(f"{name!r}: write an IANA name such as Asia/Shanghai") from None
