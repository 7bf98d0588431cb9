"""Slower speech: longer by as much as was asked, at the same pitch and loudness, and without a seam."""

from time import perf_counter

import numpy as np
import pytest

from audio.dsp.stretch import stretch
from audio.frame import Clip, freeze
from audio.speech.espeak import EspeakSynthesizer

RATE = 8000


def tone(hz: float, seconds: float = 1.0) -> Clip:
    at = np.arange(round(seconds * RATE)) / RATE
    return freeze((8000 * np.sin(2 * np.pi * hz * at)).astype(np.int16))


def peak_hz(clip: Clip) -> float:
    spectrum = np.abs(np.fft.rfft(clip * np.hanning(len(clip)), 1 << 16))
    return float(np.argmax(spectrum) * RATE / (1 << 16))


@pytest.mark.parametrize("factor", [1.1, 1.25, 1.5, 2.0])
@pytest.mark.parametrize("hz", [120.0, 220.0, 440.0, 1000.0])
def test_longer_at_the_same_pitch_and_loudness(hz: float, factor: float) -> None:
    slow = stretch(tone(hz), factor)
    assert len(slow) == int(RATE * factor)
    assert abs(peak_hz(slow) - hz) < 2.0
    inner = slow[400:-800].astype(np.float64)
    assert abs(20 * np.log10(np.sqrt(np.mean(inner**2)) / (8000 / np.sqrt(2)))) < 0.5
    steps = np.abs(np.diff(inner))
    assert steps.max() <= 1.2 * 8000 * 2 * np.pi * hz / RATE, "a seam would click"


def test_speech_stays_speech() -> None:
    said = EspeakSynthesizer().render("A friendly reminder, please.", "en")
    began_s = perf_counter()
    slow = stretch(said, 1.3)
    assert perf_counter() - began_s < len(said) / RATE, "far quicker than it is spoken"
    assert slow.dtype == np.int16
    assert not slow.flags.writeable
    assert abs(len(slow) / len(said) - 1.3) < 0.01
    before, after = (
        np.log(np.abs(np.fft.rfft(part.astype(np.float64), 1 << 17)[1:].reshape(64, -1)).mean(axis=1) + 1)
        for part in (said, slow)
    )
    assert np.corrcoef(before, after)[0, 1] > 0.97, "the same voice"


def test_silence_and_clips_too_short_to_stretch() -> None:
    assert not stretch(freeze(np.zeros(4000, dtype=np.int16)), 1.5).any()
    short = tone(300, 0.02)
    assert stretch(short, 1.5) is short
    plain = tone(300)
    assert stretch(plain, 1.0) is plain
    assert len(stretch(freeze(np.full(4000, -32768, dtype=np.int16)), 1.5)) == 6000


@pytest.mark.parametrize("factor", [0.5, 0.99, 2.01, float("nan")])
def test_only_slower_and_not_too_slow(factor: float) -> None:
    with pytest.raises(ValueError, match="stretched"):
        stretch(tone(300), factor)
