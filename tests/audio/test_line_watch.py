"""Clipping, dead air and a far end that sends nothing are told, once each, and taken back."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from audio import CallAudio, FaxHeard, LineFaultCleared, LineFaultRaised, Play, ProgressHeard, SitHeard
from audio.dsp.fax import FaxTone
from audio.dsp.line_watch import LineFault
from audio.dsp.progress_generator import indication_sound
from audio.dsp.progress_tones import ProgressTone
from audio.dsp.sit import SitCode
from audio.frame import Clip

Mix = Callable[..., NDArray[np.int16]]
Change = tuple[str, LineFault, int]


def changes(sound: NDArray[np.int16], call: CallAudio | None = None) -> list[Change]:
    """Return what is told of the line's faults, to the second."""
    call = call or CallAudio()
    told: list[Change] = []
    for frame in sound[: len(sound) // 160 * 160].reshape(-1, 160):
        for event in call.process(frame)[1]:
            if isinstance(event, LineFaultRaised | LineFaultCleared):
                what = "raised" if isinstance(event, LineFaultRaised) else "over"
                told.append((what, event.fault, round(event.at_ms / 1000)))
    return told


def speaking(seconds: int) -> CallAudio:
    call = CallAudio()
    noise = np.random.default_rng(4).normal(0, 3000, 8000).astype(np.int16)
    call.order(Play(play_id=1, clips=(noise,) * seconds))
    return call


def test_clipped_speech_is_told_and_taken_back(mix: Mix, greeting: Clip) -> None:
    loud = np.clip(greeting.astype(np.int32) * 12, -32124, 32124).astype(np.int16)
    told = changes(np.concatenate([greeting, loud, greeting, greeting]))
    assert [(what, fault) for what, fault, _ in told] == [
        ("raised", LineFault.CLIPPING),
        ("over", LineFault.CLIPPING),
    ]


def test_loud_speech_and_a_few_clicks_are_no_clipping(mix: Mix, greeting: Clip) -> None:
    loud = (greeting.astype(np.float64) * 30_000 / np.abs(greeting).max()).astype(np.int16)
    clicks = mix(3000)
    clicks[::4000] = 32767
    assert changes(np.concatenate([loud, clicks])) == []


@pytest.mark.parametrize("noise_dbfs", [-90.0, -60.0, -40.0])
def test_dead_air_is_told_after_eight_seconds_until_somebody_speaks(
    mix: Mix, greeting: Clip, noise_dbfs: float
) -> None:
    sound = mix(500, greeting, 13_000, greeting, 1000, noise_dbfs=noise_dbfs)
    end_s = 0.5 + len(greeting) / 8000
    raised, over = changes(sound)
    assert raised[:2] == ("raised", LineFault.DEAD_AIR)
    assert end_s + 7 <= raised[2] <= end_s + 9
    assert over[:2] == ("over", LineFault.DEAD_AIR)
    assert end_s + 12 <= over[2] <= end_s + 15


def test_our_own_voice_and_a_tone_are_no_dead_air(mix: Mix) -> None:
    assert changes(mix(12_000, noise_dbfs=-60), speaking(12)) == []
    assert changes(mix(indication_sound("425/1000,0/4000", n_cycles=3))) == []


def test_no_signal_at_all_while_we_speak_is_one_way_audio(greeting: Clip) -> None:
    nothing = np.zeros(12 * 8000, dtype=np.int16)
    told = changes(np.concatenate([nothing, greeting]), speaking(12))
    assert told[0] == ("raised", LineFault.ONE_WAY_AUDIO, 10)
    assert told[1][:2] == ("over", LineFault.ONE_WAY_AUDIO)


def test_a_constant_offset_is_no_signal_either() -> None:
    stuck = np.full(12 * 8000, 1200, dtype=np.int16)
    assert ("raised", LineFault.ONE_WAY_AUDIO, 10) in changes(stuck, speaking(12))


def test_comfort_noise_or_a_voice_after_seven_seconds_is_a_line_that_works(mix: Mix, greeting: Clip) -> None:
    assert changes(mix(12_000, noise_dbfs=-70), speaking(12)) == []
    assert changes(np.concatenate([np.zeros(7500 * 8, dtype=np.int16), greeting]), speaking(10)) == []


@pytest.mark.parametrize("noise_dbfs", [-60.0, -40.0, -30.0])
def test_a_call_tells_busy_sit_and_fax(mix: Mix, noise_dbfs: float) -> None:
    sound = mix(
        300,
        indication_sound("450/350,0/350", n_cycles=3),
        1000,
        indication_sound("950/330,1400/330,1800/330", n_cycles=1),
        1500,
        indication_sound("2100/2600", n_cycles=1),
        200,
        noise_dbfs=noise_dbfs,
    )
    call, told = CallAudio(countries=("CN",)), []
    for frame in sound[: len(sound) // 160 * 160].reshape(-1, 160):
        told += [e for e in call.process(frame)[1] if isinstance(e, ProgressHeard | SitHeard | FaxHeard)]
    progress, sit, fax = told
    assert isinstance(progress, ProgressHeard)
    assert (progress.tone, progress.countries) == (ProgressTone.BUSY, ("CN",))
    assert abs(progress.at_ms - 300) <= 20
    assert isinstance(sit, SitHeard)
    assert (sit.code, abs(sit.at_ms - 3400) <= 20) == (SitCode.UNSPECIFIED, True)
    assert isinstance(fax, FaxHeard)
    assert (fax.tone, abs(fax.at_ms - 5890) <= 20) == (FaxTone.ANSWERING, True)
