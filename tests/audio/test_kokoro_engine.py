"""What Kokoro is given: numbers of its letters, cut into breaths no longer than it was made for."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio.errors import SynthesisError
from audio.speech import kokoro
from audio.speech.kokoro import GOOD_LETTERS, MAX_LETTERS, RATE_HZ, Kokoro, breaths, places_of


def test_letters_have_the_numbers_of_the_models_configuration() -> None:
    assert places_of("həlˈO, ʨʰi↓ŋ!") == [50, 83, 54, 156, 31, 3, 16, 21, 162, 51, 169, 112, 5]
    assert places_of("你#é") == []


@pytest.mark.parametrize(
    ("phonemes", "pieces"),
    [
        ("a, b. c? d", ["a, b.", "c?", "d"]),
        ("ab" * 60 + ", " + "cd" * 70 + ".", ["ab" * 60 + ",", "cd" * 70 + "."]),
        ("...", []),
        ("ˈ ,", []),
        ("a;", ["a;"]),
    ],
)
def test_breaths(phonemes: str, pieces: list[str]) -> None:
    assert breaths(phonemes) == pieces


@given(st.text(alphabet="abɪ→↓ ,.;:!?ˈ", max_size=1500))
def test_no_breath_is_too_long_and_no_sound_is_lost(phonemes: str) -> None:
    pieces = breaths(phonemes)
    assert all(len(piece) <= MAX_LETTERS for piece in pieces)
    heard = "".join(piece for piece in pieces).replace(" ", "")
    assert [c for c in heard if c in "abɪ"] == [c for c in phonemes if c in "abɪ"]


class Session:
    """Stands where the neural network does: as many samples as letters, after silence."""

    def __init__(self) -> None:
        self.given: list[dict[str, np.ndarray[tuple[int, ...], np.dtype[np.generic]]]] = []

    def run(
        self, _names: None, given: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.generic]]]
    ) -> list[object]:
        self.given.append(given)
        n_letters = given["tokens"].shape[1] - 2
        return [np.concatenate([np.zeros(6000), np.full(600 * n_letters, 0.5), np.zeros(6000)])]


def test_each_breath_gets_the_style_of_its_length_and_a_pause_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    styles = np.repeat(np.arange(510, dtype="<f4")[:, np.newaxis], 256, axis=1)
    (tmp_path / "voices").mkdir()
    styles.tofile(tmp_path / "voices" / "af_heart.bin")
    engine = Kokoro.__new__(Kokoro)
    session = Session()
    monkeypatch.setattr(engine, "_voices", {"en": "af_heart"}, raising=False)
    monkeypatch.setattr(engine, "_styles", {"af_heart": styles}, raising=False)
    monkeypatch.setattr(engine, "_session", session, raising=False)
    monkeypatch.setattr(kokoro, "english_phonemes", lambda text, *, british: text)
    sound, rate_hz = engine.speak("abc. de", "en-US")
    assert rate_hz == RATE_HZ
    assert [int(given["style"][0, 0]) for given in session.given] == [3, 2]
    assert session.given[0]["tokens"].tolist() == [[0, 43, 44, 45, 4, 0]]
    quiet = np.flatnonzero(sound == 0)
    assert 0.35 * RATE_HZ <= len(quiet) <= 0.44 * RATE_HZ, "its own silence is cut, ours stands between"
    with pytest.raises(SynthesisError, match="nothing"):
        engine.speak("...", "en")
    with pytest.raises(SynthesisError, match="no voice"):
        engine.speak("abc", "zh-CN")
    assert GOOD_LETTERS < MAX_LETTERS
