"""`pause`, `resume`, `cancel`, `recall`: what the office wants of campaigns and people that boxes already have."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Literal

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from sqlalchemy import select

from console.arguments import BoxOption, JsonOption, NowOption, OfficeOption, clock_for, office_at
from console.errors import BoxSilentError, CommandNotDoneError, ConsoleError
from console.exchange import Exchange, exchange
from console.ledger import Ledger
from console.ledger_facts import Fact
from console.ledger_tables import CAMPAIGN, CONTACT
from console.office import Office
from console.owners import release
from console.tables import table
from console.terminal import say_json
from firmware.clock import Clock, to_ms
from firmware.sync.messages import Ack, Control, encode
from firmware.values import UuidV7

Action = Literal["pause", "resume", "cancel", "recall"]
NOTHING_LEFT = "unknown_contact"
"""The box's word for a contact that no list of its has still to call."""
CampaignArgument = Annotated[str, typer.Argument(help="The campaign's id.")]
WaitOption = Annotated[float, typer.Option("--wait", help="Seconds to wait for each box's answer.", min=0.1)]


class Order(msgspec.Struct, kw_only=True, frozen=True):
    """One thing for one box."""

    box: str
    action: Action
    campaign: str | None = None
    contact: str | None = None


class Answer(msgspec.Struct, kw_only=True, frozen=True):
    """What a box said to an order."""

    box: str
    action: str
    campaign: str | None
    contact: str | None
    status: str
    """done, nothing left, refused, or silent."""
    detail: str = ""


def pause(
    context: typer.Context,
    *,
    campaign: CampaignArgument,
    box: BoxOption = None,
    wait: WaitOption = 30.0,
    as_json: JsonOption = False,
    now: NowOption = None,
    folder: OfficeOption = None,
) -> None:
    """Let a campaign rest: calls under way end as they would, no new one begins."""
    _campaign(context, "pause", campaign, box, wait=wait, as_json=as_json, now=now, folder=folder)


def resume(
    context: typer.Context,
    *,
    campaign: CampaignArgument,
    box: BoxOption = None,
    wait: WaitOption = 30.0,
    as_json: JsonOption = False,
    now: NowOption = None,
    folder: OfficeOption = None,
) -> None:
    """Let a paused campaign go on."""
    _campaign(context, "resume", campaign, box, wait=wait, as_json=as_json, now=now, folder=folder)


def cancel(
    context: typer.Context,
    *,
    campaign: CampaignArgument,
    box: BoxOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: it cannot be taken back.")] = False,
    wait: WaitOption = 30.0,
    as_json: JsonOption = False,
    now: NowOption = None,
    folder: OfficeOption = None,
) -> None:
    """End a campaign for good: nobody of it is called again."""
    if not yes:
        typer.confirm(f"end campaign {campaign} for good?", abort=True, err=True)
    _campaign(context, "cancel", campaign, box, wait=wait, as_json=as_json, now=now, folder=folder)


def recall(
    context: typer.Context,
    *,
    contact: Annotated[str | None, typer.Argument(help="The contact's id.")] = None,
    person: Annotated[str | None, typer.Option(help="All contacts of this person, on every box.")] = None,
    campaign: Annotated[str | None, typer.Option(help="Only in this campaign.")] = None,
    box: BoxOption = None,
    wait: WaitOption = 30.0,
    as_json: JsonOption = False,
    now: NowOption = None,
    folder: OfficeOption = None,
) -> None:
    """Take a contact off the lists, because it was paid or moved: unlike `suppress`, a later list may hold it."""
    if (contact is None) == (person is None):
        raise typer.BadParameter("give a contact's id, or --person")
    here = office_at(folder or context.obj)
    asked = select(CONTACT.c.box, CONTACT.c.campaign, CONTACT.c.contact)
    asked = asked.where(CONTACT.c.contact == contact if contact else CONTACT.c.person == person)
    if campaign is not None:
        asked = asked.where(CONTACT.c.campaign == campaign)
    if box is not None:
        asked = asked.where(CONTACT.c.box == here.require_box(box))
    ledger = Ledger(here.ledger)
    with ledger.reading() as rows:
        found = rows.execute(asked.order_by(CONTACT.c.box, CONTACT.c.campaign)).all()
    if not found:
        raise ConsoleError("no list that was sent from here has it; look at the id, or at `report`")
    orders = [
        Order(box=row.box, action="recall", campaign=row.campaign, contact=row.contact) for row in found
    ]
    _run(here, ledger, orders, wait=wait, as_json=as_json, now=now)


def _campaign(
    context: typer.Context,
    action: Action,
    campaign: str,
    box: str | None,
    *,
    wait: float,
    as_json: bool,
    now: str | None,
    folder: object,
) -> None:
    here = office_at(folder or context.obj)  # type: ignore[arg-type]
    ledger = Ledger(here.ledger)
    with ledger.reading() as rows:
        boxes = list(rows.execute(select(CAMPAIGN.c.box).where(CAMPAIGN.c.campaign == campaign)).scalars())
    if box is not None:
        boxes = [here.require_box(box)]
    if not boxes:
        raise ConsoleError(f"no campaign {campaign!r} was sent from here; `report` names those that were")
    orders = [Order(box=each, action=action, campaign=campaign) for each in sorted(boxes)]
    _run(here, ledger, orders, wait=wait, as_json=as_json, now=now)


def _run(
    office: Office, ledger: Ledger, orders: Sequence[Order], *, wait: float, as_json: bool, now: str | None
) -> None:
    try:
        answers = asyncio.run(send_orders(office, ledger, orders, patience_s=wait, clock=clock_for(now)))
    finally:
        ledger.close()
    if as_json:
        say_json([msgspec.to_builtins(each) for each in answers])
    else:
        shown = [
            (each.box, each.campaign or "", each.contact or "", each.status, each.detail) for each in answers
        ]
        Console().print(table(orders[0].action, ("box", "campaign", "contact", "answer", "detail"), shown))
    if silent := [each.box for each in answers if each.status == "silent"]:
        raise BoxSilentError(
            f"box {silent[0]} did not answer; the order waits for it at the broker: `watch` shows when it does"
        )
    if refused := [each for each in answers if each.status == "refused"]:
        raise CommandNotDoneError(f"box {refused[0].box} refuses: {refused[0].detail}; look at `report`")


async def send_orders(
    office: Office, ledger: Ledger, orders: Sequence[Order], *, patience_s: float, clock: Clock[object]
) -> list[Answer]:
    """Send orders box by box and wait for the answers. Raises BrokerError, LedgerError."""
    answers: list[Answer] = []
    ids = UuidV7()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(orders[0].action, total=len(orders))
        for box in sorted({each.box for each in orders}):
            async with exchange(office, box, ledger, clock) as with_box:
                for order in (each for each in orders if each.box == box):
                    message = Control(
                        id=ids.new(to_ms(clock.now())),
                        at=clock.now(),
                        action=order.action,
                        campaign=order.campaign,
                        contact=order.contact,
                    )
                    answer = await _one(with_box, order, message, patience_s)
                    answers.append(answer)
                    if answer.status in ("done", "nothing left") or _is_over(answer):
                        await asyncio.to_thread(_let_go, ledger, order, clock)
                    progress.advance(task)
    return answers


def _is_over(answer: Answer) -> bool:
    """Say whether a box refuses to end a campaign because it has none that it would still call for."""
    return answer.action == "cancel" and answer.detail.startswith(("campaign_over", "unknown_campaign"))


def _let_go(ledger: Ledger, order: Order, clock: Clock[object]) -> None:
    """Leave it to other boxes to call whom this one will not call any more."""
    if order.campaign is not None and order.action in ("cancel", "recall"):
        with ledger.transaction() as connection:
            release(connection, order.box, order.campaign, clock.now(), contact=order.contact)


async def _one(with_box: Exchange, order: Order, message: Control, patience_s: float) -> Answer:
    def is_answer(fact: Fact) -> bool:
        return isinstance(fact, Ack) and fact.about == message.id

    # The same message again is the same order: the box answers it again.
    send = partial(with_box.sender.send, with_box.topics.down("control"), encode(message))
    await send()
    status, detail = "silent", ""
    try:
        ack = await with_box.wait(is_answer, patience_s=patience_s, what=order.action, ask_again=send)
    except BoxSilentError as error:
        detail = str(error)
    else:
        assert isinstance(ack, Ack)
        status, detail = "done", ""
        if not ack.accepted:
            status = "nothing left" if ack.reason == NOTHING_LEFT else "refused"
            detail = ": ".join(part for part in (ack.reason, ack.detail) if part)
    return Answer(
        box=order.box,
        action=order.action,
        campaign=order.campaign,
        contact=order.contact,
        status=status,
        detail=detail,
    )
