"""`branchline policy`: read the rule packs, approve them by name, and ask whether a call may be placed."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from firmware.clock import SystemClock
from firmware.compliance.call import Point
from firmware.compliance.errors import ComplianceError, PackError
from firmware.compliance.gate import Gate
from firmware.compliance.history_file import HistoryFile, HistoryFileError, read_history
from firmware.compliance.library import PackLibrary, load_packs
from firmware.compliance.pack import Pack
from firmware.data_dir import database_path
from firmware.rules import policy_report
from firmware.rules.at_start import RulesAtStart, rules_here
from firmware.rules.in_force import ApprovalError, approve, everything_approved, find_pack
from firmware.rules.policy_question import Question, answer
from firmware.rules.policy_release import Rules
from firmware.settings import Settings, SettingsError, load_settings
from firmware.settings_sections import DiallingSection
from firmware.store.errors import StoreError
from firmware.sync.signing import KeyFileError

policy_app = typer.Typer(help="The rules of calling.", no_args_is_help=True)
out = Console()
err = Console(stderr=True)
EXIT_REFUSED = 1
EXIT_USAGE = 2

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
MaybeConfig = Annotated[
    Path | None,
    typer.Option("--config", help="The box's settings: its approvals and overlay.", metavar="FILE"),
]
Language = Annotated[str, typer.Option(help="en or zh.", metavar="LANGUAGE")]
Region = Annotated[
    str | None, typer.Option(help="ISO 3166 place of the address on file, e.g. US-MA.", metavar="PLACE")
]


@policy_app.command("list")
def list_packs(config: MaybeConfig = None, *, as_json: AsJson = False) -> None:
    """List the rule packs: where they govern, until when they may be relied on, who approved them, whence they come."""
    here = _here(_settings(config))
    rows = policy_report.list_rows(
        here.rules.gate,
        here.rules.approvals,
        SystemClock().now().date(),
        waiting=here.rules.waiting,
        own_overlay=here.own_overlay,
    )
    if as_json:
        _print_json(rows)
        return
    # Whence they come is told where it is not plain: a narrow terminal has room for the dates then.
    is_mixed = any(row["from"] != "firmware" for row in rows)
    table = Table("pack", "title", "governs", "rules")
    table.add_column("review by", no_wrap=True)
    for name in ("approved by", *(["from"] if is_mixed else [])):
        table.add_column(name)
    for row in rows:
        due = f"[red]{row['review_by']}[/]" if row["days_left"] < 0 else row["review_by"]
        nobody = "[yellow]waits[/]" if row["state"] == "waits" else "[red]nobody[/]" if config else "-"
        if row["layer"] == "overlay":
            nobody = "needs none"
        table.add_row(
            row["pack"], escape(row["title"]), " ".join(row["jurisdiction"]), str(row["rules"]), due,
            escape(row["approved_by"]) or nobody, *([row["from"]] if is_mixed else []),
        )  # fmt: skip
    out.print(table)
    if here.release:
        out.print(f"The office's release {here.release} is in force.")
    for pack in here.rules.waiting:
        out.print(f"{pack.pack.name} waits: read it with show, then `policy approve {pack.pack.name}`.")
    if config is None:
        out.print("Name the box's settings with --config to see who has approved what.")


@policy_app.command()
def show(
    pack: Annotated[str, typer.Argument(help="A pack: us-ma, or us-ma@1.")],
    config: MaybeConfig = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show every rule of one pack with its source, its force and how sure we are of it.

    With --config also packs that the office has sent, waiting for approval or in force.
    """
    here = _here(_settings(config))
    found = _or_fail(lambda: find_pack(_packs(here), pack))
    if as_json:
        _print_json(policy_report.pack_values(found))
        return
    for line in policy_report.pack_lines(found):
        out.print(line, markup=False, highlight=False, soft_wrap=True)


@policy_app.command()
def check(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Rule packs or overlays, TOML; none: what this firmware ships."),
    ] = None,
    config: MaybeConfig = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Say whether rule packs or overlays may be used, and where they may not. Exit 1 when one may not."""
    settings = _settings(config)
    here = _here(settings)
    now = SystemClock().now()
    if files:
        texts = [(str(file), _text(file)) for file in files]
        library = here.rules.gate.library
        findings = [policy_report.check_file(library, text, source=name) for name, text in texts]
    else:
        gate = here.rules.gate if settings else _all_approved()
        findings = [policy_report.check_shipped(gate, now, fault=here.fault, waiting=here.rules.waiting)]
    if as_json:
        _print_json({"good": all(one["good"] for one in findings), "files": findings})
    else:
        for one in findings:
            out.print(f"{one['file']}: {'good' if one['good'] else 'REFUSED'} ({one['what']})", markup=False)
            for line in (*one["problems"], *(f"note: {warning}" for warning in one["warnings"])):
                out.print(f"  {line}", markup=False, soft_wrap=True)
    if not all(one["good"] for one in findings):
        raise typer.Exit(EXIT_REFUSED)


@policy_app.command("approve")
def approve_pack(
    pack: Annotated[str, typer.Argument(help="The version you have read: us-ma@1.")],
    by: Annotated[str, typer.Option(help="Your name.", metavar="NAME")],
    config: Annotated[Path, typer.Option(help="The box's settings.", metavar="FILE")] = Path(
        "/etc/branchline/box.toml"
    ),
) -> None:
    """Write into the box's settings that you have read this version of a pack and that it may dial.

    It may be a pack of this firmware, or one that the office has sent and that waits for this.
    """
    try:
        here = _here(_settings(config)) if config.exists() else _here(None)
        done = approve(config, _packs(here), pack, by=by, at=SystemClock().now())
    except (ApprovalError, PackError) as error:
        _fail(str(error), EXIT_REFUSED)
    out.print(f"{done.pack.name} ({done.pack.title}) is approved by {by}; reload the box.", markup=False)
    for licence in sorted(done.gate.licences_required):
        out.print(f"With it you have said that this is held: {licence}.", markup=False)
    for notice in sorted(done.gate.notices_required):
        out.print(f"The console must name {notice} among a contact's consents once it is done.", markup=False)


@policy_app.command()
def effective(
    number: Annotated[str, typer.Argument(help="A number, E.164.")],
    region: Region = None,
    config: MaybeConfig = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show what all rules together demand of a call to this number."""
    settings = _settings(config)
    gate = _here(settings).rules.gate if settings else _all_approved()
    values = _or_fail(lambda: policy_report.effective_values(gate, number, region))
    if as_json:
        _print_json(values)
        return
    for line in policy_report.effective_lines(values):
        out.print(line, markup=False, highlight=False, soft_wrap=True)


@policy_app.command()
def decide(
    number: Annotated[str, typer.Option(help="The number to be called, E.164.")],
    at: Annotated[str, typer.Option(help="When: RFC 3339 with an offset, 2026-11-23T10:00:00+08:00.")],
    region: Region = None,
    time_zone: Annotated[
        str | None, typer.Option(help="IANA zone on file; narrows the hours further.")
    ] = None,
    history: Annotated[
        Path | None, typer.Option(help="What went before, JSON (`policy schema history`).", metavar="FILE")
    ] = None,
    status: Annotated[str | None, typer.Option(help="Status of the case; open by default.")] = None,
    consent: Annotated[
        list[str] | None, typer.Option(help="A consent given or a notice sent; may be repeated.")
    ] = None,
    person: Annotated[str | None, typer.Option(help="The person's id in the history.")] = None,
    debt: Annotated[str | None, typer.Option(help="The debt's id in the history.")] = None,
    caller_number: Annotated[str | None, typer.Option(help="The own number the callee would see.")] = None,
    max_call_s: Annotated[
        int | None, typer.Option(help="Longest call; it must end before the hours do.", min=1)
    ] = None,
    point: Annotated[
        Point | None,
        typer.Option(help="When the gate is asked; predial with --caller-number, enqueue without."),
    ] = None,
    config: MaybeConfig = None,
    language: Language = "en",
    *,
    as_json: AsJson = False,
) -> None:
    """Ask the gate whether a call may be placed: allow, defer until an instant, refuse, or hold for a person.

    Without --config every shipped pack counts as approved, and the answer says so. Exit 0 whatever the answer is.
    """
    settings = _settings(config)
    gate = _here(settings).rules.gate if settings else _all_approved()
    question = Question(
        number=number,
        at=_instant(at),
        region=region,
        time_zone=time_zone,
        status=status,
        consents=tuple(consent or ()),
        person=person,
        debt=debt,
        caller_number=caller_number,
        max_call_s=max_call_s or (settings.dialling if settings else DiallingSection()).max_call_s,
        point=point,
        history=_history(history),
    )
    said = answer(gate, question, approvals=str(config) if config else "assumed")
    if as_json:
        _print_json(said)
        return
    out.print(f"{said['outcome'].upper()}: {said['rule']}", style="bold", markup=False, highlight=False)
    out.print(said["explanation"]["zh" if language.lower().startswith("zh") else "en"], markup=False)
    if said["until"]:
        out.print(f"until {said['until']}", markup=False, highlight=False)
    table = Table("rule", "", "detail")
    for tried in said["tried"]:
        table.add_row(
            tried["rule"], "[green]kept[/]" if tried["passed"] else "[red]NOT KEPT[/]", tried["detail"]
        )
    out.print(table)
    out.print(f"packs: {', '.join(said['packs'])}; approvals: {said['approvals']}", markup=False)


@policy_app.command()
def schema(
    what: Annotated[str, typer.Argument(help="pack (packs and overlays) or history (for decide).")],
) -> None:
    """Print the JSON Schema of a rule pack or of a history file."""
    known = policy_report.schemas()
    if what not in known:
        _fail(f"there is a schema for {' and '.join(known)}, not for {what!r}", EXIT_USAGE)
    _print_json(known[what])


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        _fail(f"--at {text!r} is no instant: write 2026-11-23T10:00:00+08:00 or …Z", EXIT_USAGE)
    if at.tzinfo is None:
        _fail(f"--at {text!r} says no offset: write {text}Z for UTC, or {text}+08:00", EXIT_USAGE)
    return at.astimezone(UTC)


def _history(file: Path | None) -> HistoryFile:
    if file is None:
        return HistoryFile()
    try:
        return read_history(file.read_bytes())
    except OSError as error:
        _fail(f"{file}: {error.strerror}", EXIT_USAGE)
    except HistoryFileError as error:
        _fail(f"{file}: {error}; `branchline policy schema history` shows the form", EXIT_USAGE)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        _fail(f"{file}: {error.strerror}", EXIT_USAGE)
    except UnicodeDecodeError:
        _fail(f"{file}: not a text file in UTF-8", EXIT_USAGE)


def _settings(config: Path | None) -> Settings | None:
    try:
        return None if config is None else load_settings(config)
    except SettingsError as error:
        _fail(str(error), EXIT_USAGE)


def _here(settings: Settings | None) -> RulesAtStart:
    if settings is None:
        return RulesAtStart(rules=Rules(gate=Gate(_or_fail(load_packs), []), approvals=()))
    try:
        here = rules_here(settings, database_path(settings), SystemClock().now)
    except (SettingsError, ComplianceError, KeyFileError, StoreError) as error:
        _fail(str(error), EXIT_USAGE)
    if here.overlay_refused:
        err.print(
            f"branchline: the overlay is not in force: {here.overlay_refused}", style="yellow", markup=False
        )
    if here.fault:
        err.print(f"branchline: {here.fault}", style="yellow", markup=False)
    return here


def _packs(here: RulesAtStart) -> list[Pack]:
    """Return the packs of this box: what is in force comes before what waits."""
    return [*here.rules.gate.library.packs, *here.rules.waiting]


def _all_approved() -> Gate:
    library: PackLibrary = _or_fail(load_packs)
    return Gate(library, everything_approved(library))


def _or_fail(work: Any) -> Any:
    try:
        return work()
    except ComplianceError as error:
        _fail(str(error), EXIT_REFUSED)


def _print_json(values: Any) -> None:
    print(json.dumps(values, ensure_ascii=False, indent=1))


def _fail(message: str, code: int) -> NoReturn:
    err.print(f"branchline: {message}", style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)
