"""The piper engine: one voice of one language, quick; runs inside the speech process only."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio.errors import SynthesisError


class PiperVoice:
    """Speaks with the voice in a folder: voice.onnx and voice.onnx.json."""

    def __init__(self, folder: Path, voice: str) -> None:
        try:
            from piper import PiperVoice as Loaded  # noqa: PLC0415 - optional
        except ImportError:
            raise SynthesisError("piper is not installed: branchline models fetch") from None
        try:
            self._loaded = Loaded.load(folder / f"{voice}.onnx")
        except Exception as error:
            raise SynthesisError("the voice does not load: branchline models verify") from error

    def speak(self, text: str, language: str) -> tuple[NDArray[np.float32], int]:
        """Return `text` spoken, and its rate. Raises SynthesisError."""
        chunks = list(self._loaded.synthesize(text))
        if not chunks:
            raise SynthesisError("the phrase has nothing that this voice can say")
        gap = np.zeros(chunks[0].sample_rate * 3 // 10, dtype=np.float32)
        sound = [part for chunk in chunks for part in (chunk.audio_float_array.astype(np.float32), gap)]
        return np.concatenate(sound[:-1]), chunks[0].sample_rate
