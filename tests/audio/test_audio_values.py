"""Frames, clips, orders and levels: what is accepted, and what they mean."""

import numpy as np
import pytest

from audio.dsp.blocks import Blocks
from audio.dsp.level import LevelMeter, active_level_dbfs, level_dbfs
from audio.dsp.tone import spectrum_of
from audio.errors import UnsupportedFormatError
from audio.frame import (
    NARROWBAND,
    AudioFormat,
    clip_duration_ms,
    frame_from_bytes,
    frame_to_bytes,
    freeze,
    silence,
)
from audio.orders import BargeIn, Play, SendDigits


def test_a_narrowband_frame_is_160_samples_and_320_bytes() -> None:
    assert (NARROWBAND.n_samples, NARROWBAND.n_bytes, NARROWBAND.ptime_s) == (160, 320, 0.02)
    assert AudioFormat(rate_hz=16000).n_samples == 320
    with pytest.raises(UnsupportedFormatError):
        AudioFormat(rate_hz=11025, ptime_ms=1)


def test_the_wire_is_little_endian() -> None:
    frame = np.array([1, -2, 300], dtype=np.int16)
    assert frame_to_bytes(frame) == b"\x01\x00\xfe\xff\x2c\x01"
    assert frame_from_bytes(frame_to_bytes(frame)).tolist() == [1, -2, 300]


def test_a_clip_cannot_change_under_a_call() -> None:
    mine = np.arange(10, dtype=np.int16)
    clip = freeze(mine)
    mine[0] = 99
    assert clip[0] == 0
    with pytest.raises(ValueError, match="read-only"):
        clip[0] = 1
    assert freeze(clip) is clip  # and is not copied again
    with pytest.raises(UnsupportedFormatError):
        freeze(np.zeros((2, 2), dtype=np.int16))
    assert clip_duration_ms([silence(80), silence(160)]) == 30


def test_a_play_freezes_what_it_is_given() -> None:
    mine, frozen = np.ones(5, dtype=np.int16), silence(5)
    play = Play(play_id=1, clips=(mine, frozen), barge_in=BargeIn.DTMF)
    mine[:] = 0
    assert play.clips[0].tolist() == [1] * 5
    assert play.clips[1] is frozen


@pytest.mark.parametrize("digits", ["", "12x", "+8613", "1" * 65, "12;"])
def test_only_keys_can_be_sent(digits: str) -> None:
    with pytest.raises(ValueError, match="keys"):
        SendDigits(digits=digits)


def test_levels_are_of_full_scale() -> None:
    time_s = np.arange(8000) / 8000
    sine = np.rint(32767 * np.sin(2 * np.pi * 1000 * time_s)).astype(np.int16)
    assert level_dbfs(sine) == pytest.approx(-3.01, abs=0.01)
    assert level_dbfs(sine // 10) == pytest.approx(-23.01, abs=0.05)
    assert level_dbfs(np.zeros(160, dtype=np.int16)) == pytest.approx(-96.3)
    half = np.concatenate([sine, np.zeros(8000, dtype=np.int16)])
    assert active_level_dbfs(half) == pytest.approx(-3.01, abs=0.1)
    meter = LevelMeter()
    meter.add(0.01)
    meter.add(0.03)
    assert meter.take() == pytest.approx(-16.99, abs=0.01)
    assert meter.take() == pytest.approx(-96.3)


@pytest.mark.parametrize("frequency_hz", [250, 432.1, 1000, 1633, 2487.6, 3500])
def test_a_tone_s_frequency_and_purity_are_measured(frequency_hz: float) -> None:
    for phase in np.linspace(0, 6, 7):
        block = np.rint(8000 * np.sin(2 * np.pi * frequency_hz * np.arange(160) / 8000 + phase)).astype(
            np.int16
        )
        spectrum = spectrum_of(block)
        assert spectrum.peak_hz == pytest.approx(frequency_hz, abs=4)
        assert spectrum.purity > 0.98
        assert spectrum.second_db < -20
        assert spectrum.level_dbfs == pytest.approx(-15.25, abs=0.3)
        assert spectrum.band_dbfs == pytest.approx(-15.25, abs=0.6)


def test_two_tones_are_one_pair_and_noise_is_nothing_pure() -> None:
    time_s = np.arange(160) / 8000
    pair = 6000 * np.sin(2 * np.pi * 770 * time_s) + 3000 * np.sin(2 * np.pi * 1336 * time_s)
    spectrum = spectrum_of(pair.astype(np.float32))
    assert spectrum.purity == pytest.approx(0.8, abs=0.05)
    assert spectrum.pair_purity > 0.98
    assert spectrum.second_hz == pytest.approx(1336, abs=6)
    assert spectrum.second_db == pytest.approx(-6, abs=0.8)
    noise = spectrum_of(np.random.default_rng(4).normal(0, 3000, 160).astype(np.float32))
    assert noise.pair_purity < 0.6
    assert spectrum_of(np.zeros(160, dtype=np.int16)).is_quiet


def test_blocks_lose_and_repeat_nothing() -> None:
    blocks = Blocks()
    samples = np.arange(1000, dtype=np.int16)
    out = [block for begin in range(0, 1000, 37) for block in blocks.feed(samples[begin : begin + 37])]
    assert np.concatenate(out).tolist() == samples[:960].tolist()
