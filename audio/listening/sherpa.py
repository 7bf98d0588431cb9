"""An operator's own sherpa-onnx model: any folder with its ONNX files and `tokens.txt`."""

from pathlib import Path
from typing import Any

import numpy as np

from audio.errors import RecogniserError
from audio.frame import FULL_SCALE, NARROWBAND, Clip
from audio.listening.recogniser import MAX_TEXT_CHARS, Recognised, nothing, primary

TRUST = 0.75
"""sherpa-onnx tells no confidence: the operator chose the model, so its word is taken."""
LANGUAGES_FILE = "languages.txt"
"""One language tag a line; without it the model is taken to hear Mandarin and English."""


def is_sherpa_folder(folder: Path) -> bool:
    """Say whether a folder holds a transducer, a Paraformer or a SenseVoice model."""
    return (folder / "tokens.txt").is_file() and _kind(folder) is not None


class SherpaRecogniser:
    """A model from a folder, by whichever of sherpa-onnx's offline recognisers its files belong to."""

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        """Load the model. Raises RecogniserError."""
        self.name = f"sherpa-{folder.name}"
        try:
            import sherpa_onnx
        except ImportError as error:
            raise RecogniserError(
                f"sherpa-onnx is not installed ({error}): pip install sherpa-onnx"
            ) from None
        self._languages = self.languages_of(folder)
        kind, tokens = _kind(folder), str(folder / "tokens.txt")
        offline = sherpa_onnx.OfflineRecognizer
        try:
            if kind == "transducer":
                self._recognizer: Any = offline.from_transducer(
                    encoder=_one(folder, "encoder*.onnx"),
                    decoder=_one(folder, "decoder*.onnx"),
                    joiner=_one(folder, "joiner*.onnx"),
                    tokens=tokens,
                    num_threads=threads,
                )
            elif kind == "sense_voice":
                self._recognizer = offline.from_sense_voice(
                    model=_one(folder, "*.onnx"), tokens=tokens, num_threads=threads, use_itn=False
                )
            else:
                self._recognizer = offline.from_paraformer(
                    paraformer=_one(folder, "*.onnx"), tokens=tokens, num_threads=threads
                )
        except (RuntimeError, ValueError, OSError) as error:
            raise RecogniserError(f"{folder}: sherpa-onnx does not load this model ({error})") from None

    @staticmethod
    def languages_of(folder: Path) -> tuple[str, ...]:
        """Return the languages a folder's model hears."""
        try:
            lines = (folder / LANGUAGES_FILE).read_text(encoding="utf-8").split()
        except OSError:
            return ("zh", "en")
        return tuple(primary(line) for line in lines)

    def hears(self, language: str, expected: tuple[str, ...]) -> bool:
        """Say whether the model is for this language."""
        del expected
        return primary(language) in self._languages

    def transcribe(self, pcm: Clip, language: str, expected: tuple[str, ...]) -> Recognised:
        """Return the model's text."""
        del language, expected
        stream = self._recognizer.create_stream()
        stream.accept_waveform(NARROWBAND.rate_hz, pcm.astype(np.float32) / FULL_SCALE)
        self._recognizer.decode_stream(stream)
        text = str(stream.result.text).strip()[:MAX_TEXT_CHARS]
        return Recognised(text=text, confidence=TRUST, engine=self.name) if text else nothing(self.name)


def _kind(folder: Path) -> str | None:
    if all(any(folder.glob(f"{part}*.onnx")) for part in ("encoder", "decoder", "joiner")):
        return "transducer"
    if any(folder.glob("*.onnx")):
        # A voice (VITS, Kokoro) has the same files: only the folder's name tells them apart.
        name = folder.name.lower().replace("-", "").replace("_", "")
        return "sense_voice" if "sensevoice" in name else "paraformer" if "paraformer" in name else None
    return None


def _one(folder: Path, pattern: str) -> str:
    """Return the file that matches, the int8 one where there are several."""
    found = sorted(folder.glob(pattern))
    return str(next((path for path in found if "int8" in path.name), found[0]))
