"""The `audio classify` command: who answered, by the very code of a call, on recordings that begin at answer."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from audio.call_audio import CallAudio
from audio.channel_option import Channel
from audio.errors import AudioError
from audio.events import AnswerClassified, AnswerSpeechHeard, AudioEvent
from audio.frame import Clip, clip_duration_ms, frame_from_bytes, freeze
from audio.listening.answer_ear import ANSWER_TAG, ANY_LANGUAGE, written
from audio.listening.engines import EngineChain, load_engines
from audio.listening.recogniser import Recogniser
from audio.models import default_models_folder
from audio.orders import AnswerText
from audio.sound_file import frames_of, load_sound

EXIT_UNREADABLE = 1
EXIT_USAGE = 2
WORDS_TAKE = 0.25
"""Of their own length: how much later words are known in a call. It is about a tenth, and twice that in both languages."""

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
    language: Annotated[
        str,
        typer.Option(help="What is likely spoken, en or zh; without it both are tried.", metavar="LANGUAGE"),
    ] = ANY_LANGUAGE,
    words: Annotated[
        bool,
        typer.Option("--words/--no-words", help="Also have what is said written down by the recognisers."),
    ] = True,
    channel: Channel = 1,
    models: Annotated[
        Path | None,
        typer.Option(
            help="Folder with recogniser models [default: where `models fetch` puts them].", metavar="FOLDER"
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Say who answered and when that was decided.

    The classes: human, machine, carrier_announcement (with its subject where the words can be told: busy, switched_off,
    vacant, suspended, no_coverage, unreachable, no_answer, restricted, congested), screening_assistant, fax, silence.
    """
    if language not in ("en", "zh", ANY_LANGUAGE):
        _complain(f"--language {language}: en or zh")
        raise typer.Exit(EXIT_USAGE)
    if models is not None and not models.is_dir():
        _complain(f"{models} is no folder; name the folder with the models by --models")
        raise typer.Exit(EXIT_USAGE)
    ear: EngineChain | None = None
    if words:
        ear = load_engines(models or default_models_folder(), only_answers=True)
        for missing in ear.missing:
            _complain(f"words are heard less well: {missing}")
    rows = [_row(path, ear, language, channel) for path in files]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=1))
    else:
        table = Table("file", "class", "decision ms", "confidence", "why", "first thought")
        for row in rows:
            if "error" not in row:
                first = row["verdicts"][0]
                why = ", ".join([row["reason"], *(f"\u201c{cue}\u201d" for cue in row["cues"])])
                table.add_row(
                    row["file"],
                    row["class"] + (f" ({row['subject']})" if row["subject"] else ""),
                    str(row["decision_ms"]),
                    f"{row['confidence']:.2f}",
                    why,
                    f"{first['class']} at {first['decision_ms']} ms",
                )
        Console(markup=False).print(table)
    errors = [row["error"] for row in rows if "error" in row]
    for error in errors:
        _complain(error)
    if errors:
        raise typer.Exit(EXIT_UNREADABLE)


def _complain(text: str) -> None:
    Console(stderr=True).print(
        f"branchline: {text}", style="red", markup=False, highlight=False, soft_wrap=True
    )


def classify_sound(
    sound: Clip, ear: Recogniser | None = None, language: str = ANY_LANGUAGE
) -> list[AnswerClassified]:
    """Return every verdict that a call would give on this sound; there is at least one.

    With an `ear` words are written down and come back as late as they would in a call (`WORDS_TAKE`).
    """
    call = CallAudio(asks_words=ear is not None)
    told: list[AudioEvent] = []
    waiting: list[tuple[float, AnswerText]] = []

    def hear(events: list[AudioEvent]) -> None:
        told.extend(events)
        for event in events:
            if isinstance(event, AnswerSpeechHeard) and ear is not None:
                pcm = freeze(frame_from_bytes(event.pcm))
                found = ear.transcribe(pcm, language + ANSWER_TAG, ())
                due_ms = event.at_ms + WORDS_TAKE * clip_duration_ms([pcm])
                waiting.append((due_ms, AnswerText(part=event.part, written=written(found))))

    for frame in frames_of(sound):
        while waiting and waiting[0][0] <= call.now_ms:
            call.order(waiting.pop(0)[1])
        hear(call.process(frame)[1])
    hear(call.ask_rest())
    for _, text in waiting:
        call.order(text)
    told += call.finish()
    return [event for event in told if isinstance(event, AnswerClassified)]


def standing(verdicts: list[AnswerClassified]) -> AnswerClassified:
    """Return the verdict that first named the class which stands at the end."""
    place = len(verdicts) - 1
    while place and verdicts[place - 1].answer is verdicts[-1].answer:
        place -= 1
    return verdicts[place]


def _row(path: Path, ear: Recogniser | None, language: str, channel: int) -> dict[str, Any]:
    try:
        sound = load_sound(path, channel)
    except AudioError as error:
        return {"file": str(path), "error": str(error)}
    verdicts = classify_sound(sound, ear, language)
    decided, last = standing(verdicts), verdicts[-1]
    return {
        "file": str(path),
        "duration_ms": clip_duration_ms([sound]),
        "class": last.answer.value,
        "subject": last.subject,
        "decision_ms": decided.at_ms,
        "confidence": last.confidence,
        "reason": last.reason,
        "cues": list(last.cues),
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
