"""`examine` and `quality`: what is wrong with a call list before it is pushed, and how lists were over time."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from console.arguments import JsonOption, NowOption, OfficeOption, clock_for, office_at, parse_mapping
from console.campaigns import read_flow
from console.corrected_file import write_corrected
from console.errors import ConsoleError
from console.examination import Examination, Severity, reasons
from console.examination_page import by_source, examination_page
from console.examining import examine_list
from console.html_page import write_page
from console.ledger import Ledger
from console.quality_history import examined_lists
from console.svg_charts import lines
from console.tables import counts_table, findings_table, printable, table
from console.terminal import say, say_json
from firmware.clock import from_ms

MappingOption = Annotated[list[str] | None, typer.Option("--mapping", help="Your column=our column.")]
SheetOption = Annotated[str | None, typer.Option(help="Which sheet of an XLSX file.")]
SourceOption = Annotated[
    str | None, typer.Option(help="Who made the list, for `quality`; else the file's name up to a digit.")
]


def examine_command(
    context: typer.Context,
    *,
    contacts: Annotated[Path, typer.Argument(help="The call list, CSV or XLSX.")],
    flow: Annotated[Path | None, typer.Option(help="Ask this conversation too, YAML.")] = None,
    mapping: MappingOption = None,
    sheet: SheetOption = None,
    source: SourceOption = None,
    corrected: Annotated[
        Path | None, typer.Option(help="Write it in its proper form, with what is left out: .csv or .xlsx.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page to pass on.")] = None,
    language: Annotated[str, typer.Option(help="Language of the page, en or zh.")] = "en",
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 if a row is left out.")] = False,
    as_json: JsonOption = False,
    now: NowOption = None,
    folder: OfficeOption = None,
) -> None:
    """Say what is wrong with a call list, by row and reason; nothing is sent.

    With an office, numbers and people are also compared with what earlier lists and calls said of them.
    """
    clock = clock_for(now)
    target = folder or context.obj
    ledger = Ledger(office_at(target).ledger) if target else None
    loaded = read_flow(flow)[1] if flow is not None else None
    with Console(stderr=True).status(f"examining {contacts.name}"):
        found = examine_list(
            contacts,
            flow=loaded,
            mapping=parse_mapping(mapping or []),
            sheet=sheet,
            source=source,
            ledger=ledger,
            clock=clock,
        )
    history = []
    if ledger is not None:
        with ledger.reading() as rows:
            history = examined_lists(rows)
    written = write_corrected(corrected, found) if corrected is not None else []
    if html is not None:
        write_page(html, examination_page(found, name=contacts.name, language=language, history=history))
    if as_json:
        say_json(examination_json(found))
    else:
        show_examination(Console(), found)
        for path in written:
            say(f"written: {path}")
    if strict and found.bad_rows:
        raise ConsoleError(f"{contacts}: {len(found.bad_rows)} row(s) cannot be sent; mend them, then push")


def quality_command(
    context: typer.Context,
    *,
    source: Annotated[str | None, typer.Option(help="Only this source.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the share over time: an .svg file.")] = None,
    as_json: JsonOption = False,
    folder: OfficeOption = None,
) -> None:
    """Show which share of the lists of each source could not be sent, over time."""
    with Ledger(office_at(folder or context.obj).ledger).reading() as rows:
        found = examined_lists(rows, source=source)
    if plot is not None:
        write_page(plot, lines("Share of rows left out, by source", by_source(found)) + "\n")
    if as_json:
        say_json([{**msgspec.to_builtins(each), "bad_share": round(each.bad_share, 4)} for each in found])
        return
    shown = [
        (f"{from_ms(each.at_ms):%Y-%m-%d %H:%M}Z", each.source, each.rows, each.bad, f"{each.bad_share:.1%}",
         each.doubtful, ", ".join(f"{name} {n}" for name, n in list(each.reasons.get("bad", {}).items())[:3]))
        for each in found
    ]  # fmt: skip
    names = ("examined", "source", "rows", "left out", "share", "doubtful", "most often")
    Console().print(table("Call lists", names, shown))


def examination_json(found: Examination) -> dict[str, object]:
    """Return an examination for programs."""
    return {
        "rows_read": found.n_read,
        "rows_good": len(found.rows),
        "rows_bad": len(found.bad_rows),
        "rows_doubtful": len(found.doubtful_rows),
        "bad_share": round(found.bad_share, 4),
        "reasons": reasons(found),
        "findings": [
            {
                "row": each.row,
                "column": each.column,
                "reason": each.reason,
                "severity": each.severity.value,
                "detail": each.detail,
            }
            for each in found.findings
        ],
        "columns_not_used": list(found.contacts.ignored_columns),
    }


def show_examination(console: Console, found: Examination) -> None:
    """Print rows and reasons."""
    if found.contacts.ignored_columns:
        console.print(printable(f"columns not used: {', '.join(found.contacts.ignored_columns)}"))
    for severity, title in ((Severity.BAD, "left out"), (Severity.DOUBTFUL, "doubtful")):
        if shown := found.of(severity):
            console.print(findings_table(title, shown))
            console.print(counts_table(f"Rows {title}", "reason", found.rows_by_reason(severity)))
    console.print(
        printable(
            f"{found.n_read} rows: {len(found.rows)} can be sent, {len(found.bad_rows)} left out "
            f"({found.bad_share:.1%}), {len(found.doubtful_rows)} of those sent are doubtful"
        )
    )
