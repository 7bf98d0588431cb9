"""The `branchline` command: run the box, look at it, check a flow, watch the demo."""

import asyncio
import importlib
import json
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import structlog
import typer
from rich.console import Console
from rich.table import Table
from typer.core import TyperGroup

from firmware.settings import Settings, SettingsError, load_settings

app = typer.Typer(
    name="branchline",
    help="The box of a branch office: takes signed call lists over MQTT, places lawful calls over modems, "
    "and keeps every outcome until the console has it.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
)

ROOMS = {
    # A group of commands that lives in its own room: where its typer app is, and what --help says of it.
    "audio": (
        "audio.command:audio_app",
        "A call's own ears on recorded files: WAV, FLAC, raw mu-law or A-law.",
    ),
    "flow": (
        "firmware.rehearsal.command:flow_app",
        "Conversations as data: check, draw, test, hear and try them.",
    ),
    "line": (
        "firmware.daemon.line_command:line_app",
        "Try the lines of a box: two-way sound by a test call.",
    ),
    "speech": (
        "firmware.speech.command:speech_app",
        "Hear what the box would say, and get the script of what to record.",
    ),
    "models": (
        "audio.models_command:models_app",
        "Models for speaking and listening: list, fetch (pinned to the byte), verify.",
    ),
    "audit": (
        "firmware.rules.audit_command:audit_app",
        "The audit log: is it whole, would the same be decided again, a copy for an auditor.",
    ),
    "config": (
        "firmware.daemon.config_command:config_app",
        "The console's configuration of this box: what is in force, what was undone and why.",
    ),
    "report": (
        "firmware.evidence.report_command:report_app",
        "Reports: refusals by rule, calls not made and why, how fast opt-outs took effect.",
    ),
    "retention": (
        "firmware.retention.command:retention_app",
        "How long things are kept: legal holds, and the proof of what was deleted.",
    ),
    "image": ("provisioning.image_command:image_app", "A bootable tree of a box, and a look at it running."),
    "policy": (
        "firmware.rules.policy_command:policy_app",
        "The rules of calling: read them, approve them, ask whether a call may be placed.",
    ),
}

PROGRAMS = {
    # A command that is a typer app of its own, options, --help and all: where that is, and what our --help says of it.
    "modem": (
        "modem_drivers.command:app",
        "Look at a modem, try it, keep what it said: list, info, monitor, dial, sms, ussd, at, "
        "selftest, … (for technicians).",
    ),
    "understand": (
        "firmware.rehearsal.understand_command:app",
        "Say what phrases on standard input mean, as JSON lines: intents with confidence, and slots.",
    ),
    "technician": (
        "provisioning.technician.command:app",
        "Work on this box at its console: status, lines, SIM PIN, test call, network, self-check, "
        "diagnostics; set-pin (root).",
    ),
    "selfcheck": (
        "provisioning.selfcheck_command:app",
        "Try everything that a box needs, with what to do about what fails; also while the daemon "
        "runs, or is dead.",
    ),
    "install": (
        "provisioning.install_command:install_app",
        "Install a release under /opt/branchline with its units and rules, or another one beside it; "
        "data stays as it is.",
    ),
    "uninstall": (
        "provisioning.install_command:uninstall_app",
        "Take every release off this machine; settings and data stay unless --purge says otherwise.",
    ),
    "first-boot": (
        "provisioning.first_boot_command:first_boot_app",
        "Make this machine's key and claim code, and ask the console until it is a box (a service runs this).",
    ),
    "claim": (
        "provisioning.first_boot_command:claim_app",
        "Show the claim code of a machine that is no box yet, also as a QR code, and what it waits for.",
    ),
    "factory-reset": (
        "provisioning.first_boot_command:reset_app",
        "Wipe this box, keys first; afterwards it can be claimed again.",
    ),
    "reboot": (
        "provisioning.reboot_command:reboot_app",
        "Restart this machine; who is not root asks root's service for it.",
    ),
    "update": (
        "provisioning.update_command:app",
        "Releases over the network: what is under way, and one at once.",
    ),
}


FORWARDED = {"allow_extra_args": True, "ignore_unknown_options": True}


def _mount(name: str, target: str, text: str) -> None:
    """Mount a room's commands; the room is imported when one of them is asked for, so that --help stays quick."""
    module, attribute = target.split(":")

    class Room(TyperGroup):
        # Any: which click these speak of, the library or a copy inside typer, depends on typer's version.
        def list_commands(self, ctx: Any) -> list[str]:
            return list(self._load())

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            return self._load().get(cmd_name)

        @staticmethod
        def _load() -> dict[str, Any]:
            room = getattr(importlib.import_module(module), attribute)
            return dict(typer.main.get_group(room).commands)

    app.add_typer(typer.Typer(cls=Room, help=text, no_args_is_help=True), name=name)


def _forward(name: str, target: str, text: str) -> None:
    """Hand all that stands behind a name to another program of ours, which is imported when it is asked for."""
    module, attribute = target.split(":")

    def command(context: typer.Context) -> None:
        program: typer.Typer = getattr(importlib.import_module(module), attribute)
        program(args=context.args, prog_name=f"branchline {name}")

    app.command(name, context_settings=FORWARDED, add_help_option=False, help=text)(command)


for _name, (_target, _text) in ROOMS.items():
    _mount(_name, _target, _text)

Config = Annotated[Path, typer.Option("--config", help="The box's settings.", metavar="FILE")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
DEFAULT_CONFIG = Path("/etc/branchline/box.toml")
out = Console()
err = Console(stderr=True)

EXIT_REFUSED = 1
EXIT_SETTINGS = 2


def main() -> None:
    """Run the command line; errors end in one line that says what to do."""
    # Before numpy is there: a 20 ms frame is too small to be worth a second thread of OpenBLAS for each call.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # What the parts log is no part of an answer: a program reads the answer. `run` sends it to the journal.
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))
    app()


@app.command()
def run(config: Config = DEFAULT_CONFIG) -> None:
    """Run the daemon until it is told to stop (SIGTERM lets calls end politely, SIGHUP reads the settings again)."""
    # The same process goes on, for whoever watches it, and leaves the command line's libraries behind: 13 MB.
    # -P: what lies in the folder where somebody stands is no part of the daemon.
    os.execv(sys.executable, [sys.executable, "-P", "-m", "firmware.daemon", "--config", str(config)])


@app.command()
def check(config: Config = DEFAULT_CONFIG) -> None:
    """Try everything that `run` needs: settings, keys, gate, broker, each modem. Changes nothing, calls nobody."""
    settings = _settings(config)
    from firmware.daemon.checkup import check_box

    table = Table(title=f"Box {settings.box.id}")
    table.add_column("what")
    table.add_column("result")
    table.add_column("detail", overflow="fold")
    failed = 0
    for finding in asyncio.run(check_box(settings)):
        failed += not finding.passed
        table.add_row(finding.what, "[green]good[/]" if finding.passed else "[red]FAILED[/]", finding.detail)
    out.print(table)
    if failed:
        _fail(f"{failed} of these must be mended before the box can work", EXIT_REFUSED)


@app.command()
def outcomes(config: Config = DEFAULT_CONFIG, *, as_json: AsJson = False) -> None:
    """List what came of each attempt, from the box's own database (readable while the daemon runs)."""
    settings = _settings(config)
    from firmware.daemon.outcomes_command import read_outcomes
    from firmware.store.errors import StoreError

    try:
        rows = read_outcomes(settings)
    except StoreError as error:
        _fail(str(error), EXIT_SETTINGS)
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    table = Table(
        "ended",
        "campaign",
        "contact",
        "disposition",
        "line",
        "talk s",
        title=f"Box {settings.box.id}: outcomes",
    )
    for row in rows:
        table.add_row(
            str(row["ended_at"]),
            row["campaign"],
            row["contact"],
            row["disposition"],
            row["line"],
            f"{row['talk_ms'] / 1000:.0f}",
        )
    out.print(table)


@app.command()
def demo(
    summary: Annotated[Path | None, typer.Option(help="Write the summary as JSON.", metavar="FILE")] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Where to work (a new temporary folder by default).")
    ] = None,
    sip_lines: Annotated[
        int, typer.Option(min=0, max=4, help="How many of the four lines are SIP lines, not modems.")
    ] = 0,
) -> None:
    """Show the main job: a broker, a console and a box with four simulated modems call twelve people."""
    from firmware.demo.processes import DemoError
    from firmware.demo.story import run_demo

    try:
        code = run_demo(summary=summary, folder=folder, n_sip_lines=sip_lines)
    except DemoError as error:
        _fail(str(error), EXIT_REFUSED)
    raise typer.Exit(code)


for _name, (_target, _text) in PROGRAMS.items():
    _forward(_name, _target, _text)


@app.command("simulate-modem", context_settings=FORWARDED, add_help_option=False)
def simulate_modem(context: typer.Context) -> None:
    """Run a simulated modem with a network and people behind it, on a PTY that any program can open."""
    from modem_drivers.simulator.command import main as simulate

    raise typer.Exit(simulate(context.args))


@app.command("simulated-box", hidden=True)
def simulated_box(
    config: Config,
    people: Annotated[Path, typer.Option(help="Who is behind the simulated network, YAML.")],
    starts_at: Annotated[
        str, typer.Option(help="What the simulated clock shows at the start, ISO 8601 with offset.")
    ],
    call_log: Annotated[
        Path | None, typer.Option(help="Where the simulated network writes each call, JSON lines.")
    ] = None,
    sip_lines: Annotated[
        int, typer.Option(min=0, max=4, help="How many of its four lines are SIP lines.")
    ] = 0,
) -> None:
    """Run the box on simulated modems under a simulated clock: there is no telephone behind it."""
    from firmware.daemon.simulated_box import run_simulated_box

    settings = _settings(config)
    work = run_simulated_box(
        settings,
        people_file=people,
        starts_at=datetime.fromisoformat(starts_at),
        call_log=call_log,
        n_sip_lines=sip_lines,
    )
    try:
        asyncio.run(work)
    except SettingsError as error:
        _fail(str(error), EXIT_SETTINGS)


@app.command("version")
def show_version() -> None:
    """Print the version."""
    from firmware.version import software_version

    print(software_version())


def _settings(config: Path) -> Settings:
    try:
        return load_settings(config)
    except SettingsError as error:
        _fail(str(error), EXIT_SETTINGS)


def _fail(message: str, code: int) -> NoReturn:
    err.print(f"branchline: {message}", style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)


if __name__ == "__main__":
    sys.exit(main())  # type: ignore[func-returns-value]
