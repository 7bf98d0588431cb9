"""`hold`: what must not be deleted, ordered by the office; each box keeps it until the order is lifted."""

import asyncio
from typing import Annotated

import msgspec
import typer

from console.arguments import JsonOption, NowOption, OfficeOption, clock_for, office_at
from console.errors import BoxSilentError, CommandNotDoneError
from console.hold_sender import send_now
from console.ledger import Ledger
from console.legal_holds import (
    HoldOrder,
    HoldShown,
    LiftOrder,
    Scope,
    as_message,
    boxes_with,
    every_hold,
    order_hold,
    order_lift,
)
from console.office import Office
from console.terminal import say, say_json
from firmware.clock import Clock, to_ms
from firmware.values import UuidV7

hold_app = typer.Typer(help="Legal holds: what no box may delete until it is lifted.", no_args_is_help=True)
ByOption = Annotated[str, typer.Option("--by", help="Who orders it, a name.", metavar="NAME")]
ReasonOption = Annotated[
    str, typer.Option("--reason", help="Why; it stands in the boxes' audit logs.", metavar="TEXT")
]
WaitOption = Annotated[float, typer.Option("--wait", help="Seconds to wait for each box's answer.", min=0.1)]


@hold_app.command()
def place(
    context: typer.Context,
    *,
    by: ByOption,
    reason: ReasonOption,
    person: Annotated[str | None, typer.Option(help="All that is kept of this person.", metavar="ID")] = None,
    campaign: Annotated[str | None, typer.Option(help="All of this campaign.", metavar="ID")] = None,
    recording: Annotated[str | None, typer.Option(help="This recording.", metavar="ID")] = None,
    box: Annotated[
        list[str] | None, typer.Option("--box", help="This box; may be repeated. Else those that have it.")
    ] = None,
    everywhere: Annotated[
        bool, typer.Option("--everywhere", help="Every box: also one that gets the person later.")
    ] = False,
    wait: WaitOption = 30.0,
    as_json: JsonOption = False,
    now: NowOption = None,
    folder: OfficeOption = None,
) -> None:
    """Stop every deletion about one person, campaign or recording at the boxes that have it."""
    every: list[tuple[Scope, str | None]] = [
        ("person", person),
        ("campaign", campaign),
        ("recording", recording),
    ]
    given = [(scope, subject) for scope, subject in every if subject]
    if len(given) != 1:
        raise typer.BadParameter("name one of --person, --campaign and --recording")
    if box and everywhere:
        raise typer.BadParameter("--box and --everywhere exclude each other")
    here = office_at(folder or context.obj)
    scope, subject = given[0]
    clock = clock_for(now)
    ledger = Ledger(here.ledger)
    try:
        with ledger.transaction() as rows:
            boxes = here.boxes() if everywhere else sorted({here.require_box(each) for each in box or ()})
            at = clock.now()
            order = HoldOrder(
                hold=UuidV7().new(to_ms(at)),
                scope=scope,
                subject=subject,
                by=by.strip(),
                reason=reason.strip(),
                at=at,
                boxes=boxes or boxes_with(rows, scope, subject),
            )
            order_hold(rows, order)
        _send(here, ledger, order, order, wait=wait, clock=clock, as_json=as_json)
    finally:
        ledger.close()


@hold_app.command()
def lift(
    context: typer.Context,
    *,
    hold: Annotated[str, typer.Argument(metavar="HOLD", help="As `hold list` shows it.")],
    by: ByOption,
    reason: ReasonOption,
    wait: WaitOption = 30.0,
    as_json: JsonOption = False,
    now: NowOption = None,
    folder: OfficeOption = None,
) -> None:
    """End a hold: what is past its time goes at the boxes' next pass."""
    here = office_at(folder or context.obj)
    clock = clock_for(now)
    ledger = Ledger(here.ledger)
    try:
        with ledger.transaction() as rows:
            at = clock.now()
            order = LiftOrder(
                lift=UuidV7().new(to_ms(at)), hold=hold, by=by.strip(), reason=reason.strip(), at=at
            )
            found = order_lift(rows, order)
        _send(here, ledger, order, found.order, wait=wait, clock=clock, as_json=as_json)
    finally:
        ledger.close()


@hold_app.command("list")
def list_holds(
    context: typer.Context,
    *,
    every: Annotated[bool, typer.Option("--all", help="Those that were lifted as well.")] = False,
    as_json: JsonOption = False,
    folder: OfficeOption = None,
) -> None:
    """List the holds of this office: what, by whose word, why, and how each stands at the boxes."""
    here = office_at(folder or context.obj)
    ledger = Ledger(here.ledger)
    try:
        with ledger.reading() as rows:
            found = [each for each in every_hold(rows) if every or not _is_over(each)]
    finally:
        ledger.close()
    if as_json:
        say_json([msgspec.to_builtins(each) for each in found])
    else:
        for each in found:
            _say(each)
        if not found:
            say("no legal hold of this office is in force")


def _send(
    office: Office,
    ledger: Ledger,
    order: HoldOrder | LiftOrder,
    held: HoldOrder,
    *,
    wait: float,
    clock: Clock[object],
    as_json: bool,
) -> None:
    silent = asyncio.run(
        send_now(office, ledger, as_message(order), held.boxes, patience_s=wait, clock=clock)
    )
    with ledger.reading() as rows:
        shown = next(each for each in every_hold(rows) if each.order.hold == held.hold)
    if as_json:
        say_json(msgspec.to_builtins(shown))
    else:
        _say(shown)
    if refused := [each for each in shown.boxes if each.detail]:
        raise CommandNotDoneError(f"box {refused[0].box} refuses: {refused[0].detail}; look at `hold list`")
    if silent:
        raise BoxSilentError(
            f"box {silent[0]} did not answer; `watch` tells it again until it does, `hold list` shows when"
        )


def _is_over(shown: HoldShown) -> bool:
    return shown.lift is not None and all(each.standing in ("lifted", "refused") for each in shown.boxes)


def _say(shown: HoldShown) -> None:
    # Lines, not a table: the id is there to be copied.
    order, ended = shown.order, shown.lift
    say(f"{order.hold}  {order.scope} {order.subject}, by {order.by}, {order.at:%F %H:%M}Z: {order.reason}")
    if ended is not None:
        say(f"    lifted by {ended.by}, {ended.at:%F %H:%M}Z: {ended.reason}")
    for each in shown.boxes:
        say(f"    {each.box}: {each.standing}{': ' if each.detail else ''}{each.detail}")
