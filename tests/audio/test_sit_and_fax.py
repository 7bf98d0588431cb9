"""Special information tones and fax machines are heard for what they are, and beeps and speech are neither."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audio.dsp.fax import FaxDetector, FaxTone
from audio.dsp.progress_generator import indication_sound, with_noise
from audio.dsp.sit import SitCode, SitDetector
from audio.dsp.tone import BlockSpectrum, spectrum_of
from audio.frame import Clip

Mix = Callable[..., NDArray[np.int16]]
LEAD = 2517

SITS = {
    # Bell's four (artofhacking.com/files/sittone, Bonney 1990) and ITU-T E.180's three tones.
    SitCode.INTERCEPT: "913.8/274,{}1370.6/274,{}1776.7/380",
    SitCode.VACANT: "985.2/380,{}1370.6/274,{}1776.7/380",
    SitCode.REORDER: "913.8/274,{}1428.5/380,{}1776.7/380",
    SitCode.NO_CIRCUIT: "985.2/380,{}1428.5/380,{}1776.7/380",
    SitCode.UNSPECIFIED: "950/330,{}1400/330,{}1800/330",
}


def sounded(
    text: str, *, noise_db: float = 35.0, dbfs: float = -15.0, n_cycles: int = 1, seed: int = 1, **how: Any
) -> Clip:
    sound = indication_sound(text, n_cycles=n_cycles, dbfs=dbfs, seed=seed, **how)
    return with_noise(np.concatenate([np.zeros(LEAD), sound, np.zeros(9000)]), dbfs - noise_db, seed=seed)


@pytest.mark.parametrize("code", SITS)
@pytest.mark.parametrize("gap", ["", "0/15,", "0/30,"])
def test_each_code_is_told_apart(code: SitCode, gap: str) -> None:
    text = SITS[code].format(gap, gap)
    for noise_db, dbfs, seed in ((35.0, -15.0, 1), (35.0, -36.0, 2), (12.0, -20.0, 3)):
        (sit,) = SitDetector().feed(sounded(text, noise_db=noise_db, dbfs=dbfs, seed=seed))
        assert sit.code is code
        assert abs(sit.begin - LEAD) < 80


@pytest.mark.parametrize(
    ("pitch", "tempo"), [(0.997, 1.0), (1.003, 1.0), (1.0, 0.95), (1.0, 1.05), (1.003, 0.95)]
)
def test_codes_survive_what_bell_tolerates(pitch: float, tempo: float) -> None:
    for code, text in SITS.items():
        (sit,) = SitDetector().feed(sounded(text.format("", ""), pitch=pitch, tempo=tempo))
        assert sit.code is code


@pytest.mark.parametrize("text", ["900/260,1350/260,1750/260", "1000/400,1450/400,1850/400"])
def test_itu_tolerances_are_taken(text: str) -> None:
    (sit,) = SitDetector().feed(sounded(text))
    assert sit.code is SitCode.UNSPECIFIED


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("1800/330,1400/330,950/330", id="falling"),
        pytest.param("950/330,1400/330", id="two of three"),
        pytest.param("950/330,0/200,1400/330,0/200,1800/330", id="long pauses"),
        pytest.param("950/150,1400/150,1800/150", id="short tones"),
        pytest.param("950/600,1400/600,1800/600", id="long tones"),
        pytest.param("950/330,0/1000", id="Spain's information tone"),
    ],
)
def test_other_tones_are_no_sit(text: str) -> None:
    assert SitDetector().feed(sounded(text, n_cycles=2)) == []


def test_every_sit_of_a_row_is_told() -> None:
    assert len(SitDetector().feed(sounded("950/330,1400/330,1800/330,0/1000", n_cycles=3))) == 3


@pytest.mark.parametrize(
    ("noise_db", "dbfs", "pitch", "tempo"),
    [
        (35, -15, 1, 1),
        (12, -20, 1, 1),
        (35, -40, 1, 1),
        (35, -15, 1062 / 1100, 0.86),
        (35, -15, 1138 / 1100, 1.14),
    ],
)
def test_a_calling_fax_is_told_once(noise_db: float, dbfs: float, pitch: float, tempo: float) -> None:
    sound = sounded("1100/500,0/3000", n_cycles=3, noise_db=noise_db, dbfs=dbfs, pitch=pitch, tempo=tempo)
    (fax,) = FaxDetector().feed(sound)
    assert fax.tone is FaxTone.CALLING
    assert abs(fax.begin - LEAD) < 80


@pytest.mark.parametrize("text", ["2100/3000", "2115/2600", "2085/4000", "2100*15/3000"])
def test_an_answering_fax_is_told(text: str) -> None:
    (fax,) = FaxDetector().feed(sounded(text, noise_db=15))
    assert fax.tone is FaxTone.ANSWERING


def test_an_answer_with_breaks_of_phase_is_told() -> None:
    """V.25 turns the phase every 450 ms, for the echo cancellers."""
    turns = np.concatenate(
        [(-1) ** turn * indication_sound("2100/450", n_cycles=1, seed=5) for turn in range(7)]
    )
    (fax,) = FaxDetector().feed(with_noise(turns, -50.0))
    assert fax.tone is FaxTone.ANSWERING


def test_a_beep_of_1100_hz_behind_a_greeting_is_no_fax(mix: Mix, greeting: Clip) -> None:
    beep = indication_sound("1100/500", n_cycles=1)
    detector = FaxDetector()
    assert detector.feed(mix(300, greeting, 300)) == []
    told = [detector.take_block(_spectrum(block), is_speech=True) for block in _blocks(greeting)]
    told += [detector.take_block(_spectrum(block)) for block in _blocks(mix(beep, 2000))]
    assert set(told) == {None}
    told = [detector.take_block(_spectrum(block)) for block in _blocks(mix(980, beep, 1000))]
    assert [fax.tone for fax in told if fax] == [FaxTone.CALLING], "the second burst settles it"


@pytest.mark.parametrize(
    "text", ["1100/200,0/3000", "1100/1000,0/3000", "1180/500,0/3000", "2100/700", "2200/3000"]
)
def test_other_tones_are_no_fax(text: str) -> None:
    assert FaxDetector().feed(sounded(text, n_cycles=2 if "," in text else 1)) == []


def test_speech_is_neither(mix: Mix, speech: dict[str, list[Clip]]) -> None:
    for clips in speech.values():
        sound = mix(*[part for clip in clips[::2] for part in (clip, 1100)])
        assert SitDetector().feed(sound) == []
        assert FaxDetector().feed(sound) == []


@settings(max_examples=8, deadline=None)
@given(cuts=st.lists(st.integers(1, 3000), min_size=1, max_size=30))
def test_both_whatever_the_slicing(cuts: list[int]) -> None:
    sound = np.concatenate([sounded(SITS[SitCode.VACANT].format("", "")), sounded("1100/500,0/3000")])
    for make in (SitDetector, FaxDetector):
        whole = make().feed(sound)
        assert len(whole) == 1
        told: list[Any] = []
        detector, position = make(), 0
        for cut in cuts:
            told += detector.feed(sound[position : position + cut])
            position += cut
        assert told + detector.feed(sound[position:]) == whole


def _blocks(sound: Clip) -> NDArray[np.int16]:
    blocks: NDArray[np.int16] = sound[: len(sound) // 160 * 160].reshape(-1, 160)
    return blocks


def _spectrum(block: NDArray[np.int16]) -> BlockSpectrum:
    return spectrum_of(block)
