"""`box`: make a box a member, name the boxes, see how each was when it last spoke."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from sqlalchemy import select

from console.arguments import JsonOption, NowOption, OfficeOption, clock_for, complete_box, office_at
from console.authority import issue_box
from console.box_health import Health, health_history, in_short, latest_health
from console.ledger import Ledger
from console.ledger_tables import BOX
from console.membership import issue_anew, revoke
from console.tables import table
from console.terminal import say, say_json
from firmware.clock import SystemClock, from_ms, to_ms
from firmware.sync.messages_state import LineWire
from firmware.sync.messages_telemetry import Telemetry

box_app = typer.Typer(help="The boxes of this office.", no_args_is_help=True)


class BoxStatus(msgspec.Struct, kw_only=True, frozen=True):
    """A box as its last state described it."""

    box: str
    status: str
    """online, offline, or never seen."""
    version: str = ""
    dialling: str = ""
    """yes, or why not."""
    clock: str = ""
    unsent: int = 0
    lines: list[LineWire] = []
    seen_ago_s: float | None = None
    health: Telemetry | None = None
    """Its last telemetry, null if none came within a week."""
    health_ago_s: float | None = None


@box_app.command("add")
def box_add(
    context: typer.Context,
    *,
    name: Annotated[str, typer.Argument(help="The box's name, part of its topics.")],
    time_zone: Annotated[str, typer.Option(help="The branch's time zone (IANA).")] = "Asia/Shanghai",
    language: Annotated[str, typer.Option(help="Language of the box's own texts.")] = "zh-CN",
    folder: OfficeOption = None,
) -> None:
    """Make a box a member: the folder it is installed with."""
    here = office_at(folder or context.obj)
    made = issue_box(here, name, now=SystemClock().now(), time_zone=time_zone, language=language)
    say(
        f"box {name} made; copy {made} to the box: it holds the box's private key", box=name, folder=str(made)
    )


@box_app.command("renew")
def box_renew(
    context: typer.Context,
    *,
    box: Annotated[str, typer.Argument(help="The box.", autocompletion=complete_box)],
    out: Annotated[Path | None, typer.Option(help="The folder to make; BOX-renewed if left out.")] = None,
    folder: OfficeOption = None,
) -> None:
    """Make a certificate and key for a box whose own ended or was revoked: a box in reach renews by itself."""
    here = office_at(folder or context.obj)
    made = issue_anew(here, box, out or Path(f"{box}-renewed"), now=SystemClock().now())
    say(
        f"copy {made}/box.crt and {made}/box.key over the box's own, as `box add` made them, and restart it",
        folder=str(made),
    )
    say("if it was revoked: have the broker read that it is let in again (`systemctl reload mosquitto`)")


@box_app.command("revoke")
def box_revoke(
    context: typer.Context,
    *,
    box: Annotated[str, typer.Argument(help="The box.", autocompletion=complete_box)],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    folder: OfficeOption = None,
) -> None:
    """Withdraw every certificate of a box that is lost or stolen: the broker refuses it once it has read that."""
    here = office_at(folder or context.obj)
    if not yes:
        typer.confirm(f"withdraw every certificate of box {box}?", abort=True, err=True)
    say(f"box {box} is revoked; {revoke(here, box, now=SystemClock().now())}", box=box)


@box_app.command("list")
def box_list(context: typer.Context, as_json: JsonOption = False, folder: OfficeOption = None) -> None:
    """Name the boxes."""
    boxes = office_at(folder or context.obj).boxes()
    if as_json:
        say_json(boxes)
        return
    for name in boxes:
        say(name)


@box_app.command("status")
def box_status(
    context: typer.Context,
    *,
    box: Annotated[str | None, typer.Argument(help="Only this box.", autocompletion=complete_box)] = None,
    as_json: JsonOption = False,
    now: NowOption = None,
    folder: OfficeOption = None,
) -> None:
    """Show how each box was when it last spoke to `watch` (or another command): lines, clock, unsent messages."""
    here = office_at(folder or context.obj)
    wanted = [here.require_box(box)] if box else here.boxes()
    at_ms = to_ms(clock_for(now).now())
    with Ledger(here.ledger).reading() as rows:
        known = {row.box: row for row in rows.execute(select(BOX))}
        felt = latest_health(rows, wanted)
    found = [
        BoxStatus(
            box=name,
            status=row.status,
            version=row.version,
            dialling=row.dialling,
            clock=row.clock,
            unsent=row.outbox,
            lines=msgspec.json.decode(row.lines, type=list[LineWire]),
            seen_ago_s=max(0, at_ms - row.seen_at) / 1000,
            **_felt(felt.get(name), at_ms),
        )
        if (row := known.get(name)) is not None
        else BoxStatus(box=name, status="never seen", **_felt(felt.get(name), at_ms))
        for name in wanted
    ]
    if as_json:
        say_json([msgspec.to_builtins(each) for each in found])
        return
    shown = [
        (
            each.box,
            each.status,
            each.dialling,
            each.clock,
            each.unsent,
            _lines(each.lines),
            _ago(each.seen_ago_s),
            *((in_short(each.health) if each.health else "",) if felt else ()),
        )
        for each in found
    ]
    names = ("box", "status", "dialling", "clock", "unsent", "lines", "last heard")
    Console().print(table("Boxes", (*names, "health") if felt else names, shown))


@box_app.command("health")
def box_health(
    context: typer.Context,
    *,
    box: Annotated[str, typer.Argument(help="The box.", autocompletion=complete_box)],
    hours: Annotated[int, typer.Option(help="How far back; a week is kept.", min=1, max=168)] = 24,
    as_json: JsonOption = False,
    now: NowOption = None,
    folder: OfficeOption = None,
) -> None:
    """Show how a box has felt: heat, memory, disk, signal and what it had not sent, a quarter of an hour apart."""
    here = office_at(folder or context.obj)
    since_ms = to_ms(clock_for(now).now()) - hours * 3_600_000
    with Ledger(here.ledger).reading() as rows:
        found = health_history(rows, here.require_box(box), since_ms=since_ms)
    if as_json:
        say_json([msgspec.to_builtins(each) for each in found])
        return
    shown = [
        (
            f"{from_ms(each.seen_at_ms):%m-%d %H:%M}Z",
            in_short(each.telemetry),
            ", ".join(
                f"{line.line} {line.status}" + (f" {line.rssi_dbm} dBm" if line.rssi_dbm is not None else "")
                for line in each.telemetry.lines
            ),
            each.telemetry.outbox,
            each.telemetry.dialling,
        )
        for each in found
    ]
    Console().print(table(f"Health of {box}", ("came", "computer", "lines", "unsent", "dialling"), shown))


def _felt(health: Health | None, at_ms: int) -> dict[str, Any]:
    if health is None:
        return {}
    return {"health": health.telemetry, "health_ago_s": max(0, at_ms - health.seen_at_ms) / 1000}


def _lines(lines: list[LineWire]) -> str:
    signal = {each.line: f" {each.rssi_dbm} dBm" if each.rssi_dbm is not None else "" for each in lines}
    return ", ".join(f"{each.line} {each.call or each.status}{signal[each.line]}" for each in lines)


def _ago(seconds: float | None) -> str:
    if seconds is None:
        return "never"
    for length, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit} ago"
    return "now"
