"""`measures`: rates, money, funnel, cohorts and hours, as tables or JSON."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console

from console import contact_measures, measures
from console.arguments import (
    JsonOption,
    NowOption,
    OfficeOption,
    ZoneOption,
    clock_for,
    office_at,
    parse_instant,
    parse_zone,
)
from console.ledger import Ledger
from console.measures import Dimension, Measures, Scope
from console.reports import amount_text
from console.tables import table
from console.terminal import say_json

_NAMES = (
    "attempts",
    "connect",
    "right party",
    "promise",
    "kept",
    "promised",
    "came in",
    "talk s",
    "first word s",
)
_PER = ("opt-outs/10 000", "complaints/10 000")


class Picture(StrEnum):
    """Other ways to look."""

    TOTALS = "totals"
    FUNNEL = "funnel"
    COHORTS = "cohorts"
    HEAT_MAP = "heat-map"
    REFUSALS = "refusals"


def measures_command(
    context: typer.Context,
    *,
    show: Annotated[Picture, typer.Argument(help="What to look at.")] = Picture.TOTALS,
    by: Annotated[Dimension | None, typer.Option(help="Set figures side by side by this.")] = None,
    since: Annotated[str | None, typer.Option(help="First instant of calls.", metavar="ISO")] = None,
    until: Annotated[str | None, typer.Option(help="First instant after.", metavar="ISO")] = None,
    campaign: Annotated[str | None, typer.Option(help="Only this campaign.")] = None,
    box: Annotated[str | None, typer.Option(help="Only this box.")] = None,
    flow: Annotated[str | None, typer.Option(help="Only this flow.")] = None,
    zone: ZoneOption = None,
    as_json: JsonOption = False,
    now: NowOption = None,
    folder: OfficeOption = None,
) -> None:
    """Rates, money and time: connect, right party, promise and kept rates, by whatever is asked."""
    if by is not None and show is not Picture.TOTALS:
        raise typer.BadParameter("--by goes with totals alone")
    here, clock = office_at(folder or context.obj), clock_for(now)
    scope = Scope(
        since=parse_instant(since) if since else None,
        until=parse_instant(until) if until else None,
        campaign=campaign,
        box=box,
        flow=flow,
    )
    go_by = parse_zone(zone)
    today = clock.now().astimezone(go_by).date()
    ledger = Ledger(here.ledger)
    try:
        with ledger.reading() as rows:
            found: Any
            match show:
                case Picture.FUNNEL:
                    found = contact_measures.funnel(rows, scope)
                case Picture.COHORTS:
                    found = contact_measures.cohorts(rows, scope, zone=go_by)
                case Picture.HEAT_MAP:
                    found = measures.heat_map(rows, scope, zone=go_by, today=today)
                case Picture.REFUSALS:
                    found = contact_measures.refusals(rows, scope)
                case Picture.TOTALS if by is not None:
                    found = measures.by(rows, by, scope, zone=go_by, today=today)
                case Picture.TOTALS:
                    found = measures.totals(rows, scope, today=today)
    finally:
        ledger.close()
    if as_json:
        say_json(msgspec.to_builtins(found))
    else:
        _print(show, by, found)


def _print(show: Picture, by: Dimension | None, found: Any) -> None:
    columns: Iterable[str]
    rows: list[tuple[object, ...]]
    match show:
        case Picture.FUNNEL:
            columns = ("stage", "contacts", "of the one before")
            rows = [(each.name, each.contacts, _percent(each.of_before)) for each in found]
        case Picture.COHORTS:
            weeks = range(1, len(found[0].right_party) + 1) if found else ()
            columns = ("pushed in the week of", "contacts", *(f"spoken to in {week} w" for week in weeks))
            rows = [(each.week, each.contacts, *each.right_party) for each in found]
        case Picture.HEAT_MAP:
            columns = ("weekday", "hour", *_NAMES, *_PER)
            rows = [(each.weekday, each.hour, *_cells(each.measures)) for each in found]
        case Picture.REFUSALS:
            columns = ("rule", "times", "contacts")
            rows = [(each.rule, each.refusals, each.contacts) for each in found]
        case Picture.TOTALS if by is not None:
            columns = (by.value, *_NAMES, *_PER)
            rows = [(each.key, *_cells(each.measures)) for each in found]
        case Picture.TOTALS:
            columns, rows = (*_NAMES, *_PER), [_cells(found)]
    Console().print(table(show.value, tuple(columns), rows))


def _cells(found: Measures) -> tuple[object, ...]:
    return (
        found.attempts,
        _percent(found.connect_rate),
        _percent(found.right_party_rate),
        _percent(found.promise_rate),
        _percent(found.kept_rate),
        _money(found.promised),
        _money(found.kept_money),
        "-" if found.mean_talk_ms is None else f"{found.mean_talk_ms / 1000:.1f}",
        "-" if found.mean_first_word_ms is None else f"{found.mean_first_word_ms / 1000:.2f}",
        *(
            "-" if rate is None else f"{rate:.1f}"
            for rate in (found.opt_outs_per_10000, found.complaints_per_10000)
        ),
    )


def _percent(rate: float | None) -> str:
    return "-" if rate is None else f"{100 * rate:.1f} %"


def _money(amounts: dict[str, int]) -> str:
    return " ".join(
        f"{amount_text(minor, currency)} {currency}" for currency, minor in sorted(amounts.items())
    )
