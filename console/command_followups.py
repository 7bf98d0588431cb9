"""`followups`: who may be written to, what is due after which calls, and what went out."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn
from sqlalchemy import delete

from console.arguments import JsonOption, NowOption, OfficeOption, clock_for, office_at
from console.command_suppress import run_suppress
from console.errors import BrokerError, ConsoleError
from console.followup_outbox import (
    Due,
    end_interrupted,
    listed,
    note_failed,
    note_sent,
    note_unsure,
    plan,
    take_next,
    unsubscribe,
)
from console.followup_rules import RULES_FILE, Rule, read_rules
from console.followup_senders import Send, SendError, UnsureError, senders
from console.ledger import Ledger
from console.ledger_facts import insert_new
from console.office import Office
from console.office_tables import REACHABLE
from console.people_file import read_people
from console.short_messages import became_of
from console.sms_orders import send_orders
from console.tables import counts_table, table
from console.terminal import say, say_json
from firmware.clock import Clock, from_ms, to_ms

followups_app = typer.Typer(
    help="Messages after calls: e-mail, SMS through the boxes, and webhooks.", no_args_is_help=True
)


@followups_app.command("people")
def people(
    context: typer.Context,
    *,
    file: Annotated[Path, typer.Argument(help="CSV or XLSX: person, email, language, consents.")],
    as_json: JsonOption = False,
    now: NowOption = None,
    folder: OfficeOption = None,
) -> None:
    """Take in where people can be written to and what they agreed to; a person again replaces what was known."""
    here = office_at(folder or context.obj)
    at_ms = to_ms(clock_for(now).now())
    found, problems = read_people(file)
    with Ledger(here.ledger).transaction() as rows:
        for each in found:
            rows.execute(delete(REACHABLE).where(REACHABLE.c.person == each.person))
            row = {
                **msgspec.to_builtins(each),
                "consents": msgspec.json.encode(each.consents).decode(),
                "at": at_ms,
            }
            insert_new(rows, REACHABLE, row)
    if as_json:
        say_json(
            {"taken": len(found), "bad_rows": [{"row": row, "reason": reason} for row, reason in problems]}
        )
        return
    if problems:
        Console().print(table(f"{len(problems)} row(s) left out", ("row", "reason"), problems))
    say(f"{len(found)} people can be written to, as far as they agreed")


@followups_app.command("run")
def run(
    context: typer.Context,
    *,
    as_json: JsonOption = False,
    now: NowOption = None,
    folder: OfficeOption = None,
) -> None:
    """Plan what recent outcomes call for by followups.toml of the office, and send what is due; run it every few minutes."""
    here = office_at(folder or context.obj)
    with here.claimed("followups"):
        counts = run_followups(here, clock=clock_for(now), console=Console(stderr=True))
    if as_json:
        say_json(counts)
    else:
        Console().print(counts_table("Follow-ups", "what", counts))


@followups_app.command("list")
def list_(
    context: typer.Context,
    *,
    state: Annotated[
        str | None, typer.Option(help="Only: waiting, sent, failed, dropped or unsure (may have gone out).")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10000)] = 200,
    as_json: JsonOption = False,
    folder: OfficeOption = None,
) -> None:
    """List follow-ups, the newest first, and why one did not go out."""
    with Ledger(office_at(folder or context.obj).ledger).reading() as rows:
        found = [
            {
                name: row._mapping[name]
                for name in ("id", "rule", "channel", "person", "attempt", "state", "reason", "tries")
            }
            | {"at": f"{from_ms(row.ended_at or row.next_at):%Y-%m-%dT%H:%M:%SZ}"}
            for row in listed(rows, state=state, limit=limit)
        ]
        became = became_of(rows, [str(each["id"]) for each in found if each["channel"] == "sms"])
    for each in found:
        each["sms"] = became.get(str(each["id"]), "")
    if as_json:
        say_json(found)
        return
    names = ("at", "rule", "channel", "person", "state", "reason", "tries", "sms")
    Console().print(table("Follow-ups", names, [[each[name] for name in names] for each in found]))


@followups_app.command("unsubscribe")
def unsubscribe_command(
    context: typer.Context,
    *,
    token: Annotated[str, typer.Argument(help="What the link or the subject of the person's message holds.")],
    now: NowOption = None,
    folder: OfficeOption = None,
) -> None:
    """Honour an unsubscribe: no more messages and no more calls for this person; `watch` tells the boxes."""
    here = office_at(folder or context.obj)
    clock = clock_for(now)
    with Ledger(here.ledger).transaction() as rows:
        person = unsubscribe(rows, token, clock.now())
    if person is None:
        raise ConsoleError("no message had this token; find the person and use `suppress --person`")
    try:
        asyncio.run(run_suppress(here, scope="person", value=person, reason="opt_out", clock=clock))
    except BrokerError as error:
        say(f"kept: nobody writes to this person any more; the boxes are not told yet: {error}")
    else:
        say("kept, and every box is told: nobody writes to or calls this person any more")


def run_followups(office: Office, *, clock: Clock[object], console: Console) -> dict[str, int]:
    """Plan and send. Return how many were planned, sent, put off, failed. Raises ConsoleError."""
    path = office.folder / RULES_FILE
    rules = read_rules(path)
    send = senders(rules, office=office.tenant, folder=office.folder)
    ledger = Ledger(office.ledger)
    counts = {"planned": 0, "sent": 0, "failed": 0, "unsure": 0}
    by_name = {rule.name: rule for rule in rules.rule}
    orders: list[tuple[Due, Rule]] = []
    try:
        with ledger.transaction() as rows:
            end_interrupted(rows, clock.now())
            counts["planned"] = plan(rows, rules, clock.now())
        columns = (SpinnerColumn(), TextColumn("{task.completed} follow-ups"))
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task("send", total=None)
            while True:
                now = clock.now()
                with ledger.transaction() as rows:
                    due = take_next(rows, rules, now)
                if due is None:
                    break
                if due.channel == "sms":
                    orders.append((due, by_name[due.rule]))
                else:
                    counts[_send_one(ledger, send[due.channel], due, now)] += 1
                progress.advance(task)
        counts["sent"] += _order(office, ledger, orders, clock)
    finally:
        ledger.close()
    return counts


def _order(office: Office, ledger: Ledger, orders: Sequence[tuple[Due, Rule]], clock: Clock[object]) -> int:
    """Hand orders for SMS to the broker, for the boxes; what the broker will not take now waits. Return how many went."""
    if not orders:
        return 0
    try:
        asyncio.run(send_orders(office, orders, clock=clock))
    except BrokerError as error:
        with ledger.transaction() as rows:
            for due, _ in orders:
                note_failed(rows, due, "broker_away", clock.now(), may_try_again=True)
        say(f"SMS wait: {error}")
        return 0
    with ledger.transaction() as rows:
        for due, _ in orders:
            note_sent(rows, due, clock.now())
    return len(orders)


def _send_one(ledger: Ledger, send: Send, due: Due, now: datetime) -> str:
    try:
        send(due, now)
    except SendError as error:
        with ledger.transaction() as rows:
            note_failed(rows, due, error.reason, now, may_try_again=error.may_try_again)
        return "failed"
    except UnsureError as error:
        with ledger.transaction() as rows:
            note_unsure(rows, due, str(error), now)
        return "unsure"
    with ledger.transaction() as rows:
        note_sent(rows, due, now)
    return "sent"
