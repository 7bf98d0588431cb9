"""`branchline audit evidence CALL`: the evidence of one call, as a page that an auditor reads or as JSON."""

import json
import os
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import msgspec
import typer
from rich.console import Console

from firmware.data_dir import database_path
from firmware.evidence.checking import NotEvidenceError, check_evidence, compare_with_log, read_evidence
from firmware.evidence.collecting import NoSuchCallError, collect
from firmware.evidence.facts import Evidence, evidence_schema
from firmware.evidence.page import page_of
from firmware.settings import SettingsError, load_settings
from firmware.store.database import read_only
from firmware.store.errors import StoreError

out = Console()
err = Console(stderr=True)
EXIT_BROKEN = 1
EXIT_USAGE = 2
DEFAULT_CONFIG = Path("/etc/branchline/box.toml")


def evidence(
    call: Annotated[
        str, typer.Argument(metavar="CALL", help="The call's id, as `branchline outcomes --json` lists it.")
    ],
    to: Annotated[
        Path | None, typer.Option("--out", help="Where to; none: standard output.", metavar="FILE")
    ] = None,
    config: Annotated[
        Path, typer.Option("--config", help="The box's settings.", metavar="FILE")
    ] = DEFAULT_CONFIG,
    language: Annotated[
        str | None, typer.Option("--language", help="en or zh; none: the box's.", metavar="LANGUAGE")
    ] = None,
    *,
    whole: Annotated[
        bool, typer.Option("--whole", help="Every entry of the log from there on in full, not only hashes.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The same facts as JSON, for programs.")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema instead.")] = False,
) -> None:
    """Write the evidence of one call: decisions with every rule, what was said and heard, recording, proof."""
    if schema:
        print(json.dumps(evidence_schema(), indent=1))
        return
    if language not in (None, "en", "zh"):
        _fail(f"--language {language!r}: en or zh", EXIT_USAGE)
    try:
        settings = load_settings(config)
        spoken = language or settings.box.language
        shown: Literal["en", "zh"] = "zh" if spoken.lower().startswith("zh") else "en"
        with read_only(database_path(settings)) as con:
            found = collect(
                con,
                call,
                box=settings.box.id,
                version=_version(),
                language=shown,
                at=datetime.now(UTC).replace(microsecond=0),
                whole_chain=whole,
            )
    except (SettingsError, StoreError) as error:
        _fail(str(error), EXIT_USAGE)
    except NoSuchCallError as error:
        _fail(str(error.args[0]), EXIT_BROKEN)
    text = msgspec.json.encode(found).decode() + "\n" if as_json else page_of(found)
    if to is None:
        print(text, end="")
        return
    try:
        # It says who was called: nobody else's eyes.
        handle = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
    except FileExistsError:
        _fail(f"{to} is there already; name a new file", EXIT_USAGE)
    except OSError as error:
        _fail(f"{to}: {error.strerror}", EXIT_USAGE)
    out.print(f"written: {to}", markup=False, highlight=False, soft_wrap=True)


def verify_evidence(file: Path, config: Path, *, as_json: bool) -> None:
    """Say whether a file of evidence holds together; on the box that made it, whether its log says the same."""
    try:
        found, problem = read_evidence(file)
    except NotEvidenceError as error:
        _fail(str(error), EXIT_USAGE)
    problem = problem or check_evidence(found)
    compared = False
    if not problem and config.is_file():
        problem, compared = _compare(found, config)
    in_full = sum(link.body is not None for link in found.chain)
    if as_json:
        print(
            json.dumps(
                {
                    "whole": not problem,
                    "problem": problem,
                    "entries": len(found.chain),
                    "in_full": in_full,
                    "head": found.head,
                    "compared_with_log": compared,
                }
            )
        )
    elif not problem:
        out.print(
            f"whole: call {found.call.attempt}, {len(found.chain)} entries of which {in_full} in full, head {found.head}; "
            + ("the same as in this box's log" if compared else "not compared with the box's log"),
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    if problem:
        _fail(problem, EXIT_BROKEN)


def _compare(found: Evidence, config: Path) -> tuple[str, bool]:
    try:
        settings = load_settings(config)
        if settings.box.id != found.box:
            return "", False
        with read_only(database_path(settings)) as con:
            return compare_with_log(con, found), True
    except (SettingsError, StoreError) as error:
        _fail(str(error), EXIT_USAGE)


def _version() -> str:
    try:
        return version("branchline")
    except PackageNotFoundError:
        return "0+checkout"


def _fail(message: str, code: int) -> NoReturn:
    err.print(f"branchline: {message}", style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)
