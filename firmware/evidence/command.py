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

from firmware.calls.auditing import SealError
from firmware.daemon.device_identity import device_key_of
from firmware.data_dir import database_path
from firmware.evidence.checking import NotEvidenceError, check_evidence, read_evidence
from firmware.evidence.collecting import NoSuchCallError, collect
from firmware.evidence.comparing import compare_with_log
from firmware.evidence.facts import Evidence, evidence_schema
from firmware.evidence.page import page_of
from firmware.evidence.seal import SUFFIX, encode_seal, seal_of, seal_problem
from firmware.settings import SettingsError, load_settings
from firmware.store.errors import StoreError
from firmware.store.reading import read_only
from firmware.sync.signing import KeyFileError, key_id

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
    texts: Annotated[
        bool,
        typer.Option("--texts", help="Short messages that followed word for word: they may name a debt."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The same facts as JSON, for programs.")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema instead.")] = False,
) -> None:
    """Write the evidence of one call: decisions with every rule, what was said and heard, recording, proof.

    Beside FILE lies FILE.seal.json: its digest and the recording's, signed by the box's own key.
    """
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
                opens_texts=texts,
            )
    except (SettingsError, StoreError, SealError) as error:
        _fail(str(error), EXIT_USAGE)
    except NoSuchCallError as error:
        _fail(str(error.args[0]), EXIT_BROKEN)
    text = msgspec.json.encode(found).decode() + "\n" if as_json else page_of(found)
    if to is None:
        print(text, end="")
        return
    content = text.encode()
    files = {to: content}
    try:
        key = device_key_of(settings, may_make=False)
    except KeyFileError as error:
        err.print(
            f"branchline: not sealed: {error}; run this as the box's user", style="yellow", markup=False
        )
    else:
        files[_seal_of(to)] = encode_seal(seal_of(key, found, name=to.name, content=content))
    for path in files:
        if path.exists():
            _fail(f"{path} is there already; name a new file", EXIT_USAGE)
    for path, part in files.items():
        try:
            # It says who was called: nobody else's eyes.
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(handle, "wb") as file:
                file.write(part)
        except OSError as error:
            _fail(f"{path}: {error.strerror}", EXIT_USAGE)
        out.print(f"written: {path}", markup=False, highlight=False, soft_wrap=True)


def verify_evidence(file: Path, config: Path, *, key: str | None, as_json: bool) -> None:
    """Say whether a file of evidence holds together, and whose seal lies beside it; on its box, whether the log says the same.

    `key` is the id of the key that must have sealed it; on the box that made it, that is the box's own.
    """
    try:
        found, problem = read_evidence(file)
    except NotEvidenceError as error:
        _fail(str(error), EXIT_USAGE)
    problem = problem or check_evidence(found)
    compared, sealed_by = False, ""
    if not problem and (seal := _seal_of(file)).exists():
        sealed_by, problem = seal_problem(_read(seal), found, _read(file))
    if not problem and config.is_file():
        problem, compared, own = _compare(found, config)
        key = key or (own if sealed_by else None)
    if not problem and key is not None and key != sealed_by:
        problem = (
            f"it is sealed by {sealed_by}, not by {key}"
            if sealed_by
            else f"no seal lies beside it: {key} vouches for nothing"
        )
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
                    "sealed_by": sealed_by,
                }
            )
        )
    elif not problem:
        out.print(
            f"whole: call {found.call.attempt}, {len(found.chain)} entries of which {in_full} in full, head {found.head}; "
            + ("the same as in this box's log" if compared else "not compared with the box's log")
            + (f"; sealed by {sealed_by}" if sealed_by else "; no seal lies beside it"),
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    if problem:
        _fail(problem, EXIT_BROKEN)


def _compare(found: Evidence, config: Path) -> tuple[str, bool, str | None]:
    """Return what the log has otherwise, whether it was compared, and the id of the box's own key where it can be read."""
    try:
        settings = load_settings(config)
        if settings.box.id != found.box:
            return "", False, None
        with read_only(database_path(settings)) as con:
            problem = compare_with_log(con, found)
    except (SettingsError, StoreError) as error:
        _fail(str(error), EXIT_USAGE)
    try:
        return problem, True, key_id(device_key_of(settings, may_make=False).public_key())
    except KeyFileError:
        return problem, True, None


def _seal_of(file: Path) -> Path:
    return file.with_name(file.name + SUFFIX)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        _fail(f"{path}: {error.strerror}", EXIT_USAGE)


def _version() -> str:
    try:
        return version("branchline")
    except PackageNotFoundError:
        return "0+checkout"


def _fail(message: str, code: int) -> NoReturn:
    err.print(f"branchline: {message}", style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)
