"""The `audio classify` command: who answered, by the very code of a call, on recordings that begin at answer."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from audio.call_audio import CallAudio
from audio.errors import AudioError
from audio.events import AnswerClassified
from audio.frame import Clip, clip_duration_ms
from audio.sound_file import frames_of, load_sound

EXIT_UNREADABLE = 1

Files = Annotated[
    list[Path],
    typer.Argument(
        help="Recordings that begin at answer: WAV or FLAC of any rate, raw mu-law (.ul, .raw), A-law (.al).",
        metavar="FILE...",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command to the `audio` commands."""
    app.command("classify")(classify)


def classify(
    files: Files,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Say who answered and when that was decided.

    The classes: human, machine, carrier_announcement (with its subject where the words can be told: busy, switched_off,
    vacant, suspended, no_coverage, unreachable, no_answer, restricted, congested), screening_assistant, fax, silence.
    """
    rows = [_row(path) for path in files]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=1))
    else:
        table = Table("file", "class", "decision ms", "confidence", "why", "first thought")
        for row in rows:
            if "error" not in row:
                first = row["verdicts"][0]
                table.add_row(
                    row["file"],
                    row["class"] + (f" ({row['subject']})" if row["subject"] else ""),
                    str(row["decision_ms"]),
                    f"{row['confidence']:.2f}",
                    row["reason"],
                    f"{first['class']} at {first['decision_ms']} ms",
                )
        Console().print(table)
    errors = [row["error"] for row in rows if "error" in row]
    for error in errors:
        Console(stderr=True).print(
            f"branchline: {error}", style="red", markup=False, highlight=False, soft_wrap=True
        )
    if errors:
        raise typer.Exit(EXIT_UNREADABLE)


def classify_sound(sound: Clip) -> list[AnswerClassified]:
    """Return every verdict that a call would give on this sound; there is at least one."""
    call = CallAudio()
    told = [event for frame in frames_of(sound) for event in call.process(frame)[1]]
    told += call.finish()
    return [event for event in told if isinstance(event, AnswerClassified)]


def standing(verdicts: list[AnswerClassified]) -> AnswerClassified:
    """Return the verdict that first named the class which stands at the end."""
    place = len(verdicts) - 1
    while place and verdicts[place - 1].answer is verdicts[-1].answer:
        place -= 1
    return verdicts[place]


def _row(path: Path) -> dict[str, Any]:
    try:
        sound = load_sound(path)
    except AudioError as error:
        return {"file": str(path), "error": str(error)}
    verdicts = classify_sound(sound)
    decided, last = standing(verdicts), verdicts[-1]
    return {
        "file": str(path),
        "duration_ms": clip_duration_ms([sound]),
        "class": last.answer.value,
        "subject": last.subject,
        "decision_ms": decided.at_ms,
        "confidence": last.confidence,
        "reason": last.reason,
        "features": last.features.as_dict(),
        "verdicts": [
            {
                "class": one.answer.value,
                "subject": one.subject,
                "decision_ms": one.at_ms,
                "confidence": one.confidence,
                "reason": one.reason,
            }
            for one in verdicts
        ],
    }
