"""The beep of an answering machine is heard, and nothing else is taken for one."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audio.dsp.beep import BeepDetector
from audio.dsp.dtmf_generator import digits_clip, tones_of
from audio.frame import Clip

Mix = Callable[..., NDArray[np.int16]]
MakeTone = Callable[..., NDArray[np.float64]]


@pytest.mark.parametrize("frequency_hz", [560, 800, 1000, 1400, 2400])
@pytest.mark.parametrize("duration_ms", [80, 150, 400, 1450])
def test_a_beep_after_a_greeting_is_heard(
    mix: Mix, tone: MakeTone, greeting: Clip, frequency_hz: float, duration_ms: float
) -> None:
    sound = mix(313, greeting, 407, tone(frequency_hz, duration_ms), 700)
    (beep,) = BeepDetector().feed(sound)
    assert abs(beep.frequency_hz - frequency_hz) < 5
    assert abs(beep.begin - (313 + 407) * 8 - len(greeting)) <= 320


@pytest.mark.parametrize("pause_ms", [0, 15, 60, 200, 2000, 7000])
def test_a_beep_is_heard_however_long_the_machine_waits(
    mix: Mix, tone: MakeTone, greeting: Clip, chinese_greeting: Clip, pause_ms: float
) -> None:
    for clip in (greeting, chinese_greeting):
        assert len(BeepDetector().feed(mix(300, clip, pause_ms, tone(1000, 300), 700))) == 1


@pytest.mark.parametrize(
    ("tone_dbfs", "noise_dbfs"), [(-6, -60), (-30, -60), (-38, -60), (-20, -35), (-20, -32)]
)
def test_a_beep_is_heard_faint_or_in_noise(
    mix: Mix, tone: MakeTone, greeting: Clip, tone_dbfs: float, noise_dbfs: float
) -> None:
    assert (
        len(
            BeepDetector().feed(
                mix(3000, greeting, 400, tone(950, 250, tone_dbfs), 700, noise_dbfs=noise_dbfs)
            )
        )
        == 1
    )


def test_a_beep_with_a_harmonic_is_heard(mix: Mix, tone: MakeTone, greeting: Clip) -> None:
    beep = tone(900, 300, -15) + tone(1800, 300, -25)
    assert len(BeepDetector().feed(mix(300, greeting, 400, beep, 700))) == 1


def test_a_beep_among_the_ringing_tones_is_told_late_but_told(
    mix: Mix, tone: MakeTone, greeting: Clip
) -> None:
    sound = mix(300, greeting, 400, tone(440, 300), 6000)
    assert BeepDetector().feed(sound[: -5000 * 8]) == []
    (beep,) = BeepDetector().feed(sound)
    assert abs(beep.frequency_hz - 440) < 5


CADENCES = [
    pytest.param(450, (1000, 4000), 2, id="CN ringing"),
    pytest.param(450, (350, 350), 8, id="CN busy"),
    pytest.param(450, (700, 700), 6, id="CN congestion"),
    pytest.param(450, (100, 100, 100, 100, 100, 100, 400, 400), 4, id="CN information"),
    pytest.param(425, (1000, 4000), 2, id="DE ringing"),
    pytest.param(425, (480, 480), 8, id="DE busy"),
    pytest.param(425, (240, 240), 12, id="DE congestion"),
    pytest.param(425, (200, 200, 200, 200, 200, 600), 5, id="ES congestion"),
    pytest.param(420, (1000, 5000), 2, id="TH ringing"),
    pytest.param((440, 480), (2000, 4000), 2, id="US ringing"),
    pytest.param((480, 620), (500, 500), 6, id="US busy"),
    pytest.param((350, 440), (3000, 200), 2, id="US dial tone"),
    pytest.param(400, (375, 375), 8, id="UK busy"),
    pytest.param(1100, (500, 3000), 3, id="fax, calling"),
    pytest.param(2100, (3300, 1000), 1, id="fax, answering"),
    pytest.param(2100, (450, 1000), 1, id="modem, answering"),
    pytest.param((950,), (330, 0), 1, id="half an information tone"),
]


@pytest.mark.parametrize(("frequencies_hz", "cadence_ms", "n_cycles"), CADENCES)
def test_call_progress_and_fax_tones_are_no_beep(
    mix: Mix,
    tone: MakeTone,
    greeting: Clip,
    chinese_greeting: Clip,
    frequencies_hz: float,
    cadence_ms: tuple[float, ...],
    n_cycles: int,
) -> None:
    cycle = [tone(frequencies_hz, ms) if i % 2 == 0 else ms for i, ms in enumerate(cadence_ms)]
    tail = 6000 if len(cadence_ms) > 1 and cadence_ms[1] else 100
    for clip, pause_ms in ((greeting, 30), (chinese_greeting, 300)):
        assert BeepDetector().feed(mix(300, clip, pause_ms, *cycle * n_cycles, tail)) == []


def test_special_information_tones_are_no_beep(mix: Mix, tone: MakeTone, greeting: Clip) -> None:
    for gap_ms in (0, 15, 30):
        three = [tone(950, 330), gap_ms, tone(1400, 330), gap_ms, tone(1800, 330), 1000]
        assert BeepDetector().feed(mix(300, greeting, 300, *three, *three)) == []


@pytest.mark.parametrize("twist_db", [-8, 0, 4])
def test_keys_are_no_beep(mix: Mix, tone: MakeTone, greeting: Clip, twist_db: float) -> None:
    presses = []
    for key in "1234567890*#ABCD":
        low_hz, high_hz = tones_of(key)
        presses += [tone(low_hz, 150) + tone(high_hz, 150, -15 + twist_db), 500]
    assert BeepDetector().feed(mix(300, greeting, 300, *presses)) == []


def test_two_minutes_of_speech_hold_no_beep(mix: Mix, speech: dict[str, list[Clip]]) -> None:
    """Every phrase ends in a silence that would confirm its last vowel as a beep, the ringing band included."""
    for clips in speech.values():
        for clip in clips[1::2]:
            assert BeepDetector().feed(mix(300, clip, 5800)) == []


def test_a_tone_without_a_greeting_before_it_is_no_beep(mix: Mix, tone: MakeTone) -> None:
    assert BeepDetector().feed(mix(2000, tone(1000, 300), 1000, tone(1000, 300), 1000)) == []


def test_a_tone_with_speech_behind_it_is_no_beep(mix: Mix, tone: MakeTone, greeting: Clip) -> None:
    assert BeepDetector().feed(mix(300, greeting, 400, tone(1000, 300), 100, greeting[8000:])) == []


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(1, 3000), min_size=1, max_size=30))
def test_beeps_whatever_the_slicing(cuts: list[int]) -> None:
    # Keys stand in for the greeting's speech: nothing must come of either slicing; then a real beep by its own voice.
    rng = np.random.default_rng(3)
    pitch = 110 + 20 * np.sin(np.arange(12_000) / 900)
    voice = (
        4000 * np.sign(np.sin(np.cumsum(2 * np.pi * pitch / 8000))) * np.abs(np.sin(np.arange(12_000) / 1500))
    )
    beep = 5000 * np.sin(2 * np.pi * 1000 * np.arange(2400) / 8000)
    parts = [np.zeros(2000), voice, np.zeros(1111), beep, np.zeros(4000)]
    sound = (np.concatenate(parts) + rng.normal(0, 10, 2000 + 12_000 + 1111 + 2400 + 4000)).astype(np.int16)
    sound = np.concatenate([digits_clip("12"), sound])
    whole = BeepDetector().feed(sound)
    assert len(whole) == 1
    detector, beeps, position = BeepDetector(), [], 0
    for cut in cuts:
        beeps += detector.feed(sound[position : position + cut])
        position += cut
    assert beeps + detector.feed(sound[position:]) == whole
