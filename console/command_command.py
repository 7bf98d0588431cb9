"""`command`: have a box do one thing once, and see what came of it."""

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console

from console.arguments import clock_for, office_at
from console.errors import CommandNotDoneError
from console.exchange import Exchange, exchange
from console.ledger import Ledger
from console.ledger_facts import Fact
from console.office import Office
from console.sent_commands import keep_command
from console.tables import table
from console.terminal import say, say_json
from firmware.clock import Clock, to_ms
from firmware.sync.messages import Ack, encode
from firmware.sync.messages_command import Command, Response
from firmware.values import UuidV7

CORRELATION_BYTES = 8


def command(
    context: typer.Context,
    *,
    box: Annotated[str, typer.Argument(help="The box.")],
    name: Annotated[
        str, typer.Argument(help="self-check, diagnostics, ussd, test-call, reboot, log-level, update.")
    ],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(help="What it needs, such as line=line-1 code=*100#.", metavar="KEY=VALUE"),
    ] = None,
    expires: Annotated[float, typer.Option(help="Minutes after which the box does not do it.", min=1)] = 10.0,
    wait: Annotated[bool, typer.Option(help="Wait for what came of it.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of a table.")] = False,
    now: Annotated[
        str | None, typer.Option("--now", help="Act as if it were this instant.", metavar="ISO")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--office", help="The office folder.", envvar="BRANCHLINE_OFFICE")
    ] = None,
) -> None:
    """Have a box do one thing once: check itself, ask its operator, place a test call, restart, …"""
    here = office_at(folder or context.obj)
    here.require_box(box)
    clock = clock_for(now)
    at = clock.now()
    message = Command(
        id=UuidV7().new(to_ms(at)),
        at=at,
        name=name,
        expires_at=at + timedelta(minutes=expires),
        arguments=read_arguments(arguments or []),
    )
    response = asyncio.run(_send(here, box, message, waits=wait, patience_s=expires * 60, clock=clock))
    if response is None:
        say(f"sent to {box}: {name} ({message.id}); `watch` shows what comes of it")
        return
    if as_json:
        say_json(msgspec.to_builtins(response))
    else:
        _show(box, response)
    if response.status != "done":
        raise CommandNotDoneError(
            f"{name} on {box} is {response.status}: {response.reason}: {response.detail or 'see the box'}"
        )


def read_arguments(pairs: list[str]) -> dict[str, Any]:
    """Return arguments of ``key=value``; whole numbers are numbers. Raises BadParameter."""
    found: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not (equals and key):
            raise typer.BadParameter(f"{pair!r}: write KEY=VALUE, such as line=line-1")
        found[key] = int(value) if value.isascii() and value.isdigit() else value
    return found


async def _send(
    office: Office, box: str, message: Command, *, waits: bool, patience_s: float, clock: Clock[object]
) -> Response | None:
    ledger = Ledger(office.ledger)
    try:
        async with exchange(office, box, ledger, clock) as with_box:
            with ledger.transaction() as rows:
                keep_command(rows, box, message)
            # The same message again is the same command: the box does it once.
            send = partial(
                with_box.sender.send,
                with_box.topics.down("command"),
                encode(message),
                response_topic=with_box.topics.up("response"),
                correlation=secrets.token_bytes(CORRELATION_BYTES),
            )
            await send()
            return await _answer(with_box, message, patience_s, send) if waits else None
    finally:
        ledger.close()


async def _answer(
    with_box: Exchange, message: Command, patience_s: float, send: Callable[[], Awaitable[None]]
) -> Response:
    def is_answer(fact: Fact) -> bool:
        is_response = isinstance(fact, Response)
        # A box that refuses the Response Topic, or is too old to know commands, says so by an ack alone.
        is_refusal = (
            isinstance(fact, Ack) and not fact.accepted and fact.reason in {"bad_response_topic", "malformed"}
        )
        return (is_response or is_refusal) and getattr(fact, "about", "") == message.id

    found = await with_box.wait(is_answer, patience_s=patience_s, what=message.name, ask_again=send)
    if isinstance(found, Response):
        return found
    assert isinstance(found, Ack)
    raise CommandNotDoneError(f"the box refuses {message.name}: {found.reason}: {found.detail}")


def _show(box: str, response: Response) -> None:
    took_s = (
        f"{(response.finished_at - response.started_at).total_seconds():.1f} s" if response.started_at else ""
    )
    rows: list[tuple[str, str]] = [("status", response.status), ("took", took_s)]
    if response.reason:
        rows.append(("why", f"{response.reason}: {response.detail}"))
    for key, value in response.result.items():
        rows.append((key, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)))
    Console().print(table(f"{response.name} on {box}", ("what", "result"), rows))
