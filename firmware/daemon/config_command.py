"""`branchline config`: which configuration of the console this box goes by, and what became of the others."""

import json
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from firmware.data_dir import database_path
from firmware.settings import SettingsError, load_settings
from firmware.store import configurations
from firmware.store.configurations import ConfigState, StoredConfig
from firmware.store.errors import StoreError
from firmware.store.reading import read_only

config_app = typer.Typer(help="The console's configuration of this box.", no_args_is_help=True)
out = Console()
err = Console(stderr=True)
EXIT_SETTINGS = 2
SHOWN = 10


@config_app.callback()
def _group() -> None:
    """Keep `show` a command of a group."""


@config_app.command("show")
def show(
    config: Annotated[Path, typer.Option("--config", help="The box's settings.", metavar="FILE")] = Path(
        "/etc/branchline/box.toml"
    ),
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Show the configuration in force, one on trial, and what became of those before (also while the daemon runs)."""
    try:
        settings = load_settings(config)
        with read_only(database_path(settings)) as con:
            found = configurations.history(con, SHOWN)
    except (SettingsError, StoreError) as error:
        err.print(f"branchline: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(EXIT_SETTINGS) from None
    if as_json:
        print(json.dumps([_row(each) for each in found], ensure_ascii=False, indent=1))
        return
    table = Table(title=f"Box {settings.box.id}: configurations of the console")
    for name in ("version", "state", "came", "why"):
        table.add_column(name)
    for each in found:
        table.add_row(
            str(each.version), each.state.value, f"{each.received_at:%Y-%m-%d %H:%M:%S}Z", each.reason
        )
    out.print(table)
    in_force = next((each for each in found if each.state is ConfigState.IN_FORCE), None)
    if in_force is None:
        out.print("none is in force: the box goes by its own settings alone")
        return
    pretty = msgspec.json.format(in_force.settings, indent=2).decode()
    out.print(f"version {in_force.version} is in force:\n{pretty}", markup=False, highlight=False)


def _row(each: StoredConfig) -> dict[str, Any]:
    return {
        "version": each.version,
        "state": each.state.value,
        "received_at": each.received_at.isoformat(timespec="seconds"),
        "decided_at": each.decided_at.isoformat(timespec="seconds") if each.decided_at else None,
        "reason": each.reason,
        "settings": json.loads(each.settings),
    }
