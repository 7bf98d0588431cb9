"""The `audio transcribe` command: what is said in recordings, by the very code of a call."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from audio.call_audio import CallAudio
from audio.channel_option import Channel
from audio.dsp.endpointer import Patience
from audio.errors import AudioError, RecogniserError
from audio.events import UtteranceHeard
from audio.frame import Clip, clip_duration_ms, frame_from_bytes, freeze
from audio.listening.common_answers import COMMON_ANSWERS
from audio.listening.engines import LANGUAGES, EngineChain, how_to_install, load_engines
from audio.listening.recogniser import MAX_EXPECTED, MAX_PHRASE_CHARS, Recognised, primary
from audio.listening.silero import speech_maker
from audio.models import default_models_folder
from audio.orders import Listen
from audio.sound_file import frames_of, load_sound

EXIT_UNREADABLE = 1
EXIT_USAGE = 2

Files = Annotated[
    list[Path],
    typer.Argument(
        help="Recordings of one side of a call: WAV or FLAC of any rate, raw mu-law (.ul, .raw), A-law (.al).",
        metavar="FILE...",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command to the `audio` commands."""
    app.command("transcribe")(transcribe)


def transcribe(
    files: Files,
    *,
    language: Annotated[str, typer.Option(help="What is spoken: zh or en.", metavar="zh|en")],
    expect: Annotated[
        list[str] | None,
        typer.Option(
            help="A likely answer (may be repeated); without any, the commonest ones.", metavar="PHRASE"
        ),
    ] = None,
    patience: Annotated[
        Patience, typer.Option(help="What kind of answer is waited for: decides how long a pause may be.")
    ] = Patience.OPEN,
    models: Annotated[
        Path | None,
        typer.Option(
            help="Folder with recogniser models [default: where `models fetch` puts them].", metavar="FOLDER"
        ),
    ] = None,
    speech: Annotated[
        str, typer.Option(help="Judge of what is speech: auto, silero or plain.", metavar="NAME")
    ] = "auto",
    channel: Channel = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Print what is said in the files: each utterance with its times, text and confidence."""
    expected = tuple(expect or COMMON_ANSWERS.get(primary(language), ()))
    if primary(language) not in LANGUAGES:
        _fail(f"recordings in {' or '.join(LANGUAGES)} can be transcribed, not in {language!r}")
    if len(expected) > MAX_EXPECTED or any(not 0 < len(one) <= MAX_PHRASE_CHARS for one in expected):
        _fail(f"--expect takes up to {MAX_EXPECTED} phrases of up to {MAX_PHRASE_CHARS} characters")
    if models is not None and not models.is_dir():
        _fail(f"{models} is no folder; name the folder with the models by --models")
    chain = _quietly(lambda: load_engines(models or default_models_folder()))
    if not chain.hears(language, expected):
        reasons = f" ({'; '.join(chain.missing)})" if chain.missing else ""
        _fail(f"no recogniser for {language}: {how_to_install(primary(language))}{reasons}")
    if not chain.hears(language, ()):
        _complain(
            "only the recogniser of short answers is installed: it knows what --expect names, or the commonest answers; "
            "for everything else: branchline models fetch whisper-base"
        )
    try:
        make_speech = speech_maker(speech)
    except RecogniserError as error:
        _fail(str(error))
    rows: list[dict[str, Any]] = []
    for path in files:
        try:
            sound = load_sound(path, channel)
        except AudioError as error:
            rows.append({"file": str(path), "error": str(error)})
            continue
        call = CallAudio(speech=make_speech(), listens=True)
        call.order(Listen(patience=patience))
        row: dict[str, Any] = {"file": str(path), "duration_ms": clip_duration_ms([sound]), "utterances": []}
        rows.append(row)
        for event in utterances_of(sound, call):
            try:
                found = chain.transcribe(freeze(frame_from_bytes(event.pcm)), language, expected)
            except (AudioError, RuntimeError) as error:
                row["error"] = f"{path.name}: not recognised at {event.at_ms / 1000:.2f} s ({error})"
                break
            row["utterances"].append(_row(event, found))
    _print(rows, as_json=as_json)


def utterances_of(sound: Clip, call: CallAudio) -> list[UtteranceHeard]:
    """Return the utterances that a call would cut out of this sound."""
    told = [event for frame in frames_of(sound) for event in call.process(frame)[1]]
    told += call.finish()
    return [event for event in told if isinstance(event, UtteranceHeard)]


def _row(event: UtteranceHeard, found: Recognised) -> dict[str, Any]:
    return {
        "start_ms": event.at_ms - event.duration_ms,
        "end_ms": event.at_ms,
        "text": found.text,
        "confidence": round(found.confidence, 3),
        "engine": found.engine,
        "alternatives": [
            {"text": one.text, "confidence": round(one.confidence, 3)} for one in found.alternatives
        ],
    }


def _print(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=1))
    else:
        table = Table("file", "from s", "to s", "text", "confidence", "by")
        for row in rows:
            name = row["file"]
            for one in row.get("utterances", []):
                table.add_row(
                    name,
                    f"{one['start_ms'] / 1000:.2f}",
                    f"{one['end_ms'] / 1000:.2f}",
                    one["text"] or "(not understood)",
                    f"{one['confidence']:.2f}",
                    one["engine"],
                )
                name = ""
            if name:
                table.add_row(name, "", "", row.get("error", "(nobody speaks)"), "", "")
        Console(markup=False).print(table)
    errors = [row["error"] for row in rows if "error" in row]
    for error in errors:
        _complain(error)
    if errors:
        raise typer.Exit(EXIT_UNREADABLE)


def _quietly(load: Callable[[], EngineChain]) -> EngineChain:
    """Load the engines without what their libraries print."""
    sys.stderr.flush()
    kept, sink = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 2)
    try:
        return load()
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(sink)


def _fail(text: str) -> NoReturn:
    _complain(text)
    raise typer.Exit(EXIT_USAGE)


def _complain(text: str) -> None:
    Console(stderr=True).print(
        f"branchline: {text}", style="red", markup=False, highlight=False, soft_wrap=True
    )
