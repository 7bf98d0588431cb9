"""`branchline update`: run (the service), boot (before the daemon), status, and now VERSION for whoever stands at the box."""

import json
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, NoReturn

import msgspec
import typer

from firmware.local.client import BoxClient, BoxRefusedError, BoxSilentError
from firmware.local.facts import BoxFacts
from firmware.settings import Settings, SettingsError
from firmware.values import UuidV7
from provisioning.disk import Disk
from provisioning.layout import Layout
from provisioning.machine import MachineError, SystemdMachine
from provisioning.selfcheck_command import client_of
from provisioning.update_calls import CallsOfDaemon
from provisioning.update_settings import UpdateSettings
from provisioning.update_source import UpdateLaterError, UpdateRefusedError, UpdateSource
from provisioning.update_state import UpdateFiles, UpdateWanted
from provisioning.updating import Updater, run_self_check

EXIT_LATER, EXIT_BAD = 75, 1
"""75: EX_TEMPFAIL of sysexits.h; the timer comes again."""
app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="Releases over the network: what is under way, and one at once.",
)
Root = Annotated[
    Path, typer.Option("--root", help="The machine's root, or a tree that becomes one.", metavar="DIR")
]


class SocketDaemon:
    """The daemon through its socket."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def facts(self) -> BoxFacts | None:
        """Return how it stands, None while it does not answer."""
        try:
            with self._client() as client:
                return msgspec.convert(client.ask("state"), BoxFacts)
        except (BoxSilentError, BoxRefusedError, msgspec.MsgspecError):
            return None

    def drain(self, minutes: int) -> int | None:
        """Have no further call begin for a while; return how many are up, None while it does not answer."""
        try:
            with self._client() as client:
                return int(client.ask("drain", minutes=minutes)["calls_up"])
        except (BoxSilentError, BoxRefusedError):
            return None

    def resume(self) -> None:
        """Have calls begin again; a drain ends by itself where nobody hears."""
        try:
            with self._client() as client:
                client.ask("resume")
        except (BoxSilentError, BoxRefusedError):
            return

    def _client(self) -> BoxClient:
        return client_of(self._settings)


@app.command()
def run(root: Root = Path("/")) -> None:
    """Take the update that is asked for as far as it goes now (a service runs this)."""
    try:
        state = _updater(Layout(root=root.resolve())).run()
    except UpdateLaterError as error:
        print(f"later: {error}")
        raise typer.Exit(EXIT_LATER) from None
    except (UpdateRefusedError, MachineError, OSError) as error:
        _fail(str(error))
    if state is None:
        print("no update is asked for")
        return
    print(f"{state.version}: {state.phase} {state.reason} {state.detail}".rstrip())


@app.command()
def boot(root: Root = Path("/")) -> None:
    """Before the daemon starts: count a start of a release on trial, go back after too many (a service runs this)."""
    try:
        _updater(Layout(root=root.resolve())).at_boot()
    except (UpdateLaterError, UpdateRefusedError, MachineError, OSError) as error:
        _fail(str(error))


@app.command()
def status(
    root: Root = Path("/"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Show the update under way, or the last one."""
    files = UpdateFiles(Layout(root=root.resolve()), Disk())
    state = files.state() or files.last()
    if as_json:
        print(json.dumps(msgspec.to_builtins(state), ensure_ascii=False))
    elif state is None:
        print("no update was ever asked for")
    else:
        print(f"{state.version}: {state.phase} {state.reason} {state.detail}".rstrip())


@app.command()
def now(
    version: Annotated[str, typer.Argument(help="The release to become.")], root: Root = Path("/")
) -> None:
    """Become a release as soon as no call is up, whatever the hour."""
    layout = Layout(root=root.resolve())
    at = datetime.now(UTC)
    wanted = UpdateWanted(
        id=UuidV7().new(int(at.timestamp() * 1000)), version=version, until=at + timedelta(days=1), when="now"
    )
    try:
        Disk().write(layout.update_wanted, msgspec.json.encode(wanted))
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}; run this as root")
    if not layout.is_live:
        run(root)
        return
    print("asked: `branchline update status` shows how far it is")


def _updater(layout: Layout) -> Updater:
    config = layout.settings / "box.toml"
    try:
        settings = UpdateSettings(layout, Disk()).read()
    except SettingsError as error:
        _fail(str(error))
    # Without it nothing new comes, and what is under way can still be gone back from.
    trusted = layout.release_root.read_bytes() if layout.release_root.is_file() else b""
    return Updater(
        layout,
        settings,
        SystemdMachine(layout),
        SocketDaemon(settings),
        CallsOfDaemon(layout.data, under_systemd=layout.is_live),
        disk=Disk(),
        source=UpdateSource(settings.update.repository, layout.updates, root=trusted),
        self_check=lambda release: run_self_check(release, config),
        now=lambda: datetime.now(UTC),
        pause=time.sleep,
    )


def _fail(message: str) -> NoReturn:
    print(f"branchline: {message}", file=sys.stderr)
    raise typer.Exit(EXIT_BAD)
