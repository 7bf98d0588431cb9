"""`branchline selfcheck`: everything tried, as a table or as JSON; exit 1 when something is not good."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from firmware.local.client import BoxClient
from firmware.local.socket_path import path_to_reach
from firmware.settings import Settings
from provisioning.check import Check, State, words_of
from provisioning.selfcheck import self_check

EXIT_BAD = 1
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
out = Console()
_SHOWN = {
    State.GOOD: ("[green]good[/]", "[green]正常[/]"),
    State.BAD: ("[red]BAD[/]", "[red]异常[/]"),
    State.UNKNOWN: ("?", "?"),
}


def client_of(settings: Settings) -> BoxClient:
    """Return what asks this box's daemon."""
    return BoxClient(path_to_reach(settings))


@app.command()
def selfcheck(
    config: Annotated[Path, typer.Option("--config", help="The box's settings.", metavar="FILE")] = Path(
        "/etc/branchline/box.toml"
    ),
    language: Annotated[str, typer.Option("--language", help="en or zh.")] = "en",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Try settings, files, keys, rules, voices, network, clock, machine and daemon. Changes nothing, calls nobody."""
    place = 1 if language.lower().startswith("zh") else 0
    checks = self_check(config, client_of)
    bad = [each for each in checks if each.state is State.BAD]
    if as_json:
        rows = [_row(each, place) for each in checks]
        print(json.dumps({"passed": not bad, "checks": rows}, ensure_ascii=False, indent=1))
    else:
        table = Table("", "", "")
        for each in checks:
            what, to_do = words_of(each.code)
            detail = each.detail if each.state is State.GOOD else f"{each.detail}\n-> {to_do[place]}".strip()
            name = f"{what[place]} {each.code.partition(':')[2]}".strip()
            table.add_row(name, _SHOWN[each.state][place], detail)
        out.print(table)
    if bad:
        raise typer.Exit(EXIT_BAD)


def _row(check: Check, place: int) -> dict[str, str]:
    what, to_do = words_of(check.code)
    done = {"what": what[place], "to_do": "" if check.state is State.GOOD else to_do[place]}
    return {**asdict(check), **done}
