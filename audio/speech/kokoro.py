"""The Kokoro-82M engine: English and Mandarin on one thread; runs inside the speech process only.

Model: StyleTTS 2 shape, 178 phonetic letters in, 24 kHz out; a voice is a table of styles by the number of letters.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio.errors import SynthesisError
from audio.speech.phonemes import english_phonemes, mandarin_phonemes
from audio.speech.voices import primary

RATE_HZ = 24_000
MAX_LETTERS = 510
"""What the model was made for, besides the mark at each end."""
GOOD_LETTERS = 220
"""A breath: beyond it the model hurries, so longer text is cut at the next mark."""
STYLE_SHAPE = (510, 256)
SENTENCE_GAP_S, CLAUSE_GAP_S = 0.35, 0.16
_ENDS = ",.!?;:"
_SILENT = 10 ** (-50 / 20)
_PLACES = {
    ";": 1, ":": 2, ",": 3, ".": 4, "!": 5, "?": 6, "—": 9, "…": 10, '"': 11, "(": 12, ")": 13, "“": 14, "”": 15,
    " ": 16, "\u0303": 17, "ʣ": 18, "ʥ": 19, "ʦ": 20, "ʨ": 21, "ᵝ": 22, "ꭧ": 23, "A": 24, "I": 25, "O": 31,
    "Q": 33, "S": 35, "T": 36, "W": 39, "Y": 41, "ᵊ": 42, "a": 43, "b": 44, "c": 45, "d": 46, "e": 47, "f": 48,
    "h": 50, "i": 51, "j": 52, "k": 53, "l": 54, "m": 55, "n": 56, "o": 57, "p": 58, "q": 59, "r": 60, "s": 61,
    "t": 62, "u": 63, "v": 64, "w": 65, "x": 66, "y": 67, "z": 68, "ɑ": 69, "ɐ": 70, "ɒ": 71, "æ": 72, "β": 75,
    "ɔ": 76, "ɕ": 77, "ç": 78, "ɖ": 80, "ð": 81, "ʤ": 82, "ə": 83, "ɚ": 85, "ɛ": 86, "ɜ": 87, "ɟ": 90, "ɡ": 92,
    "ɥ": 99, "ɨ": 101, "ɪ": 102, "ʝ": 103, "ɯ": 110, "ɰ": 111, "ŋ": 112, "ɳ": 113, "ɲ": 114, "ɴ": 115, "ø": 116,
    "ɸ": 118, "θ": 119, "œ": 120, "ɹ": 123, "ɾ": 125, "ɻ": 126, "ʁ": 128, "ɽ": 129, "ʂ": 130, "ʃ": 131, "ʈ": 132,
    "ʧ": 133, "ʊ": 135, "ʋ": 136, "ʌ": 138, "ɣ": 139, "ɤ": 140, "χ": 142, "ʎ": 143, "ʒ": 147, "ʔ": 148, "ˈ": 156,
    "ˌ": 157, "ː": 158, "ʰ": 162, "ʲ": 164, "↓": 169, "→": 171, "↗": 172, "↘": 173, "ᵻ": 177,
}  # fmt: skip
"""The model's letters and their numbers, as its configuration has them."""


class Kokoro:
    """Speaks with the model in a folder; `voices` names one a language, as in en=af_heart,zh=zf_xiaoxiao."""

    def __init__(self, folder: Path, voices: str) -> None:
        try:
            import onnxruntime  # noqa: PLC0415 - optional
        except ImportError:
            raise SynthesisError("onnxruntime is not installed: branchline models fetch") from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self._voices = dict(voice.split("=") for voice in voices.split(","))
            self._styles = {
                voice: np.fromfile(folder / "voices" / f"{voice}.bin", dtype="<f4").reshape(STYLE_SHAPE)
                for voice in self._voices.values()
            }
            self._session: Any = onnxruntime.InferenceSession(
                folder / "kokoro.onnx", options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise SynthesisError(
                f"the model or a voice of {voices} does not load: branchline models verify"
            ) from error

    def speak(self, text: str, language: str) -> tuple[NDArray[np.float32], int]:
        """Return `text` spoken, and 24 000 Hz. Raises SynthesisError."""
        voice = self._voices.get(primary(language))
        if voice is None:
            raise SynthesisError(f"no voice was chosen for {language!r}")
        if primary(language) == "zh":
            phonemes = mandarin_phonemes(text, english=english_phonemes)
        else:
            phonemes = english_phonemes(text, british=voice.startswith("b"))
        if phonemes and phonemes[-1] not in _ENDS:
            phonemes += ","  # a clip in the middle of a sentence: it goes on, and does not trail off
        sound: list[NDArray[np.float32]] = []
        for breath in breaths(phonemes):
            gap_s = CLAUSE_GAP_S if breath.endswith(",") else SENTENCE_GAP_S
            sound += [
                _without_silent_ends(self._render(breath, self._styles[voice])),
                np.zeros(round(gap_s * RATE_HZ), dtype=np.float32),
            ]
        if not sound:
            raise SynthesisError("the phrase has nothing that this voice can say")
        return np.concatenate(sound[:-1]), RATE_HZ

    def _render(self, phonemes: str, styles: NDArray[np.float32]) -> NDArray[np.float32]:
        places = places_of(phonemes)
        sound = self._session.run(
            None,
            {
                "tokens": np.array([[0, *places, 0]], dtype=np.int64),
                "style": styles[min(len(places), STYLE_SHAPE[0]) - 1][np.newaxis],
                "speed": np.ones(1, dtype=np.float32),
            },
        )[0]
        return np.asarray(sound, dtype=np.float32).reshape(-1)


def places_of(phonemes: str) -> list[int]:
    """Return the letters' numbers; what the model does not know is left out."""
    return [_PLACES[letter] for letter in phonemes if letter in _PLACES]


def breaths(phonemes: str) -> list[str]:
    """Return phonemes cut where a speaker would draw breath, each piece as long as the model likes at most."""
    pieces: list[str] = []
    for sentence in re.findall(r"[^.!?;]+[.!?;]*", phonemes):
        piece = ""
        for clause in re.findall(r"[^,:]+[,:]*", sentence):
            if piece and len(piece) + len(clause) > GOOD_LETTERS:
                pieces.append(piece)
                piece = ""
            piece += clause
        pieces.append(piece)
    return [part for piece in pieces for part in _within(piece.strip()) if _sounds(part)]


def _within(piece: str) -> list[str]:
    """Cut what has no mark for too long between words, or anywhere."""
    parts = []
    while len(piece) > MAX_LETTERS:
        cut = piece.rfind(" ", 1, MAX_LETTERS) + 1 or MAX_LETTERS
        parts.append(piece[:cut].strip())
        piece = piece[cut:]
    return [*parts, piece]


def _sounds(piece: str) -> bool:
    return any(letter in _PLACES and letter not in ' ;:,.!?—…"()“”ˈˌː' for letter in piece)


def _without_silent_ends(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    heard = np.flatnonzero(np.abs(sound) > _SILENT * float(np.abs(sound).max(initial=0.0)))
    if not len(heard):
        return sound
    margin = RATE_HZ // 50
    return sound[max(0, int(heard[0]) - margin) : int(heard[-1]) + margin]
