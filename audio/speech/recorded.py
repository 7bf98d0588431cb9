"""Speak with recordings: a WAV stands in for the words written in the text file beside it."""

import hashlib
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from audio.errors import NotRecordedError, PromptFileError, SynthesisError
from audio.frame import Clip
from audio.speech.prompt_file import load_wav_prompt

log = structlog.get_logger()

SOUND_SUFFIXES = (".wav", ".flac")
MOST_FILES = 5000
MAX_TEXT_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Recordings:
    """What lies in a folder of recordings."""

    by_words: dict[tuple[str, str], Path] = field(repr=False)
    """Sound file by language (its folder's name) and words."""
    unbound: tuple[Path, ...] = ()
    """Sounds with no text beside them: nobody can tell what they say, so they are never played."""
    unrecorded: int = 0
    """Texts with no sound beside them."""
    version: str = ""
    """Changes with any file."""


def look_through(folder: Path) -> Recordings:
    """Return the recordings in ``folder/LANGUAGE/**``: NAME.wav (or .flac) says what NAME.txt says. Raises PromptFileError."""
    by_words: dict[tuple[str, str], Path] = {}
    unbound: list[Path] = []
    digest = hashlib.sha256()
    try:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        if len(files) > MOST_FILES:
            raise PromptFileError(f"{folder}: more than {MOST_FILES} files; name a folder of recordings only")
        sounds = [path for path in files if path.suffix.lower() in SOUND_SUFFIXES]
        for sound in sounds:
            text = sound.with_suffix(".txt")
            language = sound.relative_to(folder).parts[0]
            if not text.is_file():
                unbound.append(sound)
                continue
            status = sound.stat()
            words = text.read_bytes()[:MAX_TEXT_BYTES].decode("utf-8-sig")
            digest.update(f"{sound}|{status.st_size}|{status.st_mtime_ns}|{words}\n".encode())
            by_words[language.lower(), bare(words)] = sound
    except (OSError, UnicodeDecodeError) as error:
        raise PromptFileError(f"{folder}: the recordings cannot be read: {error}") from None
    n_texts = sum(path.suffix.lower() == ".txt" for path in files)
    return Recordings(
        by_words=by_words,
        unbound=tuple(unbound),
        unrecorded=n_texts - (len(sounds) - len(unbound)),
        version=digest.hexdigest()[:16],
    )


class RecordedVoice:
    """Gives recordings for the words they say; everything else is for the next engine.

    A recording is bound to its words, not to a prompt's name: when a flow's wording changes, the old sound falls
    silent by itself, and what was checked is what is said.
    """

    def __init__(self, recordings: Recordings) -> None:
        self._recordings = recordings

    @property
    def name(self) -> str:
        """Changes with the files."""
        return f"recorded-{self._recordings.version}"

    def render(self, text: str, language: str) -> Clip:
        """Return the recording of `text`. Raises NotRecordedError, SynthesisError."""
        path = self._recordings.by_words.get((language.lower(), bare(text)))
        if path is None:
            raise NotRecordedError("there is no recording of this phrase")
        try:
            return load_wav_prompt(path)
        except PromptFileError as error:
            raise SynthesisError(str(error)) from None


def bare(text: str) -> str:
    """Return the words alone, as recordings are matched: no punctuation, spaces, case or width."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(character for character in folded if character.isalnum())
