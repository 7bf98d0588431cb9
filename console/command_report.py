"""`report`: from call list to promise, campaign by campaign; with `--month`, a month's figures as a page for the files."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from console.arguments import (
    BoxOption,
    JsonOption,
    NowOption,
    OfficeOption,
    ZoneOption,
    clock_for,
    office_at,
    parse_zone,
)
from console.html_page import write_page
from console.ledger import Ledger
from console.month_report import month_report
from console.pdf_page import write_pdf
from console.reports import campaign_reports, gaps
from console.tables import counts_table, funnel_table, printable
from console.terminal import say, say_json

LANGUAGES = ("en", "zh")


def report_command(
    context: typer.Context,
    *,
    campaign: Annotated[str | None, typer.Option(help="Only this campaign.")] = None,
    box: BoxOption = None,
    month: Annotated[
        str | None, typer.Option(help="Figures and plots of a month.", metavar="YYYY-MM")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="With --month: the HTML page to write.", metavar="FILE.html")
    ] = None,
    pdf: Annotated[
        Path | None, typer.Option(help="With --month: the PDF to write, for the files.", metavar="FILE.pdf")
    ] = None,
    language: Annotated[str, typer.Option(help="Language of the page, en or zh.")] = "en",
    zone: ZoneOption = None,
    as_json: JsonOption = False,
    now: NowOption = None,
    folder: OfficeOption = None,
) -> None:
    """Count from call list to promise, and say what the rules held back; or write a month's page."""
    if language not in LANGUAGES:
        raise typer.BadParameter("--language is en or zh")
    is_page = out is not None or pdf is not None
    if month is None and (is_page or zone is not None):
        raise typer.BadParameter("--out, --pdf and --zone go with --month YYYY-MM")
    if month is not None and is_page == as_json:
        raise typer.BadParameter("--month takes --out FILE.html, --pdf FILE.pdf or both, or else --json")
    here, clock = office_at(folder or context.obj), clock_for(now)
    ledger = Ledger(here.ledger)
    if month is None:
        _report(ledger, campaign, box, as_json=as_json)
        return
    go_by, at = parse_zone(zone), clock.now()
    with ledger.reading() as rows:
        found = month_report(
            rows, month, zone=go_by, today=at.astimezone(go_by).date(), campaign=campaign, box=box
        )
    if as_json:
        say_json(msgspec.to_builtins(found))
        return
    # Here and not above: the catalogue of words would make every other command start late.
    from console.month_page import month_page  # noqa: PLC0415

    page = month_page(found, tenant=here.tenant, language=language, made_at=at.astimezone(go_by))
    if out is not None:
        write_page(out, page)
    if pdf is not None:
        write_pdf(pdf, page, language=language)
    written = ", ".join(str(each) for each in (out, pdf) if each is not None)
    say(f"written: {written}, {found.calendar.total.attempts} call(s) of {found.month}")


def _report(ledger: Ledger, campaign: str | None, box: str | None, *, as_json: bool) -> None:
    with ledger.reading() as rows:
        found = campaign_reports(rows, campaign=campaign, box=box)
        missing = gaps(rows)
    if as_json:
        say_json(
            {
                "campaigns": [msgspec.to_builtins(each) for each in found],
                "gaps": [{"box": each[0], "stream": each[1], "missing_from": each[2]} for each in missing],
            }
        )
        return
    console = Console()
    console.print(funnel_table(found))
    for each in found:
        console.print(
            counts_table(f"Outcomes of {each.campaign} on {each.box}", "outcome", each.dispositions)
        )
        console.print(counts_table(f"Held back on {each.box}", "rule", each.refusals))
    for name, stream, number in missing:
        console.print(printable(f"box {name}: message {number} of stream {stream} has not come yet"))
