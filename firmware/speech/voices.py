"""From [speech] in the settings to engines: what is asked for, what is there, and who therefore speaks."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import structlog

from audio.errors import AudioError
from audio.models import ModelShelf, default_models_folder
from audio.speech.engine_process import EngineProcess
from audio.speech.espeak import EspeakSynthesizer
from audio.speech.recorded import RecordedVoice, Recordings, look_through
from audio.speech.synthesis import Synthesizer
from audio.speech.voices import Voices
from firmware.settings_sections import SpeechSection, VoiceSection

log = structlog.get_logger()

KOKORO, PIPER = "kokoro-82m-int8", "piper-joe"
KOKORO_VERSION, PIPER_VERSION = "kokoro-82m-int8-1", "piper-joe-1"
"""Changes when clips of before must not stand in for those of now: another model or another way of reading."""
LEAST_MEMORY_BYTES = 1_300_000_000
"""Kokoro takes 540 MB; a machine with less than this in all has calls to run instead."""
STANDARD_VOICES = {"en": "af_heart", "zh": "zf_xiaoxiao"}


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceReport:
    """Who speaks one language, for `branchline check` and the log."""

    language: str
    speaking: tuple[str, ...]
    """Engines that are there, in order."""
    missing: tuple[tuple[str, str], ...]
    """Engines that are asked for and not there, each with what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxVoices:
    """The engines of this box and what is to be said about them."""

    voices: Voices
    reports: tuple[VoiceReport, ...]
    recordings: Recordings | None
    recordings_fault: str = ""

    def warn(self) -> None:
        """Say once what is missing, to whoever reads the log."""
        for report in self.reports:
            for engine, why in report.missing:
                log.warning(
                    "speech_engine_missing",
                    language=report.language,
                    engine=engine,
                    reason=why,
                    then=report.speaking[0] if report.speaking else "nobody",
                )
        if self.recordings_fault:
            log.warning("recordings_not_used", reason=self.recordings_fault)
        elif self.recordings is not None and self.recordings.unbound:
            log.warning("recordings_without_text", n=len(self.recordings.unbound))

    def close(self) -> None:
        """End the speech processes."""
        for engines in self.voices.by_language.values():
            for engine in engines:
                if isinstance(engine, EngineProcess):
                    engine.close()


def voices_of_box(section: SpeechSection, *, words_per_minute: int = 175) -> BoxVoices:
    """Return the engines that `section` asks for and this machine has. Starts none of them."""
    shelf = ModelShelf(Path(section.models_dir) if section.models_dir else default_models_folder())
    recordings, fault = _recordings(section)
    recorded: Sequence[Synthesizer] = [RecordedVoice(recordings)] if recordings is not None else []
    espeak: Synthesizer = EspeakSynthesizer(words_per_minute=words_per_minute)
    wishes = {"en": section.en, "zh": section.zh}
    # One process for both languages: it holds half a gigabyte.
    kokoro_voices = {
        language: _voice(language, wanted)
        for language, wanted in wishes.items()
        if "kokoro" in wanted.engines and not _why_not("kokoro", language, wanted, shelf)
    }
    engines: dict[str, Synthesizer] = {
        "espeak": espeak,
        "kokoro": _kokoro(kokoro_voices, shelf),
        "piper": _piper(shelf),
    }
    by_language: dict[str, tuple[Synthesizer, ...]] = {}
    reports = []
    for language, wanted in wishes.items():
        found: list[Synthesizer] = list(recorded)
        names = ["recordings"] if recorded else []
        missing = []
        for engine in wanted.engines:
            why = _why_not(engine, language, wanted, shelf)
            if why:
                missing.append((engine, why))
                continue
            names.append(engine)
            found.append(engines[engine])
        by_language[language] = tuple(found)
        reports.append(VoiceReport(language=language, speaking=tuple(names), missing=tuple(missing)))
    return BoxVoices(
        voices=Voices(by_language), reports=tuple(reports), recordings=recordings, recordings_fault=fault
    )


def _recordings(section: SpeechSection) -> tuple[Recordings | None, str]:
    if not section.recordings_dir:
        return None, ""
    folder = Path(section.recordings_dir)
    if not folder.is_dir():
        return None, f"{folder}: no such folder; [speech] recordings_dir names it"
    try:
        return look_through(folder), ""
    except AudioError as error:
        return None, str(error)


def _why_not(engine: str, language: str, wanted: VoiceSection, shelf: ModelShelf) -> str:
    """Return why an engine cannot speak here and what to do, nothing when it can."""
    if engine == "espeak":
        return "" if shutil.which("espeak-ng") else "apt-get install espeak-ng"
    model = shelf.model(KOKORO if engine == "kokoro" else PIPER)
    if language not in model.languages:
        return f"{engine} has no voice for {language}: take it out of [speech.{language}] engines"
    if shelf.find(model.id) is None:
        return f"its model is not in {shelf.folder}: branchline models fetch {model.id}"
    if lacking := [name for name in model.runtime if find_spec(name) is None]:
        return f"it needs {', '.join(lacking)}: branchline models fetch {model.id}"
    if engine == "kokoro":
        voice = _voice(language, wanted)
        if not (shelf.path(model.id) / "voices" / f"{voice}.bin").is_file():
            return f"there is no voice {voice!r}: see docs/speech.md for those there are"
        if _memory_bytes() < LEAST_MEMORY_BYTES:
            return "this machine has too little memory for it"
    return ""


def _kokoro(voices: Mapping[str, str], shelf: ModelShelf) -> EngineProcess:
    chosen = ",".join(f"{language}={voice}" for language, voice in sorted(voices.items()))
    return EngineProcess(["kokoro", str(shelf.path(KOKORO)), chosen], name=f"{KOKORO_VERSION}-{chosen}")


def _piper(shelf: ModelShelf) -> EngineProcess:
    return EngineProcess(["piper", str(shelf.path(PIPER)), "voice"], name=PIPER_VERSION)


def _voice(language: str, wanted: VoiceSection) -> str:
    return wanted.voice or STANDARD_VOICES[language]


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
