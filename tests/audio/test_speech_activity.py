"""Speech is told from the noise of the room, whatever its level."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audio.dsp.speech_activity import SpeechActivity, SpeechOffset, SpeechOnset
from audio.frame import Clip

Mix = Callable[..., NDArray[np.int16]]
MakeTone = Callable[..., NDArray[np.float64]]


def coloured(rng: np.random.Generator, n_samples: int, dbfs: float, slope: float) -> NDArray[np.float64]:
    """Return noise whose power falls with frequency to the power of `slope` (0 white, 1 pink, 2 brown)."""
    bins = np.fft.rfft(rng.normal(0, 1, n_samples))
    bins /= np.maximum(np.arange(len(bins)), 20) ** (slope / 2)
    sound: NDArray[np.float64] = np.fft.irfft(bins, n_samples)
    sound *= 32768 * 10 ** (dbfs / 20) / sound.std()
    return sound


def crowd(rng: np.random.Generator, clips: list[Clip], n_samples: int, dbfs: float) -> NDArray[np.float64]:
    """Return eight people talking at once."""
    sound = np.zeros(n_samples)
    for _ in range(8):
        endless = np.concatenate([clips[i] for i in rng.permutation(len(clips))])
        start = int(rng.integers(0, len(endless)))
        sound += np.resize(np.roll(endless, start), n_samples)
    sound *= 32768 * 10 ** (dbfs / 20) / sound.std()
    return sound


def onsets(sound: NDArray[np.float64] | NDArray[np.int16]) -> list[SpeechOnset]:
    pcm = np.clip(np.rint(sound), -32768, 32767).astype(np.int16)
    return [change for change in SpeechActivity().feed(pcm) if isinstance(change, SpeechOnset)]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_speech_begins_and_ends_where_it_does(mix: Mix, speech: dict[str, list[Clip]], language: str) -> None:
    for clip in speech[language][1::4]:
        first = int(np.argmax(np.abs(clip) > 600))
        last = len(clip) - int(np.argmax(np.abs(clip[::-1]) > 600))
        changes = SpeechActivity().feed(mix(1000, clip, 1000))
        begin, end = changes[0], changes[-1]
        assert isinstance(begin, SpeechOnset)
        assert isinstance(end, SpeechOffset)
        assert abs(begin.begin - 8000 - first) <= 150 * 8
        assert abs(end.end - 8000 - last) <= 150 * 8


@pytest.mark.parametrize(
    "slope", [pytest.param(0, id="white"), pytest.param(1, id="pink"), pytest.param(2, id="brown")]
)
@pytest.mark.parametrize("dbfs", [-60, -40, -25])
def test_noise_is_no_speech(rng: np.random.Generator, slope: float, dbfs: float) -> None:
    assert onsets(coloured(rng, 8 * 8000, dbfs, slope)) == []


@pytest.mark.parametrize("slope", [0, 1, 2])
def test_a_fan_that_starts_is_no_speech(rng: np.random.Generator, slope: float) -> None:
    quiet, fan = coloured(rng, 40_000, -55, slope), coloured(rng, 80_000, -30, slope)
    assert onsets(np.concatenate([quiet, fan])) == []


@pytest.mark.parametrize("slope", [0, 1, 2])
@pytest.mark.parametrize("snr_db", [25, 15, 10])
def test_speech_is_heard_through_noise(
    rng: np.random.Generator, greeting: Clip, chinese_greeting: Clip, slope: float, snr_db: float
) -> None:
    for clip in (greeting, chinese_greeting):
        sound = np.concatenate([np.zeros(20_000), clip, np.zeros(8000)])
        found = onsets(sound + coloured(rng, len(sound), -20 - snr_db, slope))
        assert any(18_400 <= onset.begin <= 20_000 + 800 * 8 for onset in found)


def test_a_crowd_is_taken_for_the_room_and_a_voice_in_it_heard(
    rng: np.random.Generator, speech: dict[str, list[Clip]]
) -> None:
    """A noisy room must not count as endless speech, nor drown the one who speaks."""
    n_heard = 0
    clips = speech["zh"][1::5] + speech["en"][1::5]
    for clip in clips:
        sound = np.concatenate([np.zeros(48_000), clip, np.zeros(8000)])
        changes = SpeechActivity().feed(
            np.rint(sound + crowd(rng, speech["en"], len(sound), -38)).clip(-32768, 32767).astype(np.int16)
        )
        n_heard += any(isinstance(c, SpeechOnset) and 46_000 <= c.begin <= 56_000 for c in changes)
        early = [c for c in changes if isinstance(c, SpeechOffset) and c.end < 46_000]
        assert sum(c.end - c.begin for c in early) <= 2.5 * 8000
    assert n_heard >= len(clips)


@pytest.mark.parametrize("dbfs", [-45, -35, -10])
def test_speech_is_heard_faint_and_loud(speech: dict[str, list[Clip]], mix: Mix, dbfs: float) -> None:
    for clip in speech["zh"][1::6]:
        assert onsets(mix(1000, clip * 10 ** ((dbfs + 20) / 20), noise_dbfs=-65))


def test_speech_at_the_very_start_is_heard(speech: dict[str, list[Clip]]) -> None:
    (first, *_) = onsets(speech["zh"][2].astype(np.float64))
    assert first.begin < 1600


@pytest.mark.parametrize(
    ("frequencies_hz", "on_ms", "off_ms"),
    [
        (450, 1000, 4000),
        (450, 350, 350),
        (425, 480, 480),
        ((440, 480), 2000, 4000),
        ((480, 620), 500, 500),
        ((400, 450), 400, 200),
        (1100, 500, 3000),
        (2100, 3300, 500),
        (1000, 200, 1000),
    ],
)
def test_tones_are_no_speech(
    mix: Mix, tone: MakeTone, frequencies_hz: float, on_ms: float, off_ms: float
) -> None:
    assert onsets(mix(700, *[tone(frequencies_hz, on_ms), off_ms] * 4)) == []


def test_clicks_and_knocks_are_no_speech(rng: np.random.Generator) -> None:
    sound = np.zeros(20 * 8000)
    for begin in range(4000, len(sound) - 400, 3000):
        sound[begin : begin + 300] = rng.normal(0, 9000, 300) * np.exp(-np.arange(300) / 60)
    assert onsets(sound) == []


def test_what_is_as_quiet_as_the_echo_may_be_is_not_the_callee(mix: Mix, greeting: Clip) -> None:
    from audio.dsp.tone import spectrum_of

    echo = mix(500, greeting * 0.05).reshape(-1)
    deaf, keen = SpeechActivity(), SpeechActivity()
    told = []
    for begin in range(0, len(echo) - 160, 160):
        block = echo[begin : begin + 160]
        assert deaf.take_block(block, spectrum_of(block), echo_dbfs=-30.0) is None
        told.append(keen.take_block(block, spectrum_of(block)))
    assert any(told)


def test_a_call_that_ends_in_mid_word_ends_the_speech(greeting: Clip) -> None:
    activity = SpeechActivity()
    activity.feed(np.concatenate([np.zeros(4000, dtype=np.int16), greeting[:12_000]]))
    assert activity.is_speaking
    last = activity.finish()
    assert last is not None
    assert 0 < last.end - last.begin <= 12_000
    assert activity.finish() is None


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(1, 2000), min_size=1, max_size=40))
def test_speech_whatever_the_slicing(cuts: list[int]) -> None:
    rng = np.random.default_rng(8)
    pitch = 130 + 30 * np.sin(np.arange(24_000) / 1100)
    voice = 3000 * np.sign(np.sin(np.cumsum(2 * np.pi * pitch / 8000)))
    voice *= np.arange(24_000) // 6000 % 2
    sound = (np.concatenate([np.zeros(3000), voice, np.zeros(5000)]) + rng.normal(0, 20, 32_000)).astype(
        np.int16
    )
    whole = SpeechActivity().feed(sound)
    assert len(whole) >= 2
    activity, changes, position = SpeechActivity(), [], 0
    for cut in cuts:
        changes += activity.feed(sound[position : position + cut])
        position += cut
    assert changes + activity.feed(sound[position:]) == whole
