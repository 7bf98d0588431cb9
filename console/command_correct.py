"""`correct` and `corrections`: what a supervisor heard, how often the boxes were wrong, sets to train and judge with."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from sqlalchemy import select

from console.arguments import JsonOption, NowOption, OfficeOption, clock_for, office_at
from console.corrections import Correction, Kind, export, keep, mistakes, standing, what_box_took
from console.html_page import write_page
from console.ledger import Ledger
from console.ledger_tables import OUTCOME
from console.svg_charts import lines
from console.tables import counts_table, table
from console.terminal import say, say_json
from firmware.clock import from_ms, to_ms
from firmware.values import UuidV7

corrections_app = typer.Typer(help="What supervisors heard while listening.", no_args_is_help=True)


def correct(
    context: typer.Context,
    *,
    attempt: Annotated[str, typer.Argument(help="The attempt's id, as `outcomes --json` names it.")],
    by: Annotated[str, typer.Option(help="Who listened.")],
    answer: Annotated[
        str | None, typer.Option(help="Who or what answered, such as human or machine.")
    ] = None,
    intent: Annotated[str | None, typer.Option(help="What was meant; none for chatter.")] = None,
    slot: Annotated[str | None, typer.Option(help="What was named, such as day=2026-11-27.")] = None,
    disposition: Annotated[str | None, typer.Option(help="What came of the call.")] = None,
    text: Annotated[str, typer.Option(help="The words, for --intent and --slot.")] = "",
    language: Annotated[str, typer.Option(help="Of the words: zh or en.")] = "",
    was: Annotated[
        str | None, typer.Option(help="What the box took it for, if its record does not say.")
    ] = None,
    as_json: JsonOption = False,
    now: NowOption = None,
    folder: OfficeOption = None,
) -> None:
    """Keep what was right, beside the record; saying what the box said counts as listened to and right.

    The record itself, its promise and its suppressions stay as they are: act on those with `suppress` or `recall`.
    """
    given = [
        (kind, value)
        for kind, value in zip(Kind, (answer, intent, slot, disposition), strict=True)
        if value is not None
    ]
    if len(given) != 1:
        raise typer.BadParameter("give one of --answer, --intent, --slot and --disposition")
    kind, right = given[0]
    here = office_at(folder or context.obj)
    at_ms = to_ms(clock_for(now).now())
    with Ledger(here.ledger).transaction() as rows:
        box, recorded = what_box_took(rows, attempt, kind)
        made = Correction(
            id=UuidV7().new(at_ms),
            box=box,
            attempt=attempt,
            kind=kind,
            said=text.strip(),
            language=language,
            was=recorded if was is None else was,
            right=right,
            by=by,
            at_ms=at_ms,
        )
        keep(rows, made)
    if as_json:
        say_json({**msgspec.to_builtins(made), "is_mistake": made.is_mistake})
        return
    verdict = (
        "the box was right" if not made.is_mistake else f"the box took it for {made.was or 'something else'}"
    )
    say(f"kept: {kind} {right}; {verdict}")


@corrections_app.command("list")
def list_(context: typer.Context, *, as_json: JsonOption = False, folder: OfficeOption = None) -> None:
    """List what counts now; words that were said are shown with --json only."""
    with Ledger(office_at(folder or context.obj).ledger).reading() as rows:
        found = standing(rows)
    if as_json:
        say_json([msgspec.to_builtins(each) for each in found])
        return
    shown = [
        (
            f"{from_ms(each.at_ms):%Y-%m-%d %H:%M}Z",
            each.attempt,
            each.kind.value,
            each.was,
            each.right,
            each.by,
        )
        for each in found
    ]
    Console().print(table("Corrections", ("at", "attempt", "what", "was", "right", "by"), shown))


@corrections_app.command("mistakes")
def mistakes_(
    context: typer.Context,
    *,
    plot: Annotated[Path | None, typer.Option(help="Draw them over time: an .svg file.")] = None,
    as_json: JsonOption = False,
    folder: OfficeOption = None,
) -> None:
    """Show how often the boxes were wrong, by month, among what was listened to."""
    with Ledger(office_at(folder or context.obj).ledger).reading() as rows:
        found = mistakes(standing(rows))
    if plot is not None:
        series: dict[str, list[tuple[int, float]]] = {}
        for each in found:
            at = datetime.strptime(each.month, "%Y-%m").replace(tzinfo=UTC)
            series.setdefault(each.kind.value, []).append((to_ms(at), 100 * each.wrong / each.judged))
        write_page(plot, lines("Mistakes among what was listened to", series) + "\n")
    if as_json:
        say_json([msgspec.to_builtins(each) for each in found])
        return
    shown = [
        (each.month, each.kind.value, each.judged, each.wrong, f"{each.least:.0%} to {each.most:.0%}")
        for each in found
    ]
    Console().print(table("Mistakes", ("month", "what", "judged", "wrong", "true share (95 %)"), shown))


@corrections_app.command("export")
def export_(
    context: typer.Context,
    *,
    target: Annotated[Path, typer.Argument(help="A new folder.")],
    recordings: Annotated[
        Path | None, typer.Option(help="The folder of fetched, sealed recordings: for answers.")
    ] = None,
    as_json: JsonOption = False,
    folder: OfficeOption = None,
) -> None:
    """Write sets to train and judge with: phrases.toml, slots and dispositions, answers/CLASS-….wav (mode 0600)."""
    here = office_at(folder or context.obj)
    with Ledger(here.ledger).reading() as rows:
        found = standing(rows)
        asked = select(OUTCOME.c.attempt, OUTCOME.c.recording_sha256).where(
            OUTCOME.c.recording_sha256.is_not(None)
        )
        attempts = {each.attempt for each in found}
        sealed_as = {
            row.attempt: row.recording_sha256 for row in rows.execute(asked) if row.attempt in attempts
        }
    with Console(stderr=True).status("writing"):
        counts = export(
            found, target, recordings=recordings, sealed_as=sealed_as, identity=here.recording_identity
        )
    if as_json:
        say_json(counts)
        return
    Console().print(counts_table(f"Written to {target}", "what", counts))
    say("it holds what people said: keep it as you keep recordings, and delete it when you are done")
