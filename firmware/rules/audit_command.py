"""`branchline audit`: is the audit log whole, would the same be decided again, and a copy for an auditor."""

import csv
import json
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from firmware.calls.audit_check import Ref, chain_problem, counters_problem, replay, stored_rows
from firmware.compliance.audit import AuditRow, keyed_ref, verify
from firmware.daemon.device_identity import device_key_of
from firmware.evidence.checking import is_evidence
from firmware.evidence.command import evidence, verify_evidence
from firmware.rules.anchors import AnchorFileError, Anchors
from firmware.settings import Settings, SettingsError, load_settings
from firmware.store.errors import StoreError
from firmware.store.reading import read_only
from firmware.sync.signing import KeyFileError, key_id

audit_app = typer.Typer(help="The audit log.", no_args_is_help=True)
out = Console()
err = Console(stderr=True)
EXIT_BROKEN = 1
EXIT_USAGE = 2

Config = Annotated[Path, typer.Option("--config", help="The box's settings.", metavar="FILE")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
DEFAULT_CONFIG = Path("/etc/branchline/box.toml")


@audit_app.command("verify")
def verify_log(
    file: Annotated[
        Path | None,
        typer.Argument(help="What `audit export` or `audit evidence` wrote; none: the box's own log."),
    ] = None,
    config: Config = DEFAULT_CONFIG,
    head: Annotated[
        str | None,
        typer.Option(
            help="The last published head, SEQ:HASH: shows a log that was cut short or written anew."
        ),
    ] = None,
    anchors: Annotated[
        Path | None,
        typer.Option(
            help="Signed heads that `branchline-console audit anchors` wrote: every one must still stand in the log.",
            metavar="FILE",
        ),
    ] = None,
    sealed_by: Annotated[
        str | None,
        typer.Option(
            help="Of evidence: the key that must have sealed it, as `audit key` prints it.", metavar="KEY"
        ),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Say whether every entry is there, in order and unchanged. Exit 1 at the first that is not."""
    if file is not None and is_evidence(file):
        verify_evidence(file, config, key=sealed_by, as_json=as_json)
        return
    published = _head(head)
    heads = _anchors(anchors) if anchors is not None else None
    n_entries, last = 0, ""

    def counted(rows: Iterator[AuditRow]) -> Iterator[AuditRow]:
        nonlocal n_entries, last
        for row in rows:
            n_entries, last = n_entries + 1, f"{row.seq}:{row.hash}"
            if heads is not None:
                heads.see(row)
            yield row

    if file is not None:
        problem = verify(counted(_exported(file)), head=published) or ""
        chain = None
    else:
        settings = _settings(config)
        with _reading(settings) as con:
            problem = verify(counted(stored_rows(con)), head=published) or counters_problem(
                con, _ref(settings)
            )
            chain = str(con.value("SELECT value FROM setting WHERE key = 'stream'"))
    if heads is not None and not problem:
        problem = heads.problem(chain)
    if as_json:
        print(json.dumps({"whole": not problem, "problem": problem, "entries": n_entries, "head": last}))
    elif not problem:
        out.print(
            f"whole: {n_entries} entries, head {last or 'none'}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    if problem:
        _fail(problem, EXIT_BROKEN)


@audit_app.command()
def key(config: Config = DEFAULT_CONFIG) -> None:
    """Print the id of the key that signs this box's heads: compare it with `branchline-console audit status`."""
    try:
        print(key_id(device_key_of(_settings(config), may_make=False).public_key()))
    except KeyFileError as error:
        _fail(str(error), EXIT_USAGE)


@audit_app.command("replay")
def replay_log(config: Config = DEFAULT_CONFIG, *, as_json: AsJson = False) -> None:
    """Make every decision of the log again, by the rules in force then, and compare entry by entry. Exit 1 if one differs."""
    settings = _settings(config)
    key_file = Path(settings.box.data_dir) / "audit.key"
    try:
        key = key_file.read_bytes()
    except OSError as error:
        _fail(
            f"{key_file}: {error.strerror}: without the box's audit key nothing can be compared", EXIT_USAGE
        )
    with _reading(settings) as con:
        found = replay(con, key)
    if as_json:
        print(
            json.dumps(
                {
                    "entries": found.entries,
                    "decisions": found.decisions,
                    "agreed": found.agreed,
                    "erased": found.erased,
                    "unrecorded": found.unrecorded,
                    "problems": found.problems,
                },
                ensure_ascii=False,
            )
        )
    else:
        out.print(
            f"{found.agreed} of {found.decisions} decisions made again, letter by letter; "
            f"{found.erased} erased, {found.unrecorded} without their inputs",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    if found.problems:
        _fail("; ".join(found.problems), EXIT_BROKEN)


@audit_app.command()
def export(
    config: Config = DEFAULT_CONFIG,
    to: Annotated[
        Path | None, typer.Option("--to", help="Where to; none: standard output.", metavar="FILE")
    ] = None,
    after: Annotated[int, typer.Option(help="Only entries behind this one.", min=0)] = 0,
    *,
    as_csv: Annotated[bool, typer.Option("--csv", help="A table for people; it cannot be verified.")] = False,
) -> None:
    """Copy the log, one JSON object a line; names and numbers are in it only as keyed hashes and sealed."""
    with _reading(_settings(config)) as con:
        if problem := chain_problem(con):
            err.print(f"branchline: {problem}; exported as it is", style="yellow", markup=False)
        rows = stored_rows(con, after)
        if to is None:
            _write(sys.stdout, rows, as_csv=as_csv)
            return
        try:
            with to.open("x", encoding="utf-8", newline="") as file:
                _write(file, rows, as_csv=as_csv)
        except FileExistsError:
            _fail(f"{to} is there already; name a new file", EXIT_USAGE)
        except OSError as error:
            _fail(f"{to}: {error.strerror}", EXIT_USAGE)


audit_app.command("evidence")(evidence)

COLUMNS = ("seq", "at", "kind", "point", "outcome", "rule", "until", "campaign", "person_ref", "packs")


def _write(file: Any, rows: Iterator[AuditRow], *, as_csv: bool) -> None:
    if not as_csv:
        for row in rows:
            record = {"seq": row.seq, "prev_hash": row.prev_hash, "hash": row.hash, "body": row.body}
            file.write(json.dumps(record) + "\n")
        return
    table = csv.writer(file)
    table.writerow(COLUMNS)
    for row in rows:
        entry = json.loads(row.body)
        values = {"seq": row.seq, "at": entry["at"], "kind": entry["kind"], **entry["fields"]}
        cells = [values.get(name) for name in COLUMNS]
        table.writerow([" ".join(cell) if isinstance(cell, list | dict) else cell for cell in cells])


def _exported(file: Path) -> Iterator[AuditRow]:
    try:
        with file.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    row = json.loads(line)
                    yield AuditRow(
                        seq=int(row["seq"]),
                        prev_hash=str(row["prev_hash"]),
                        body=str(row["body"]),
                        hash=str(row["hash"]),
                    )
                except (ValueError, KeyError, TypeError):
                    _fail(f"{file}: line {number} is no entry that `audit export` wrote", EXIT_USAGE)
    except (OSError, UnicodeDecodeError) as error:
        _fail(f"{file}: {error}", EXIT_USAGE)


def _anchors(file: Path) -> Anchors:
    try:
        return Anchors.read(file.read_bytes())
    except OSError as error:
        _fail(f"{file}: {error.strerror}", EXIT_USAGE)
    except AnchorFileError as error:
        _fail(f"{file}: {error}", EXIT_USAGE)


def _head(text: str | None) -> tuple[int, str] | None:
    if text is None:
        return None
    seq, _, digest = text.partition(":")
    if not seq.isdecimal() or not digest:
        _fail(f"--head {text!r}: write SEQ:HASH as `audit verify` prints it", EXIT_USAGE)
    return int(seq), digest


def _ref(settings: Settings) -> Ref | None:
    """Return how names are hashed in this box's log, None where its key cannot be read: then they are not compared."""
    try:
        key = (Path(settings.box.data_dir) / "audit.key").read_bytes()
    except OSError:
        return None
    return partial(keyed_ref, key)


def _settings(config: Path) -> Settings:
    try:
        return load_settings(config)
    except SettingsError as error:
        _fail(str(error), EXIT_USAGE)


def _reading(settings: Settings) -> "_Reading":
    return _Reading(Path(settings.box.data_dir) / "box.db")


class _Reading:
    """The box's database for reading, beside a running daemon; what goes wrong with it ends in one line."""

    def __init__(self, path: Path) -> None:
        self._opened = read_only(path)

    def __enter__(self) -> Any:
        try:
            return self._opened.__enter__()
        except StoreError as error:
            _fail(str(error), EXIT_USAGE)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        self._opened.__exit__(None, None, None)
        if isinstance(error, StoreError):
            _fail(str(error), EXIT_USAGE)


def _fail(message: str, code: int) -> NoReturn:
    err.print(f"branchline: {message}", style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)
