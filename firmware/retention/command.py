"""`branchline retention`: legal holds, set and released at the box, and what is past its time."""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from firmware.data_dir import database_path
from firmware.retention.hold_requests import (
    HoldRequest,
    HoldRequestError,
    hand_over,
    read_request,
    waiting,
)
from firmware.settings import Settings, SettingsError, load_settings
from firmware.store import audit_log, legal_holds
from firmware.store.connection import Connection
from firmware.store.errors import StoreError
from firmware.store.legal_holds import HoldScope
from firmware.store.reading import read_only

retention_app = typer.Typer(
    help="How long things are kept, and what must not be deleted.", no_args_is_help=True
)
out = Console()
err = Console(stderr=True)
EXIT_REFUSED = 1
EXIT_USAGE = 2

T = TypeVar("T")
Config = Annotated[Path, typer.Option("--config", help="The box's settings.", metavar="FILE")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
By = Annotated[str, typer.Option(help="Who orders it, a name.", metavar="NAME")]
Reason = Annotated[str, typer.Option(help="Why, for the audit log.", metavar="TEXT")]
DEFAULT_CONFIG = Path("/etc/branchline/box.toml")


@retention_app.command()
def hold(
    by: By,
    reason: Reason,
    person: Annotated[str | None, typer.Option(help="The console's id of a person.", metavar="ID")] = None,
    campaign: Annotated[str | None, typer.Option(help="The id of a campaign.", metavar="ID")] = None,
    recording: Annotated[str | None, typer.Option(help="The id of a recording.", metavar="ID")] = None,
    config: Config = DEFAULT_CONFIG,
    *,
    as_json: AsJson = False,
) -> None:
    """Stop every deletion about one person, campaign or recording, from this moment until it is released."""
    every: list[tuple[HoldScope, str | None]] = [
        ("person", person),
        ("campaign", campaign),
        ("recording", recording),
    ]
    given = [(scope, subject) for scope, subject in every if subject]
    if len(given) != 1:
        _fail("name one of --person, --campaign and --recording", EXIT_USAGE)
    scope, subject = given[0]
    name = str(uuid.uuid4())
    _ask(
        config,
        HoldRequest(
            action="hold",
            hold=name,
            by=by,
            reason=reason,
            at=datetime.now(UTC),
            scope=scope,
            subject=subject,
        ),
        name,
    )
    _say(
        {"hold": name, "scope": scope, "subject": subject},
        f"held: {name}. It stands from now on; the audit log has it when the box has taken it, "
        "within a minute. Release it by this id.",
        as_json=as_json,
    )


@retention_app.command()
def release(
    hold_id: Annotated[str, typer.Argument(metavar="HOLD", help="As `retention list` shows it.")],
    by: By,
    reason: Reason,
    config: Config = DEFAULT_CONFIG,
    *,
    as_json: AsJson = False,
) -> None:
    """End a hold: what is past its time goes at the next pass."""
    settings = _settings(config)
    known = {held.hold for held in _holds(settings) if held.is_in_force}
    known |= {request.hold for request in _requests(settings) if request.action == "hold"}
    if hold_id not in known:
        _fail(f"no legal hold {hold_id} is in force: see `branchline retention list`", EXIT_REFUSED)
    request = HoldRequest(action="release", hold=hold_id, by=by, reason=reason, at=datetime.now(UTC))
    # Behind the request that set it, should that wait still: they are taken in the order of their names.
    _ask(config, request, f"~{uuid.uuid4()}")
    _say(
        {"hold": hold_id, "released": True},
        f"released: {hold_id}, when the box has taken it, within a minute.",
        as_json=as_json,
    )


@retention_app.command("list")
def list_holds(
    config: Config = DEFAULT_CONFIG,
    *,
    every: Annotated[bool, typer.Option("--all", help="Those that were released as well.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the legal holds: what, by whose word, why, since when."""
    settings = _settings(config)
    found = [held for held in _holds(settings) if every or held.is_in_force]
    waits = [request for request in _requests(settings) if request.action == "hold"]
    if as_json:
        rows = [msgspec.to_builtins(held) for held in found]
        print(
            json.dumps(
                {"holds": rows, "waiting": [msgspec.to_builtins(r) for r in waits]}, ensure_ascii=False
            )
        )
        return
    table = Table("hold", "what", "of", "by", "why", "since", "released", title="Legal holds")
    for held in found:
        released = f"{held.released_at:%F %H:%M} by {held.released_by}" if held.released_at else ""
        table.add_row(
            *map(escape, (held.hold, held.scope, held.subject, held.by, held.reason)),
            f"{held.set_at:%F %H:%M}Z",
            escape(released),
        )
    for request in waits:
        table.add_row(
            *map(
                escape, (request.hold, request.scope or "", request.subject or "", request.by, request.reason)
            ),
            "waits for the box",
            "",
        )
    out.print(table)


@retention_app.command()
def deletions(
    config: Config = DEFAULT_CONFIG,
    *,
    as_json: AsJson = False,
) -> None:
    """List what was deleted, by which rule, with the audit entry that proves it."""
    rows = _read(_settings(config), _deletions)
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return
    table = Table("entry", "at", "what", "which", "rule", "days", title="Deleted")
    for row in rows:
        which = row.get("recording") or row.get("folder") or str(row.get("person_ref", ""))[:12]
        table.add_row(
            str(row["seq"]), str(row["at"])[:16], str(row["what"]), escape(str(which)), str(row.get("rule") or ""),
            str(row.get("days") or ""),
        )  # fmt: skip
    out.print(table)


def _deletions(con: Connection) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    after = 0
    while batch := audit_log.rows(con, after):
        for row in batch:
            if row.body.endswith('"kind":"deletion"}'):
                entry = json.loads(row.body)
                found.append({"seq": row.seq, "hash": row.hash, "at": entry["at"], **entry["fields"]})
        after = batch[-1].seq
    return found


def _holds(settings: Settings) -> list[legal_holds.LegalHold]:
    return _read(settings, legal_holds.list_holds)


def _read(settings: Settings, work: Callable[[Connection], T]) -> T:
    try:
        with read_only(database_path(settings)) as con:
            return work(con)
    except StoreError as error:
        _fail(str(error), EXIT_USAGE)


def _requests(settings: Settings) -> list[HoldRequest]:
    try:
        return [read_request(path) for path in waiting(Path(settings.box.data_dir))]
    except HoldRequestError as error:
        _fail(str(error), EXIT_REFUSED)


def _ask(config: Path, request: HoldRequest, name: str) -> None:
    settings = _settings(config)
    try:
        checked = msgspec.convert(msgspec.to_builtins(request), HoldRequest)
        hand_over(Path(settings.box.data_dir), checked, name)
    except msgspec.ValidationError as error:
        _fail(f"{error}: say who, and why, in a few words", EXIT_USAGE)
    except HoldRequestError as error:
        _fail(str(error), EXIT_REFUSED)


def _say(record: dict[str, object], text: str, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(record))
    else:
        out.print(text, markup=False, highlight=False, soft_wrap=True)


def _settings(config: Path) -> Settings:
    try:
        return load_settings(config)
    except SettingsError as error:
        _fail(str(error), EXIT_USAGE)


def _fail(message: str, code: int) -> NoReturn:
    err.print(f"branchline: {message}", style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)
