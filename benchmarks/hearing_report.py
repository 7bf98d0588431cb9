"""Measure all that the box hears and write one page of it: `python -m benchmarks.hearing_report --out DIR`.

Who answered (confusion matrices, decision times, beside Asterisk's algorithm), keys with every fault (beside spandsp),
call-progress tones, and speech that must be neither. It takes the sets that lie in the repository and what Debian
packages are there (asterisk-core-sounds-*-wav, espeak-ng, flite, festival, sox, libspandsp2); --bank and --models add
neural voices and Whisper, --speech further folders of speech. What is not there, or what no time was left for, stands
at the top of the page. DIR gets index.html, the pictures as PNG and report.json. Needs matplotlib (the extra `report`).
"""

import importlib.util
import json
import multiprocessing
import os
import platform
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from subprocess import SubprocessError
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from audio.errors import AudioError
from benchmarks.hearing_page import Section, page
from benchmarks.hearing_parts import PARTS, Asked

EXIT_USAGE = 2
Folder = typer.Option(file_okay=False, exists=True)


def main(
    out: Annotated[Path, typer.Option(help="Where the page and its pictures go.")] = Path(
        "build/hearing-report"
    ),
    *,
    quick: Annotated[bool, typer.Option(help="A little of each part, in seconds: does it run?")] = False,
    limit_minutes: Annotated[float, typer.Option(help="No set is begun after so long.", min=0.1)] = 40.0,
    jobs: Annotated[int, typer.Option(help="Worker processes.", min=1, max=64)] = 2,
    words: Annotated[bool, typer.Option(help="Also have what is said written down, as a call does.")] = True,
    bank: Annotated[Path | None, Folder] = None,
    models: Annotated[Path | None, Folder] = None,
    speech: Annotated[list[Path] | None, Folder] = None,
) -> None:
    """Measure all that the box hears and write one page of it."""
    if importlib.util.find_spec("matplotlib") is None:
        typer.echo("the pictures need matplotlib: pip install 'branchline[report]', or pip install matplotlib", err=True)  # fmt: skip
        raise typer.Exit(EXIT_USAGE)
    out.mkdir(parents=True, exist_ok=True)
    # Each worker is one thread, or two would wait for each other on two cores.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    began_s = time.monotonic()
    sections: list[Section] = []
    figures: dict[str, Any] = {}
    left_out: list[str] = []
    columns = (
        TextColumn("{task.description:60.60}"),
        BarColumn(),
        TextColumn("{task.completed}"),
        TimeElapsedColumn(),
    )
    with (
        Progress(*columns) as shown,
        ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as workers,
    ):
        task = shown.add_task("starting")

        def tick(what: str, n: int, of: int) -> None:
            shown.update(task, description=what, completed=n, total=of or None)
            if n == of and not shown.console.is_terminal:  # a log has no bar
                typer.echo(f"{time.monotonic() - began_s:6.0f} s  {what}: {n}", err=True)

        asked = Asked(
            out=out,
            workers=workers,
            tick=tick,
            is_late=lambda: time.monotonic() - began_s > limit_minutes * 60,
            bank=bank,
            models=models,
            speech=tuple(speech or ()),
            words=words and not quick,
            quick=quick,
        )
        for name, part in PARTS:
            if asked.is_late():
                left_out.append(f"{name}: no time was left of {limit_minutes:g} minutes")
                continue
            try:
                done = part(asked)
            except (OSError, SubprocessError, AudioError) as error:
                left_out.append(
                    f"{name}: {error}; it needs Debian's sox, libsox-fmt-base, libspandsp2 and espeak-ng"
                )
                continue
            left_out += done.left_out
            if done.section is not None:
                sections.append(done.section)
            figures[name] = done.figures
            # A run that breaks off leaves what it has.
            _write(out, sections, figures, left_out, time.monotonic() - began_s)
    _write(out, sections, figures, left_out, time.monotonic() - began_s)
    typer.echo(
        f"{out / 'index.html'}: {len(sections)} parts in {(time.monotonic() - began_s) / 60:.1f} minutes"
    )


def _write(
    out: Path, sections: list[Section], figures: dict[str, Any], left_out: list[str], spent_s: float
) -> None:
    summary = (
        f"Made by benchmarks.hearing_report on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC in {spent_s / 60:.1f} minutes on "
        f"{os.cpu_count()} cores ({platform.machine()}, Python {platform.python_version()})."
    )
    (out / "index.html").write_text(page(sections[::-1], summary, left_out), encoding="utf-8")
    (out / "report.json").write_text(json.dumps(figures, ensure_ascii=False, indent=1), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
