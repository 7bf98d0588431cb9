"""`branchline-console`: an office's console on the command line."""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from console.arguments import (
    DatabaseOption,
    JsonOption,
    NowOption,
    OfficeOption,
    clock_for,
    office_at,
    parse_expiry,
    parse_instant,
    parse_mapping,
    parse_money,
    use_database,
)
from console.authority import init_office
from console.campaigns import DEFAULT_VALIDITY, Terms, slug
from console.command_audit import audit_app
from console.command_box import box_app
from console.command_claim import claim_app
from console.command_command import command
from console.command_config import config_app
from console.command_control import cancel, pause, recall, resume
from console.command_correct import correct, corrections_app
from console.command_elsewhere import elsewhere_app
from console.command_examine import SheetOption, SourceOption, examine_command, quality_command
from console.command_followups import followups_app
from console.command_hold import hold_app
from console.command_inbound import inbound_command
from console.command_ingest import ingest
from console.command_keys import keys_app
from console.command_ledger import ledger_app
from console.command_measures import measures_command
from console.command_outcomes import outcomes_command
from console.command_payment import payment_app
from console.command_policy import policy_app
from console.command_push import PushOrder, run_push
from console.command_recording import recording_app
from console.command_release import release_app
from console.command_report import report_command
from console.command_sms import sms_app
from console.command_strategy import strategy_app
from console.command_suppress import run_suppress
from console.command_watch import watch_command
from console.command_web import user_app, web
from console.contact_fields import FieldError, parse_id, parse_number, parse_word
from console.errors import ConsoleError
from console.json_everywhere import give_json
from console.ledger import Ledger
from console.opened_recording import digest_of, write_sound
from console.reports import outcome_of_recording
from console.terminal import fail, log_to_stderr, say, speak_json
from console.watch_view import JsonLines, LiveTables, PlainLines, View
from firmware.clock import SystemClock

app = typer.Typer(
    help="The central console: make an office, push call lists to boxes, see what came of the calls.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(box_app, name="box")
app.add_typer(claim_app, name="claim")
app.add_typer(release_app, name="release")
for verb in (pause, resume, cancel, recall):
    app.command()(verb)
app.command("outcomes")(outcomes_command)
app.command("report")(report_command)
app.command("inbound")(inbound_command)
app.add_typer(recording_app, name="recording")
app.add_typer(config_app, name="config")
app.add_typer(keys_app, name="keys")
app.add_typer(ledger_app, name="ledger")
app.command("command")(command)
app.command("ingest")(ingest)
app.command("measures")(measures_command)
app.add_typer(payment_app, name="payment")
app.command("examine")(examine_command)
app.command("quality")(quality_command)
app.add_typer(audit_app, name="audit")
app.command("correct")(correct)
app.add_typer(corrections_app, name="corrections")
app.add_typer(followups_app, name="followups")
app.add_typer(sms_app, name="sms")
app.add_typer(policy_app, name="policy")
app.add_typer(hold_app, name="hold")
app.add_typer(elsewhere_app, name="elsewhere")
app.add_typer(user_app, name="user")
app.command("web")(web)
app.add_typer(strategy_app, name="strategy")


@app.callback()
def office(
    context: typer.Context,
    folder: OfficeOption = None,
    database: DatabaseOption = None,
) -> None:
    """Remember an office and a ledger named before the command."""
    context.obj = folder
    use_database(database)


@app.command()
def init(
    context: typer.Context,
    *,
    tenant: Annotated[str, typer.Option(help="Short name of the organisation; part of every topic.")],
    broker_host: Annotated[str, typer.Option(help="The broker as boxes reach it: host name or address.")],
    broker_port: Annotated[int, typer.Option(help="Its TLS port.")] = 8883,
    also_host: Annotated[list[str] | None, typer.Option(help="Another name or address of it.")] = None,
    folder: OfficeOption = None,
) -> None:
    """Make an office: authority, keys, broker configuration."""
    target = folder or context.obj
    if target is None:
        raise ConsoleError("name the folder to make with --office, or set BRANCHLINE_OFFICE")
    made = init_office(
        target,
        tenant,
        broker_host,
        now=SystemClock().now(),
        broker_port=broker_port,
        other_hosts=also_host or (),
    )
    say(
        f"office of {tenant} made in {made.folder}; keep it private and backed up",
        tenant=tenant, folder=str(made.folder), broker_configuration=str(made.broker_folder / "mosquitto.conf"),
    )  # fmt: skip
    say(f"next: mosquitto -c {made.broker_folder / 'mosquitto.conf'}")
    say("then: branchline-console box add NAME")


@app.command()
def push(
    context: typer.Context,
    *,
    contacts: Annotated[Path, typer.Argument(help="The call list, CSV or XLSX.")],
    flow: Annotated[Path, typer.Option(help="The conversation, YAML.")],
    campaign: Annotated[str, typer.Option(help="The campaign's name.")],
    box: Annotated[list[str], typer.Option(help="The box that makes the calls; several share the people.")],
    identifier: Annotated[str | None, typer.Option("--id", help="Its id, if not made of the name.")] = None,
    expires: Annotated[str | None, typer.Option(help="Last day or instant.", metavar="ISO")] = None,
    starts: Annotated[str | None, typer.Option(help="First instant.", metavar="ISO")] = None,
    mapping: Annotated[list[str] | None, typer.Option(help="Your column=our column.")] = None,
    ring_timeout: Annotated[int, typer.Option(help="Seconds that it may ring.")] = 30,
    promise_days: Annotated[int, typer.Option(help="Latest day that may be promised, from today.")] = 14,
    min_part: Annotated[
        str | None, typer.Option(help="Least part or instalment.", metavar="100.00 CNY")
    ] = None,
    line: Annotated[list[str] | None, typer.Option(help="Use this line; any if none is named.")] = None,
    texts: Annotated[Path | None, typer.Option(help="Texts that may be sent by SMS, TOML.")] = None,
    sheet: SheetOption = None,
    source: SourceOption = None,
    no_doubtful: Annotated[
        bool, typer.Option("--no-doubtful", help="Leave out rows that `examine` doubts.")
    ] = False,
    update: Annotated[
        bool, typer.Option("--update", help="Change a campaign that the box has: terms, further contacts.")
    ] = False,
    wait: Annotated[float, typer.Option(help="Seconds without an answer before giving up.")] = 60.0,
    summary: Annotated[Path | None, typer.Option("--json", help="Write a summary here; - is stdout.")] = None,
    now: NowOption = None,
    folder: OfficeOption = None,
) -> None:
    """Examine a call list, check a flow, sign them, and put them on a box."""
    clock = clock_for(now)
    terms = Terms(
        campaign=identifier or slug(campaign),
        name=campaign,
        expires_at=parse_expiry(expires) if expires else clock.now() + DEFAULT_VALIDITY,
        starts_at=parse_instant(starts) if starts else None,
        ring_timeout_s=ring_timeout,
        promise_max_days=promise_days,
        promise_min_part=parse_money(min_part) if min_part else None,
        lines=tuple(line or ()),
    )
    order = PushOrder(
        contacts=contacts,
        flow=flow,
        texts=texts,
        box=box[0],
        other_boxes=tuple(box[1:]),
        terms=terms,
        mapping=parse_mapping(mapping or []),
        patience_s=wait,
        summary=summary,
        sheet=sheet,
        source=source,
        leaves_out_doubtful=no_doubtful,
        changes=update,
    )
    # With the summary on stdout, tables go where they do not disturb it.
    run_push(
        office_at(folder or context.obj), order, clock=clock, console=Console(stderr=str(summary) == "-")
    )


@app.command()
def watch(
    context: typer.Context,
    *,
    as_json: JsonOption = False,
    until_idle: Annotated[
        float | None, typer.Option(help="Stop when nothing came for so many seconds.", metavar="S")
    ] = None,
    until_stopped: Annotated[bool, typer.Option(help="Run until Ctrl-C (the default).")] = False,
    now: NowOption = None,
    folder: OfficeOption = None,
) -> None:
    """Keep and show what boxes report; without it they keep their outcomes and stop dialling in a day."""
    if until_stopped and until_idle is not None:
        raise typer.BadParameter("--until-idle and --until-stopped exclude each other")
    here = office_at(folder or context.obj)

    def view(ledger: Ledger) -> View:
        console = Console()
        if as_json:
            return JsonLines(sys.stdout)
        return LiveTables(console, ledger) if console.is_terminal else PlainLines(console)

    asyncio.run(watch_command(here, view, until_idle_s=until_idle, clock=clock_for(now)))


@app.command("open-recording")
def open_recording(
    context: typer.Context,
    recording: Annotated[Path, typer.Argument(help="A sealed recording.")],
    out: Annotated[Path | None, typer.Option(help="The file to write: .wav or .flac.")] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Also draw it, with what was heard in it: an .svg file.")
    ] = None,
    transcript: Annotated[
        Path | None, typer.Option(help="Also write what was said, as the box took it: a text file.")
    ] = None,
    folder: OfficeOption = None,
) -> None:
    """Open a sealed recording to a WAV or FLAC file: left is the person called, right is the box."""
    here = office_at(folder or context.obj)
    target = out or Path(recording.name).with_suffix(".wav")
    outcome = ""
    if picture is not None:
        with Ledger(here.ledger).reading() as rows:
            outcome = outcome_of_recording(rows, digest_of(recording))
    say(
        write_sound(
            recording,
            target,
            here.recording_identity,
            picture=picture,
            transcript=transcript,
            outcome=outcome,
        )
    )


@app.command()
def suppress(
    context: typer.Context,
    *,
    reason: Annotated[str, typer.Option(help="Why, in one word, such as opt_out.")],
    person: Annotated[str | None, typer.Option(help="Never call this person again.")] = None,
    number: Annotated[str | None, typer.Option(help="Never call this number again.")] = None,
    debt: Annotated[str | None, typer.Option(help="Never call about this debt again.")] = None,
    now: NowOption = None,
    folder: OfficeOption = None,
) -> None:
    """Take a person, a number or a debt off every box for good."""
    given = [
        (scope, value) for scope, value in (("person", person), ("number", number), ("debt", debt)) if value
    ]
    if len(given) != 1:
        raise typer.BadParameter("give one of --person, --number and --debt")
    scope, value = given[0]
    try:
        value = parse_number(value, None) if scope == "number" else parse_id(value)
        reason = parse_word(reason)
    except FieldError as error:
        raise typer.BadParameter(error.detail) from None
    here = office_at(folder or context.obj)
    is_new = asyncio.run(run_suppress(here, scope=scope, value=value, reason=reason, clock=clock_for(now)))
    known = "" if is_new else " (known before)"
    say(f"every box is told: no more calls for this {scope}{known}", scope=scope, is_new=is_new)


give_json(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; every error is one line that says what to do next."""
    log_to_stderr()
    speak_json(False)
    try:
        app(args=list(arguments) if arguments is not None else None, prog_name="branchline-console")
    except ConsoleError as error:
        fail(str(error), error.exit_code, error.details)
    except OSError as error:
        fail(f"{error.filename or 'the system'}: {error.strerror or error}; mend that and try again", 1)
    except Exception as error:
        if os.environ.get("BRANCHLINE_DEBUG"):
            raise
        fail(
            f"a fault in this program ({type(error).__name__}); BRANCHLINE_DEBUG=1 shows where, report it", 70
        )
