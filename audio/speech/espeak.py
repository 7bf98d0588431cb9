"""Speak with espeak-ng: English passably, Mandarin as a stand-in for recorded prompts."""

import io
import subprocess

import soundfile

from audio.errors import SynthesisError
from audio.frame import Clip
from audio.speech.synthesis import to_prompt

RENDER_TIMEOUT_S = 30.0
MAX_TEXT_CHARS = 2000
_VOICES = {"zh": "cmn", "en": "en"}
"""Primary language subtag to espeak-ng voice."""


class EspeakSynthesizer:
    """Renders by one espeak-ng process a phrase, the text on its standard input where no process list shows it."""

    def __init__(self, *, program: str = "espeak-ng", words_per_minute: int = 175) -> None:
        self._program = program
        self._words_per_minute = words_per_minute
        self._version = ""

    @property
    def name(self) -> str:
        """Engine, version and speed. Raises SynthesisError when espeak-ng does not run."""
        if not self._version:
            words = self._run(["--version"], "").decode(errors="replace").split()
            self._version = next((word for word in words if word[0].isdigit()), "unknown")
        return f"espeak-ng-{self._version}-{self._words_per_minute}"

    def render(self, text: str, language: str) -> Clip:
        """Return `text` spoken. Raises SynthesisError."""
        voice = _VOICES.get(language.split("-", maxsplit=1)[0].lower())
        if voice is None:
            raise SynthesisError(f"espeak-ng is set up for {' and '.join(_VOICES)}, not for {language!r}")
        if not text.strip() or len(text) > MAX_TEXT_CHARS or "\0" in text:
            raise SynthesisError(
                f"a phrase of 1 to {MAX_TEXT_CHARS} characters can be spoken, not one of {len(text)}"
            )
        # -b 1: the text is UTF-8. No -m: markup in a name is read out, never obeyed.
        wav = self._run(
            ["-v", voice, "-s", str(self._words_per_minute), "-b", "1", "--stdin", "--stdout"], text
        )
        try:
            # espeak-ng streams, so its header does not know the length; libsndfile takes what is there.
            samples, rate_hz = soundfile.read(io.BytesIO(wav), dtype="float32")
        except soundfile.LibsndfileError as error:
            raise SynthesisError(
                "espeak-ng gave no sound: is its data for this language installed?"
            ) from error
        if samples.ndim != 1 or not samples.any():
            raise SynthesisError(
                "espeak-ng spoke only silence: the phrase has nothing that this voice can say"
            )
        return to_prompt(samples, rate_hz)

    def _run(self, arguments: list[str], text: str) -> bytes:
        try:
            done = subprocess.run(
                [self._program, *arguments],
                input=text.encode(),
                capture_output=True,
                timeout=RENDER_TIMEOUT_S,
                check=False,
            )
        except FileNotFoundError:
            raise SynthesisError("espeak-ng is not installed: apt-get install espeak-ng") from None
        except subprocess.TimeoutExpired:
            # `from None`: the exception behind it holds the text.
            raise SynthesisError(f"espeak-ng did not finish within {RENDER_TIMEOUT_S:.0f} s") from None
        except OSError as error:
            raise SynthesisError(f"espeak-ng does not start: {error.strerror}") from None
        if done.returncode != 0:
            raise SynthesisError(f"espeak-ng failed with status {done.returncode}: reinstall espeak-ng-data")
        return done.stdout
