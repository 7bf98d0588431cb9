"""Keys are heard as ITU-T Q.24 asks, and nothing else is taken for one."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audio.dsp.dtmf_detector import DtmfDetector, HeardDigit
from audio.dsp.dtmf_generator import digits_clip, tones_of
from audio.frame import Clip

KEYS = "0123456789*#ABCD"


def press(
    rng: np.random.Generator,
    keys: str,
    *,
    on_ms: float = 50,
    off_ms: float = 50,
    low_dbfs: float = -16.0,
    high_dbfs: float = -16.0,
    low_off: float = 0.0,
    high_off: float = 0.0,
    snr_db: float | None = None,
    gap_ms: float = 0.0,
) -> NDArray[np.int16]:
    """Return keys as sound, begun at any moment, with the faults asked for."""
    parts = [np.zeros(int(rng.integers(300, 700)))]
    time_s = np.arange(round(on_ms * 8)) / 8000
    for key in keys:
        low_hz, high_hz = tones_of(key)
        phases = rng.uniform(0, 6.28, 2)
        sound = 10 ** (low_dbfs / 20) * np.sin(2 * np.pi * low_hz * (1 + low_off) * time_s + phases[0])
        sound += 10 ** (high_dbfs / 20) * np.sin(2 * np.pi * high_hz * (1 + high_off) * time_s + phases[1])
        middle, half = len(sound) // 2, round(gap_ms * 4)
        sound[middle - half : middle + half] = 0
        parts += [32768 * 2**0.5 * sound, np.zeros(round(off_ms * 8) + int(rng.integers(0, 40)))]
    stream = np.concatenate([*parts, np.zeros(800)])
    if snr_db is not None:
        power = 32768**2 * (10 ** (low_dbfs / 10) + 10 ** (high_dbfs / 10))
        stream = stream + rng.normal(0, (power / 10 ** (snr_db / 10)) ** 0.5, len(stream))
    pcm: NDArray[np.int16] = np.clip(np.rint(stream), -32768, 32767).astype(np.int16)
    return pcm


def heard(sound: NDArray[np.int16]) -> str:
    return "".join(digit.digit for digit in DtmfDetector().feed(sound))


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param({}, id="50 ms on, 50 ms off"),
        pytest.param({"on_ms": 40, "off_ms": 40}, id="40 ms on, 40 ms off"),
        pytest.param({"on_ms": 400, "off_ms": 200}, id="slow fingers"),
        pytest.param({"low_off": 0.015, "high_off": 0.015}, id="both 1.5 % high"),
        pytest.param({"low_off": -0.015, "high_off": -0.015}, id="both 1.5 % low"),
        pytest.param({"low_off": 0.015, "high_off": -0.015}, id="1.5 % apart"),
        pytest.param({"low_off": -0.018, "high_off": 0.018}, id="1.8 %, Q.23 senders"),
        pytest.param({"low_dbfs": -28, "high_dbfs": -28}, id="-25 dBm0, the faintest of Q.24"),
        pytest.param({"low_dbfs": -42, "high_dbfs": -42}, id="fainter still"),
        pytest.param({"low_dbfs": -9.1, "high_dbfs": -9.1}, id="as loud as it goes"),
        pytest.param({"high_dbfs": -24, "snr_db": 20}, id="normal twist 8 dB"),
        pytest.param({"high_dbfs": -12, "snr_db": 20}, id="reverse twist 4 dB"),
        pytest.param({"on_ms": 40, "snr_db": 15}, id="15 dB of noise"),
        pytest.param(
            {"on_ms": 40, "snr_db": 15, "low_off": 0.015, "high_off": -0.015}, id="noise and off frequency"
        ),
        pytest.param({"on_ms": 40, "snr_db": 15, "high_dbfs": -24}, id="noise and normal twist"),
        pytest.param({"on_ms": 40, "snr_db": 15, "high_dbfs": -12}, id="noise and reverse twist"),
        pytest.param({"on_ms": 80, "gap_ms": 10}, id="a drop-out of 10 ms is bridged"),
        pytest.param({"on_ms": 40, "off_ms": 30}, id="30 ms pauses, NTT"),
    ],
)
def test_a_key_within_the_recommendation_is_heard(rng: np.random.Generator, faults: dict[str, float]) -> None:
    for _ in range(5):
        keys = "".join(rng.permutation(list(KEYS)))
        assert heard(press(rng, keys, **faults)) == keys


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param({"on_ms": 23}, id="23 ms is too short"),
        pytest.param({"low_off": 0.035}, id="low tone 3.5 % high"),
        pytest.param({"low_off": -0.035}, id="low tone 3.5 % low"),
        pytest.param({"high_off": 0.035}, id="high tone 3.5 % high"),
        pytest.param({"high_off": -0.035}, id="high tone 3.5 % low"),
        pytest.param({"low_off": 0.03, "high_off": 0.03}, id="both 3 % high, NTT"),
        pytest.param({"low_off": -0.03, "high_off": -0.03}, id="both 3 % low, NTT"),
        pytest.param({"low_off": 0.035, "high_off": 0.035, "on_ms": 200}, id="both off for long"),
        pytest.param({"low_dbfs": -58, "high_dbfs": -58}, id="-55 dBm0 is too faint"),
        pytest.param({"high_dbfs": -28, "snr_db": 30}, id="normal twist 12 dB"),
        pytest.param({"high_dbfs": -8, "snr_db": 30}, id="reverse twist 8 dB"),
        pytest.param({"low_dbfs": -90}, id="the high tone alone"),
        pytest.param({"high_dbfs": -90}, id="the low tone alone"),
    ],
)
def test_what_the_recommendation_refuses_is_no_key(
    rng: np.random.Generator, faults: dict[str, float]
) -> None:
    for _ in range(5):
        keys = "".join(rng.permutation(list(KEYS)))
        assert heard(press(rng, keys, **faults)) == ""


@pytest.mark.parametrize("level_dbfs", [0.0, -15.0])
def test_three_minutes_of_speech_hold_no_key(speech: dict[str, list[Clip]], level_dbfs: float) -> None:
    gain = 10 ** (level_dbfs / 20)
    clips = [(clip * gain).astype(np.int16) for clips in speech.values() for clip in clips]
    assert sum(map(len, clips)) > 180 * 8000
    assert [digit for clip in clips for digit in DtmfDetector().feed(clip)] == []


def test_noise_hum_and_other_tones_hold_no_key(
    rng: np.random.Generator, mix: Callable[..., NDArray[np.int16]], tone: Callable[..., NDArray[np.float64]]
) -> None:
    pairs = [
        (350, 440),
        (440, 480),
        (480, 620),
        (400, 450),
        (697, 770),
        (1209, 1336),
        (700, 1700),
        (950, 1400),
    ]
    sounds = [tone(pair, 400) for pair in pairs] + [
        tone(1000, 400),
        tone((50, 100, 150), 400),
        rng.normal(0, 3000, 80_000),
    ]
    assert heard(mix(*(part for sound in sounds for part in (sound, 100)))) == ""


def test_a_pair_with_a_third_tone_beside_it_is_a_vowel_and_no_key(
    mix: Callable[..., NDArray[np.int16]], tone: Callable[..., NDArray[np.float64]]
) -> None:
    vowels = [tone(tones_of(key), 150) + tone(480, 150, -18.5) for key in KEYS]
    assert heard(mix(*(part for vowel in vowels for part in (vowel, 100)))) == ""


@pytest.mark.parametrize(
    ("low_hz", "high_hz", "others"),
    [
        pytest.param(788.0, 1182.0, ((394.0, -11.0),), id="second and third harmonic of a high o"),
        pytest.param(955.0, 1194.0, ((239.0, -13.0), (1433.0, -15.0)), id="fourth and fifth of a low a"),
        pytest.param(683.0, 1366.0, ((1024.5, -13.0), (341.5, -13.0)), id="every second of a low e"),
    ],
)
def test_two_harmonics_of_a_voice_within_the_bounds_of_a_key_are_none(
    mix: Callable[..., NDArray[np.int16]],
    tone: Callable[..., NDArray[np.float64]],
    low_hz: float,
    high_hz: float,
    others: tuple[tuple[float, float], ...],
) -> None:
    """They lie 2 % off in opposite directions, and a third tone stands 12 to 16 dB below both."""
    alone = tone((low_hz, high_hz), 150)
    voice = alone + sum(tone(hz, 150, level_db - 13) for hz, level_db in others)
    assert heard(mix(100, voice, 100)) == ""
    assert heard(mix(100, alone, 100)) != "", "without the third tone it is a key that is badly off"


def test_a_key_is_told_where_it_was_and_how_long_it_lasted() -> None:
    sound = np.concatenate(
        [np.zeros(1000, dtype=np.int16), digits_clip("5", tone_ms=120), np.zeros(800, dtype=np.int16)]
    )
    (digit,) = DtmfDetector().feed(sound)
    assert digit.digit == "5"
    assert abs(digit.begin - 1000) <= 80
    assert abs(digit.end - (1000 + 960)) <= 80


def test_a_held_key_is_known_before_it_is_released() -> None:
    detector = DtmfDetector()
    sound = digits_clip("9", tone_ms=3000, pause_ms=0)
    assert detector.feed(sound[: 60 * 8]) == []
    assert (detector.digit_down, detector.n_presses) == ("9", 1)
    assert detector.feed(sound[60 * 8 :]) == []
    assert detector.n_presses == 1
    assert [digit.digit for digit in detector.feed(np.zeros(800, dtype=np.int16))] == ["9"]
    assert detector.digit_down is None


def test_a_key_held_to_the_end_of_the_call_is_not_lost() -> None:
    detector = DtmfDetector()
    detector.feed(digits_clip("3", tone_ms=200, pause_ms=0))
    last = detector.finish()
    assert last is not None
    assert last.digit == "3"
    assert detector.finish() is None


@settings(max_examples=30, deadline=None)
@given(cuts=st.lists(st.integers(1, 700), min_size=1, max_size=40), seed=st.integers(0, 5))
def test_keys_whatever_the_slicing(cuts: list[int], seed: int) -> None:
    sound = press(np.random.default_rng(seed), "4711#", on_ms=45, off_ms=45, snr_db=15)
    detector = DtmfDetector()
    digits: list[HeardDigit] = []
    position = 0
    for cut in cuts:
        digits += detector.feed(sound[position : position + cut])
        position += cut
    digits += detector.feed(sound[position:])
    assert digits == DtmfDetector().feed(sound)
    assert len(digits) == 5
