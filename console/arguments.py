"""What people type, to values; typer shows the text of a BadParameter as it is."""

import os
from contextvars import ContextVar
from dataclasses import replace
from datetime import datetime, time, tzinfo
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from console.contact_fields import FieldError, parse_amount, parse_currency, parse_time_zone
from console.errors import OfficeError
from console.ledger_engine import has_password
from console.office import Office, load_office
from firmware.clock import Clock, SimulatedClock, SystemClock
from firmware.values import Money

OfficeOption = Annotated[
    Path | None, typer.Option("--office", help="The office folder.", envvar="BRANCHLINE_OFFICE")
]
NowOption = Annotated[
    str | None, typer.Option("--now", help="Act as if it were this instant (demonstrations).", metavar="ISO")
]
DATABASE_VARIABLE = "BRANCHLINE_DATABASE"
DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--database",
        help=f"The ledger, as postgresql://user@host/name; also in {DATABASE_VARIABLE} or office.toml."
        " Its password only there, or where libpq looks (PGPASSFILE, a service).",
        metavar="URL",
    ),
]
_DATABASE: ContextVar[str | None] = ContextVar("database", default=None)
"""What stood before the command."""
JsonOption = Annotated[bool, typer.Option("--json", help="JSON instead of tables.")]


def complete_box(context: typer.Context, incomplete: str) -> list[str]:
    """Return boxes of the office that begin so, for the shell."""
    place = context.params.get("folder") or os.environ.get("BRANCHLINE_OFFICE")
    try:
        boxes = load_office(Path(place)).boxes() if place else []
    except OfficeError:
        return []
    return [name for name in boxes if name.startswith(incomplete)]


BoxOption = Annotated[str | None, typer.Option("--box", help="Only this box.", autocompletion=complete_box)]


ZoneOption = Annotated[
    str | None, typer.Option("--zone", help="Clock to go by (IANA); else this computer's.")
]


def parse_zone(name: str | None) -> tzinfo | None:
    """Return a zone; None is this computer's, with its summer time. Raises BadParameter."""
    if name is None:
        return None
    try:
        return ZoneInfo(parse_time_zone(name))
    except FieldError as error:
        raise typer.BadParameter(error.detail) from None


def parse_instant(text: str) -> datetime:
    """Return an aware instant; without an offset it is this computer's local time. Raises BadParameter."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r}: write an instant such as 2026-11-30T18:00+08:00") from None
    return at if at.tzinfo else at.astimezone()


def parse_expiry(text: str) -> datetime:
    """Return an instant; a day alone means its end."""
    if len(text) == len("2026-11-30"):
        at = parse_instant(text)
        return datetime.combine(at.date(), time(23, 59, 59)).astimezone()
    return parse_instant(text)


def parse_mapping(pairs: list[str]) -> dict[str, str]:
    """Return column names, theirs to ours, of ``theirs=ours``. Raises BadParameter."""
    mapping = {}
    for pair in pairs:
        theirs, sign, ours = pair.rpartition("=")
        if not (theirs and sign and ours):
            raise typer.BadParameter(f"{pair!r}: write --mapping 'your column=our column'")
        mapping[theirs] = ours
    return mapping


def parse_money(text: str) -> Money:
    """Return an amount such as ``100.00 CNY``. Raises BadParameter."""
    amount, _space, currency = text.strip().rpartition(" ")
    try:
        return parse_amount(amount, parse_currency(currency))
    except FieldError as error:
        raise typer.BadParameter(f"{text!r}: write an amount such as '100.00 CNY'; {error.detail}") from None


def clock_for(now: str | None) -> Clock[object]:
    """Return the system's clock, or one that starts at `now`: for demonstrations with simulated modems."""
    return SystemClock() if now is None else SimulatedClock(parse_instant(now))


def office_at(folder: Path | None) -> Office:
    """Return the office that was named. Raises OfficeError."""
    if folder is None:
        raise OfficeError("which office? Name its folder with --office, or set BRANCHLINE_OFFICE")
    office = load_office(folder)
    chosen = _DATABASE.get() or os.environ.get(DATABASE_VARIABLE, "")
    return replace(office, database=chosen) if chosen else office


def use_database(address: str | None) -> None:
    """Take the ledger that stands on the command line for this command. Raises BadParameter, LedgerError."""
    if address and has_password(address):
        raise typer.BadParameter(
            f"everybody on this machine can read a command line; put the password into {DATABASE_VARIABLE}, "
            "office.toml or PGPASSFILE"
        )
    _DATABASE.set(address)
