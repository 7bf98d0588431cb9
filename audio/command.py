"""The `audio` commands: a call's own ears on recorded files. Mounted by `branchline`."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from audio import classify_command, ports_command, transcribe_command
from audio.call_audio import CallAudio
from audio.channel_option import Channel
from audio.dsp.progress_tones import COUNTRIES
from audio.errors import AudioError
from audio.events import (
    AudioEvent,
    BeepHeard,
    DigitHeard,
    FaxHeard,
    LineFaultCleared,
    LineFaultRaised,
    ProgressHeard,
    SitHeard,
)
from audio.frame import Clip, clip_duration_ms
from audio.sound_file import frames_of, load_sound

audio_app = typer.Typer(
    help="A call's own ears on recorded files: 8 or 16 kHz WAV, FLAC, or raw mu-law.", no_args_is_help=True
)

classify_command.register(audio_app)
transcribe_command.register(audio_app)
ports_command.register(audio_app)

Files = Annotated[
    list[Path],
    typer.Argument(
        help="Recordings: WAV or FLAC of any rate, raw mu-law (.ul, .raw), A-law (.al).",
        metavar="FILE...",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
out = Console(markup=False)
"""File names may hold brackets."""
err = Console(stderr=True)

EXIT_UNREADABLE = 1
EXIT_USAGE = 2


@audio_app.command()
def tones(
    files: Files,
    *,
    country: Annotated[
        list[str] | None,
        typer.Option(
            help="Hear the call-progress tones of this country only (may be repeated).", metavar="CN"
        ),
    ] = None,
    channel: Channel = 1,
    as_json: AsJson = False,
) -> None:
    """Say which call-progress, information, fax and beep tones the files hold, and what is wrong with their sound."""
    countries = tuple(code.upper() for code in country) if country else COUNTRIES
    if unknown := sorted(set(countries) - set(COUNTRIES)):
        _complain(f"no tones are known for {', '.join(unknown)}; known are {', '.join(COUNTRIES)}")
        raise typer.Exit(EXIT_USAGE)
    rows: list[dict[str, Any]] = []
    for path, sound in _read(files, channel, rows):
        heard = []
        for told_ms, event in heard_by_a_call(sound, countries):
            if (row := _tone_row(event)) is not None:
                heard.append({"at_ms": row.pop("at_ms"), "told_ms": told_ms, **row})
        rows.append({"file": str(path), "duration_ms": clip_duration_ms([sound]), "heard": heard})
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=1))
    else:
        table = Table("file", "at s", "told s", "what", "which")
        for row in rows:
            for number, one in enumerate(row.get("heard") or [{}]):
                table.add_row(*_cells(row if number == 0 else {"file": ""}, one))
        out.print(table)
    _exit(rows)


@audio_app.command()
def dtmf(files: Files, *, channel: Channel = 1, as_json: AsJson = False) -> None:
    """Say which keys are pressed in the files, with where and how long."""
    rows: list[dict[str, Any]] = []
    for path, sound in _read(files, channel, rows):
        presses = [event for _, event in heard_by_a_call(sound) if isinstance(event, DigitHeard)]
        rows.append(
            {
                "file": str(path),
                "duration_ms": clip_duration_ms([sound]),
                "digits": "".join(press.digit for press in presses),
                "presses": [
                    {"digit": press.digit, "at_ms": press.at_ms, "duration_ms": press.duration_ms}
                    for press in presses
                ],
            }
        )
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=1))
    else:
        table = Table("file", "keys")
        for row in rows:
            table.add_row(row["file"], row.get("digits", row.get("error", "")))
        out.print(table)
    _exit(rows)


def heard_by_a_call(sound: Clip, countries: tuple[str, ...] = COUNTRIES) -> Iterable[tuple[int, AudioEvent]]:
    """Yield what a call would tell of this sound, with the moment when it would."""
    call = CallAudio(countries=countries)
    for frame in frames_of(sound):
        _, events = call.process(frame)
        for event in events:
            yield call.now_ms, event
    for event in call.finish():
        yield call.now_ms, event


def _read(files: list[Path], channel: int, rows: list[dict[str, Any]]) -> Iterable[tuple[Path, Clip]]:
    """Yield what can be read; tell of the rest in `rows`."""
    for path in files:
        try:
            yield path, load_sound(path, channel)
        except AudioError as error:
            rows.append({"file": str(path), "error": str(error)})


def _tone_row(event: AudioEvent) -> dict[str, Any] | None:
    match event:
        case ProgressHeard():
            return {
                "at_ms": event.at_ms,
                "kind": "progress",
                "tone": event.tone.value,
                "countries": list(event.countries),
                "others": [tone.value for tone in event.others],
                "frequency_hz": round(event.frequency_hz, 1),
            }
        case SitHeard():
            return {"at_ms": event.at_ms, "kind": "sit", "code": event.code.value}
        case FaxHeard():
            return {"at_ms": event.at_ms, "kind": "fax", "tone": event.tone.value}
        case BeepHeard():
            return {"at_ms": event.at_ms, "kind": "beep", "frequency_hz": round(event.frequency_hz, 1)}
        case LineFaultRaised():
            return {"at_ms": event.at_ms, "kind": "fault", "fault": event.fault.value, "is_raised": True}
        case LineFaultCleared():
            return {"at_ms": event.at_ms, "kind": "fault", "fault": event.fault.value, "is_raised": False}
        case _:
            return None


def _cells(row: dict[str, Any], one: dict[str, Any]) -> tuple[str, str, str, str, str]:
    if not one:
        return row["file"], "", "", row.get("error", "nothing"), ""
    which = str(one.get("tone") or one.get("code") or one.get("fault") or f"{one.get('frequency_hz')} Hz")
    if one["kind"] == "fault" and not one["is_raised"]:
        which += " is over"
    if one.get("countries"):
        which += f" ({', '.join(one['countries'])})"
    return row["file"], f"{one['at_ms'] / 1000:.2f}", f"{one['told_ms'] / 1000:.2f}", one["kind"], which


def _exit(rows: list[dict[str, Any]]) -> None:
    """End with a failure if a file could not be read, having said so."""
    errors = [row["error"] for row in rows if "error" in row]
    for error in errors:
        _complain(error)
    if errors:
        raise typer.Exit(EXIT_UNREADABLE)


def _complain(text: str) -> None:
    err.print(f"branchline: {text}", style="red", markup=False, highlight=False, soft_wrap=True)
