"""`elsewhere`: what clerks, messages and letters did with people, and what became known of them; every box counts with it."""

import asyncio
import hashlib
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from sqlalchemy import select

from console.arguments import JsonOption, NowOption, OfficeOption, clock_for, office_at, parse_instant
from console.audit_tables import TOLD
from console.authority import load_signing_key
from console.broker import connected
from console.contact_fields import FieldError, parse_word
from console.elsewhere import ElsewhereFeed, tell_contact, tell_person
from console.errors import BrokerError, ConsoleError
from console.ledger import Ledger
from console.office import Office
from console.other_channels import CHANNELS, COLUMNS, number_in, one_contact, read_contacts
from console.signed_sender import SignedSender
from console.terminal import say, say_json
from firmware.clock import Clock
from firmware.sync.messages_policy import ContactElsewhere, PersonElsewhere
from firmware.values import UuidV7

elsewhere_app = typer.Typer(
    help="Contacts over other channels, and what became known of people: it counts at every box.",
    no_args_is_help=True,
)
PersonArgument = Annotated[str, typer.Argument(help="The person's id.", metavar="PERSON")]


@elsewhere_app.command()
def contact(
    context: typer.Context,
    *,
    person: PersonArgument,
    channel: Annotated[str, typer.Option(help=f"One of {', '.join(CHANNELS)}.")],
    at: Annotated[str, typer.Option(help="When it was.", metavar="ISO")],
    number: Annotated[
        str | None, typer.Option(help="The number; else that of the lists that were sent.")
    ] = None,
    debt: Annotated[str | None, typer.Option(help="The debt it was about.")] = None,
    connected: Annotated[bool, typer.Option("--connected", help="Somebody answered.")] = False,
    conversation: Annotated[
        bool, typer.Option("--conversation", help="It was a talk with this person.")
    ] = False,
    now: NowOption = None,
    folder: OfficeOption = None,
) -> None:
    """Note one contact that no box made: a clerk's call, a text message, a visit."""
    here, clock, ledger = _here(context, folder, now)
    try:
        with ledger.transaction() as rows:
            values = {
                "person": person,
                "channel": channel,
                "at": parse_instant(at).isoformat(),
                "number": number,
                "debt": debt,
                "connected": "yes" if connected else "",
                "conversation": "yes" if conversation else "",
            }
            fact = one_contact(values, number_of=number_in(rows), now=clock.now())
            is_new = tell_contact(rows, fact)
        told = "noted" if is_new else "was known"
        say(f"{told}: {fact.contact}", contact=fact.contact, is_new=is_new)
        asyncio.run(_tell_boxes(here, ledger, clock))
    finally:
        ledger.close()


@elsewhere_app.command("import")
def import_list(
    context: typer.Context,
    *,
    file: Annotated[Path, typer.Argument(help=f"CSV or XLSX: {', '.join(COLUMNS)}.")],
    now: NowOption = None,
    folder: OfficeOption = None,
) -> None:
    """Note a list of contacts; what is known already is not counted again. Exit 1 when a row cannot be read."""
    here, clock, ledger = _here(context, folder, now)
    try:
        with ledger.transaction() as rows:
            facts, problems = read_contacts(file, number_of=number_in(rows), now=clock.now())
            n_new = sum(tell_contact(rows, fact) for fact in facts)
        told = f"{n_new} noted, {len(facts) - n_new} known already, {len(problems)} cannot be read"
        say(told, new=n_new, known=len(facts) - n_new, unreadable=len(problems))
        if n_new:
            asyncio.run(_tell_boxes(here, ledger, clock))
    finally:
        ledger.close()
    if problems:
        raise ConsoleError(
            f"{file}: {len(problems)} rows cannot be read; mend them and import the list again",
            details=[f"row {row}: {reason}" for row, reason in problems],
        )


@elsewhere_app.command("person")
def person_fact(
    context: typer.Context,
    *,
    person: PersonArgument,
    revoked: Annotated[
        list[str] | None, typer.Option(help="A consent that they withdrew; may be repeated.")
    ] = None,
    status: Annotated[str | None, typer.Option(help="paid, disputed, deceased, …: ends the calls.")] = None,
    reassigned: Annotated[
        str | None,
        typer.Option(
            help="Since when their number is somebody else's: older consents count no more.", metavar="ISO"
        ),
    ] = None,
    hours: Annotated[
        str | None, typer.Option(help="Their own hours, 10:00-16:00; narrow the rules'.")
    ] = None,
    now: NowOption = None,
    folder: OfficeOption = None,
) -> None:
    """Note what became known of a person. It can only take away: nothing said here lets a call be placed."""
    here, clock, ledger = _here(context, folder, now)
    try:
        fact = _person_fact(person, revoked or [], status, reassigned, hours)
        body = msgspec.json.encode(fact)
        with ledger.transaction() as rows:
            is_new = tell_person(rows, f"told-{hashlib.sha256(body).hexdigest()[:24]}", fact)
        say("noted" if is_new else "was known", is_new=is_new)
        asyncio.run(_tell_boxes(here, ledger, clock))
    finally:
        ledger.close()


@elsewhere_app.command("list")
def list_facts(
    context: typer.Context,
    *,
    person: PersonArgument,
    as_json: JsonOption = False,
    folder: OfficeOption = None,
) -> None:
    """Show what was noted here of one person."""
    ledger = Ledger(office_at(folder or context.obj).ledger)
    try:
        with ledger.reading() as rows:
            asked = select(TOLD).where((TOLD.c.person == person) & TOLD.c.kind.in_(("contact", "person")))
            found = [(row.fact, row.kind, row.body) for row in rows.execute(asked.order_by(TOLD.c.fact))]
    finally:
        ledger.close()
    facts = [
        {"id": fact, "kind": kind, **msgspec.to_builtins(msgspec.json.decode(body, type=_TYPES[kind]))}
        for fact, kind, body in found
    ]
    if as_json:
        say_json(facts)
        return
    for each in facts:
        told = ", ".join(
            f"{name} {value}"
            for name, value in each.items()
            if name not in ("id", "kind", "person") and value
        )
        say(f"{each['id']}  {told}")
    if not facts:
        say(f"nothing was noted here of {person}")


_TYPES: dict[str, type[ContactElsewhere | PersonElsewhere]] = {
    "contact": ContactElsewhere,
    "person": PersonElsewhere,
}


def _here(
    context: typer.Context, folder: Path | None, now: str | None
) -> tuple[Office, Clock[object], Ledger]:
    here = office_at(folder or context.obj)
    return here, clock_for(now), Ledger(here.ledger)


def _person_fact(
    person: str, revoked: list[str], status: str | None, reassigned: str | None, hours: str | None
) -> PersonElsewhere:
    if not (revoked or status or reassigned or hours):
        raise typer.BadParameter("say what became known: --revoked, --status, --reassigned or --hours")
    try:
        words = [parse_word(each) for each in revoked]
        word = parse_word(status) if status else None
    except FieldError as error:
        raise ConsoleError(f"{error.detail} ({error.reason})") from None
    if word == "open":
        raise ConsoleError("nothing said here opens a case again: send a list with the status open")
    start, _, end = (hours or "").partition("-")
    if hours and start >= end:
        raise ConsoleError("hours begin before they end: write 10:00-16:00")
    fact = PersonElsewhere(
        person=person,
        revoked=sorted(words),
        status=word,
        number_reassigned_at=parse_instant(reassigned) if reassigned else None,
        hours=hours,
    )
    try:
        return msgspec.convert(msgspec.to_builtins(fact), PersonElsewhere)
    except msgspec.ValidationError as error:
        raise ConsoleError(f"that cannot be sent: {error}; write hours as 10:00-16:00") from None


async def _tell_boxes(office: Office, ledger: Ledger, clock: Clock[object]) -> None:
    """Tell the boxes at once; what does not reach them now is told by `watch`."""
    try:
        async with connected(office, [], lasting=False) as connection:
            sender = SignedSender(connection, load_signing_key(office))
            feed = ElsewhereFeed(
                sender=sender, ledger=ledger, tenant=office.tenant, clock=clock, ids=UuidV7()
            )
            told = await feed.tell_all()
    except BrokerError as error:
        raise BrokerError(f"it is noted, and no box knows it yet: {error}; `watch` tells them") from None
    say(f"boxes were told of {told} facts", told=told)
