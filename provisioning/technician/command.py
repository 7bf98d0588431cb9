"""`branchline technician`: the console itself, and how its PIN is set."""

import signal
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from firmware.settings import Settings, SettingsError, load_settings
from provisioning.layout import Layout
from provisioning.selfcheck import pin_file
from provisioning.selfcheck_command import client_of
from provisioning.technician.console import TechnicianConsole
from provisioning.technician.pin import PinError
from provisioning.technician.terminal import LeftError, Terminal

EXIT_REFUSED, EXIT_SETTINGS = 1, 2
Config = Annotated[Path, typer.Option("--config", help="The box's settings.", metavar="FILE")]
DEFAULT_CONFIG = Path("/etc/branchline/box.toml")

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    help="The technician's console: run it on a serial line or over ssh.",
)


@app.callback(invoke_without_command=True)
def console(context: typer.Context, config: Config = DEFAULT_CONFIG) -> None:
    """Show the console: language, PIN, menu. Good as the program of a getty on ttyGS0, ttyS0 or ttyAMA0."""
    if context.invoked_subcommand is not None:
        return
    layout = _layout_without_box(config)
    settings = None if layout else _settings(config)
    for number in (signal.SIGINT, signal.SIGTSTP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)  # no key of the terminal leads past the PIN into a shell
    try:
        if layout is not None:
            # With the page and all that it stands on: seconds on a small board, for a machine that is no box.
            from provisioning.technician.unclaimed import UnclaimedConsole  # noqa: PLC0415

            UnclaimedConsole(layout, Terminal()).run()
        elif settings is not None:
            TechnicianConsole(config, settings, Terminal(), client_of).run()
    except LeftError:
        raise typer.Exit(0) from None
    except PinError as error:
        _fail(str(error), EXIT_REFUSED)


@app.command("set-pin")
def set_pin(config: Config = DEFAULT_CONFIG) -> None:
    """Set the technician's PIN: 6 to 12 digits, typed twice and never shown, or two lines of standard input."""
    settings = _settings(config)
    terminal = Terminal()
    try:
        first = terminal.ask_secret("New PIN, 6 to 12 digits: ")
        if terminal.ask_secret("Once more: ") != first:
            raise PinError("they are not the same: nothing was changed")
        pin_file(settings).set(first)
    except (PinError, LeftError) as error:
        _fail(str(error), EXIT_REFUSED)
    print("The PIN is set.")


def _layout_without_box(config: Path) -> Layout | None:
    """Return the layout of an installation that is no box yet, None for everything else."""
    if config.exists() or config.absolute().parts[-3:] != DEFAULT_CONFIG.parts[-3:]:
        return None
    layout = Layout(root=config.absolute().parents[2])
    return layout if layout.releases.is_dir() else None


def _settings(config: Path) -> Settings:
    try:
        return load_settings(config)
    except SettingsError as error:
        _fail(str(error), EXIT_SETTINGS)


def _fail(message: str, code: int) -> NoReturn:
    print(f"branchline: {message}", file=sys.stderr)
    raise typer.Exit(code)
