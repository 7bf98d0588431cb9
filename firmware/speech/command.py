"""The `speech` commands: hear what the box would say, and what to record instead. Mounted by `branchline`."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import soundfile
import typer
from rich.console import Console

from audio.errors import NotRecordedError, SynthesisError
from audio.frame import NARROWBAND
from firmware.dialogue.errors import FlowRefusedError
from firmware.dialogue.flow import Flow
from firmware.dialogue.loader import load_flow
from firmware.dialogue.speaking import LANGUAGES, in_words
from firmware.dialogue.template import Words
from firmware.settings import SettingsError, load_settings
from firmware.settings_sections import SpeechSection, VoiceSection
from firmware.speech.voices import voices_of_box

speech_app = typer.Typer(help="Hear what the box would say, and what to record.", no_args_is_help=True)
out = Console()
err = Console(stderr=True)
EXIT_FAILED = 1
EXIT_USAGE = 2
ENGINES = ("kokoro", "piper", "espeak")


@speech_app.command()
def say(
    text: Annotated[str, typer.Argument(help="What to say.")],
    language: Annotated[str, typer.Option(help=f"One of {', '.join(LANGUAGES)}.")] = "en",
    file: Annotated[Path, typer.Option("--out", help="The WAV to write.", metavar="FILE")] = Path("said.wav"),
    config: Annotated[
        Path | None,
        typer.Option("--config", help="The box's settings, for its speech section.", metavar="FILE"),
    ] = None,
    engine: Annotated[
        str | None, typer.Option(help=f"Only this engine: {', '.join(ENGINES)}.", metavar="ENGINE")
    ] = None,
) -> None:
    """Say a text as a call would and write it as a WAV: 8 kHz, at the level of a prompt."""
    if language not in LANGUAGES:
        _fail(f"no voice for {language!r}: there are {', '.join(LANGUAGES)}", EXIT_USAGE)
    if engine is not None and engine not in ENGINES:
        _fail(f"no engine {engine!r}: there are {', '.join(ENGINES)}", EXIT_USAGE)
    section = _section(config)
    if engine is not None:
        only = VoiceSection(engines=[engine])  # type: ignore[list-item]
        section = SpeechSection(models_dir=section.models_dir, en=only, zh=only)
    box = voices_of_box(section)
    for report in box.reports:
        if language.startswith(report.language):
            for missing, why in report.missing:
                err.print(f"no {missing}: {why}", markup=False, highlight=False, soft_wrap=True)
    words = in_words(text, language)
    try:
        for speaker in box.voices.of(language):
            began_s = time.monotonic()
            try:
                clip = speaker.render(words, language)
            except NotRecordedError:
                continue
            except SynthesisError as error:
                err.print(str(error), markup=False, highlight=False, soft_wrap=True)
                continue
            took_s = time.monotonic() - began_s
            soundfile.write(file, clip, NARROWBAND.rate_hz, subtype="PCM_16")
            seconds = len(clip) / NARROWBAND.rate_hz
            out.print(f"{file}: {seconds:.1f} s by {speaker.name}, rendered in {took_s:.1f} s", markup=False)
            return
    except (OSError, soundfile.LibsndfileError) as error:
        _fail(f"{file}: {error}", EXIT_FAILED)
    finally:
        box.close()
    _fail("no engine could say it", EXIT_FAILED)


@speech_app.command()
def script(
    flow_file: Annotated[Path, typer.Argument(help="A flow, YAML.", metavar="FLOW")],
    folder: Annotated[Path, typer.Option(help="Where the recordings are to be.", metavar="DIR")],
) -> None:
    """Write what to record: one text a clip, beside which its WAV belongs. Texts that are there already stay."""
    try:
        flow = load_flow(flow_file.read_text(encoding="utf-8"), source=str(flow_file))
    except OSError as error:
        _fail(f"{flow_file}: {error.strerror}", EXIT_FAILED)
    except FlowRefusedError as error:
        _fail(str(error), EXIT_FAILED)
    n_written = n_there = 0
    try:
        for name, words in clips_to_record(flow):
            path = folder / name
            if path.is_file() and path.read_text(encoding="utf-8").strip() == words:
                n_there += 1
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(words + "\n", encoding="utf-8")
            n_written += 1
    except OSError as error:
        _fail(f"{folder}: {error.strerror}", EXIT_FAILED)
    out.print(
        f"{folder}: {n_written} texts written, {n_there} were there; record NAME.wav beside each NAME.txt, "
        "then name the folder in [speech] recordings_dir",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def clips_to_record(flow: Flow) -> Iterator[tuple[str, str]]:
    """Yield (file name, words) of every clip that is alike for all contacts, a prompt's first clip under its id."""
    for language in flow.languages:
        for prompt in flow.prompts.values():
            phrases = prompt.texts[language].phrases(flow.late)
            for number, phrase in enumerate(phrases, 1):
                if all(isinstance(part, Words) for part in phrase):
                    literal = "".join(part.text for part in phrase if isinstance(part, Words))
                    which = "" if len(phrases) == 1 else f".{number}"
                    words = in_words(" ".join(literal.split()), language)
                    yield f"{language}/{flow.name}/{prompt.id}{which}.txt", words


def _section(config: Path | None) -> SpeechSection:
    if config is None:
        return SpeechSection()
    try:
        return load_settings(config).speech
    except SettingsError as error:
        _fail(str(error), EXIT_USAGE)
        raise


def _fail(text: str, code: int) -> None:
    err.print(f"branchline: {text}", style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)
