"""Ringing, busy, congestion and dial tones of every country in the table are heard; speech never is one."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audio.dsp.progress import HeardProgress, ProgressDetector
from audio.dsp.progress_generator import indication_sound, with_noise
from audio.dsp.progress_tones import COUNTRIES, ProgressTone, beats_of, indications_of
from audio.dsp.tone import spectrum_of
from audio.frame import Clip
from benchmarks.call_tones import lossy
from benchmarks.dtmf_sweep import coded

Mix = Callable[..., NDArray[np.int16]]
BUSY, CONGESTION, RINGBACK = ProgressTone.BUSY, ProgressTone.CONGESTION, ProgressTone.RINGBACK

# Written down apart from the table: ringback, busy, congestion, as "Hz on/off/on/off..." (E.180, by way of Asterisk).
WORLD = {
    "CN": ("450 1000/4000", "450 350/350", "450 700/700"),
    "US": ("440+480 2000/4000", "480+620 500/500", "480+620 250/250"),
    "CA": ("440+480 2000/4000", "480+620 500/500", "480+620 250/250"),
    "GB": ("400+450 400/200/400/2000", "400 375/375", "400 400/350/225/525"),
    "DE": ("425 1000/4000", "425 480/480", "425 240/240"),
    "FR": ("440 1500/3500", "440 500/500", "440 250/250"),
    "ES": ("425 1500/3000", "425 200/200", "425 200/200/200/200/200/600"),
    "IT": ("425 1000/4000", "425 500/500", "425 200/200"),
    "RU": ("425 1000/4000", "425 350/350", "425 175/175"),
    "JP": ("400+15 1000/2000", "400 500/500", "400 500/500"),
    "IN": ("400*25 400/200/400/2000", "400 750/750", "400 250/250"),
    "AU": ("413+438 400/200/400/2000", "425 375/375", "425,420 375/375/375/375"),
    "SG": ("425*24 400/200/400/2000", "425 750/750", "425 250/250"),
    "MY": ("425 400/200/400/2000", "425 500/500", "425 500/500"),
    "TH": ("420 1000/5000", "400 500/500", "400 300/300"),
    "PH": ("425+480 1000/4000", "480+620 500/500", "480+620 250/250"),
    "TW": ("440+480 1000/2000", "480+620 500/500", "480+620 250/250"),
    "BR": ("425 1000/4000", "425 250/250", "425 250/250/750/250"),
    "MX": ("425 1000/4000", "425 250/250", "425 250/250"),
    "ZA": ("400*33 400/200/400/2000", "400 500/500", "400 250/250"),
}
ROWS = [
    pytest.param(country, tone, text, id=f"{country} {tone.value}")
    for country, texts in WORLD.items()
    for tone, text in zip((RINGBACK, BUSY, CONGESTION), texts, strict=True)
]


def indication(text: str) -> str:
    """Return "450 350/350" as "450/350,0/350"; pitches parted by commas take turns."""
    sounds, durations = text.split()
    pitches = sounds.split(",")
    ms = durations.split("/")
    parts = [
        f"{pitches[i // 2 % len(pitches)]}/{on},0/{off}"
        for i, (on, off) in enumerate(zip(ms[::2], ms[1::2], strict=True))
        for i in (2 * i,)
    ]
    return ",".join(parts)


def sounded(text: str, n_cycles: float = 4, *, noise_db: float = 30.0, seed: int = 1, **how: Any) -> Clip:
    """Return a tone list over white noise, after a third of a second without it."""
    sound = indication_sound(text, n_cycles=int(np.ceil(n_cycles)), seed=seed, **how)
    sound = sound[: round(len(sound) * n_cycles / np.ceil(n_cycles))]
    return with_noise(np.concatenate([np.zeros(2517), sound]), how.get("dbfs", -15.0) - noise_db, seed=seed)


def heard(sound: Clip, *countries: str) -> list[HeardProgress]:
    return ProgressDetector(countries or COUNTRIES).feed(sound)


@pytest.mark.parametrize(("country", "tone", "text"), ROWS)
def test_every_tone_of_every_country_is_heard(country: str, tone: ProgressTone, text: str) -> None:
    is_slow = sum(beat.on_ms + beat.off_ms for beat in beats_of(indication(text))) > 2500
    n_cycles = 2.1 if is_slow else 4.0
    (own,) = heard(sounded(indication(text), n_cycles), country)
    assert tone in (own.tone, *own.others)
    assert own.tone is tone or beats_of(indications_of(country)[own.tone]) == beats_of(indication(text))
    (one,) = heard(sounded(indication(text), n_cycles, noise_db=15.0, seed=2))
    assert (one.tone is tone and country in one.countries) or tone in one.others
    # Three sound like the beginning of Spain's congestion, and wait to hear whether they are.
    late = 4800 if country in {"ES", "IT", "RU"} else 0
    assert -200 <= own.begin - 2517 <= 200 + late


def test_the_table_is_what_was_written_down() -> None:
    assert set(WORLD) == set(COUNTRIES)
    for country, texts in WORLD.items():
        table = indications_of(country)
        for tone, text in zip((RINGBACK, BUSY, CONGESTION), texts, strict=True):
            assert beats_of(table[tone]) == beats_of(indication(text)), (country, tone)


@pytest.mark.parametrize(
    ("country", "tone", "begin", "end"),
    [("CN", BUSY, 1.4, 1.45), ("DE", BUSY, 1.92, 1.97), ("CN", RINGBACK, 10.0, 10.05), ("US", BUSY, 2, 2.05)],
)
def test_a_tone_is_told_when_two_cycles_are_whole(
    country: str, tone: ProgressTone, begin: float, end: float
) -> None:
    sound = sounded(indications_of(country)[tone])
    assert heard(sound[: 2517 + round((begin - 0.06) * 8000)], country) == []
    assert len(heard(sound[: 2517 + round(end * 8000)], country)) == 1


def test_a_tone_is_told_once_however_long_it_goes_on_and_again_when_it_comes_back() -> None:
    busy = sounded("450/350,0/350", 40)
    assert len(heard(busy, "CN")) == 1
    assert len(heard(np.concatenate([busy, np.zeros(50_000, dtype=np.int16), busy]), "CN")) == 2


def test_ringing_that_turns_busy_is_told_as_both() -> None:
    sound = np.concatenate([sounded("450/1000,0/4000", 2), sounded("450/350,0/350")])
    assert [one.tone for one in heard(sound, "CN")] == [RINGBACK, BUSY]


def test_a_shorter_cadence_waits_while_it_may_become_a_longer_one() -> None:
    assert [one.tone for one in heard(sounded("425/200,0/200", 5), "ES")] == [BUSY]
    assert [one.tone for one in heard(sounded(indications_of("ES")[CONGESTION], 3), "ES")] == [CONGESTION]
    assert [one.tone for one in heard(sounded("425/375,0/375", 3), "AU")] == [BUSY]
    assert [one.tone for one in heard(sounded(indications_of("AU")[CONGESTION], 3), "AU")] == [CONGESTION]


def test_what_means_two_things_names_both() -> None:
    (one,) = heard(sounded("425/250,0/250", 5))
    assert {one.tone, *one.others} >= {BUSY, CONGESTION}


@pytest.mark.parametrize("country", ["CN", "DE", "US", "GB", "JP"])
def test_a_dial_tone_is_heard_after_three_seconds(country: str) -> None:
    sound = sounded(indications_of(country)[ProgressTone.DIAL], 1, endless_ms=3500)
    assert heard(sound[:24_000], country) == []
    assert [one.tone for one in heard(sound, country)] == [ProgressTone.DIAL]


@pytest.mark.parametrize("country", ["CN", "US", "GB", "ES", "BR"])
@pytest.mark.parametrize(
    "how",
    [{"pitch": 0.98}, {"pitch": 1.02}, {"tempo": 0.93}, {"tempo": 1.07}, {"dbfs": -6.0}, {"dbfs": -38.0}],
    ids=str,
)
def test_a_tone_a_little_off_is_heard(country: str, how: dict[str, Any]) -> None:
    for tone in (BUSY, CONGESTION):
        (one,) = heard(sounded(indications_of(country)[tone], 5, **how), country)
        assert one.tone is tone


@pytest.mark.parametrize("law", ["ULAW", "ALAW"])
def test_g711_changes_nothing(law: str) -> None:
    for country in ("CN", "US", "IN"):
        for tone in (RINGBACK, BUSY, CONGESTION):
            file = io.BytesIO()
            sound = sounded(indications_of(country)[tone])
            soundfile.write(file, sound, 8000, format="RAW", subtype=law)
            file.seek(0)
            back, _ = soundfile.read(
                file, dtype="int16", samplerate=8000, channels=1, format="RAW", subtype=law
            )
            assert heard(back, country)[0].tone is heard(sound, country)[0].tone


@pytest.mark.parametrize("coding", ["gsm", "amr-12.2", "amr-4.75"])
def test_the_codecs_of_mobile_networks_change_nothing(coding: str) -> None:
    for country in ("CN", "US", "IN"):
        for tone in (RINGBACK, BUSY, CONGESTION):
            sound = coded(sounded(indications_of(country)[tone]), coding)
            assert heard(sound, country)[0].tone is tone


@pytest.mark.parametrize("share", [0.01, 0.03])
@pytest.mark.parametrize("country", ["CN", "US", "GB", "ES"])
def test_lost_packets_break_no_cadence(country: str, share: float) -> None:
    for tone in (RINGBACK, BUSY, CONGESTION):
        sound = lossy(sounded(indications_of(country)[tone], 5), share)
        assert [one.tone for one in heard(sound, country)] == [tone]


@pytest.mark.parametrize(
    "how", [{"pitch": 0.94}, {"pitch": 1.06}, {"tempo": 0.75}, {"tempo": 1.3}, {"dbfs": -52.0}], ids=str
)
@pytest.mark.parametrize("country", ["CN", "US"])
def test_a_tone_far_off_is_not_heard(country: str, how: dict[str, Any]) -> None:
    assert heard(sounded(indications_of(country)[BUSY], 6, **how), country) == []


def test_one_cycle_is_not_enough_nor_is_a_second_that_is_cut_short() -> None:
    quiet = np.zeros(8000, dtype=np.int16)
    for n_cycles in (1, 1.35, 2 - 0.1):
        assert heard(sounded("450/350,0/350", n_cycles)) == []
    assert heard(np.concatenate([sounded("450/350,0/350", 1), quiet])) == []
    assert heard(np.concatenate([sounded("450/350,0/350", 1.35), quiet])) == []


def test_a_voice_between_the_tones_makes_the_count_begin_anew(mix: Mix, greeting: Clip) -> None:
    tone = indication_sound("450/350", n_cycles=1)
    word = greeting[2000 : 2000 + 8 * 250]
    sound = mix(300, *[part for _ in range(8) for part in (tone, 50, word, 50)])
    assert heard(sound) == []
    assert len(heard(mix(300, *[part for _ in range(8) for part in (tone, 350)]))) == 1


def test_a_faint_voice_between_the_tones_counts_and_noise_does_not(mix: Mix, greeting: Clip) -> None:
    """The speech detector says speech of both."""
    word = 0.2 * greeting[2000:4000].astype(np.float64)
    for pause, n_told in ((word, 0), (np.zeros(2000), 1)):
        sound = mix(
            *[part for _ in range(6) for part in (indication_sound("450/350", n_cycles=1), 50, pause, 50)],
            noise_dbfs=-32.0 if n_told else -60.0,
        )
        detector = ProgressDetector()
        blocks = sound[: len(sound) // 160 * 160].reshape(-1, 160)
        told = [detector.take_block(spectrum_of(block), is_speech=True) for block in blocks]
        assert sum(one is not None for one in told) == n_told


def test_tones_that_change_level_or_pitch_are_no_cadence(mix: Mix) -> None:
    changes: tuple[dict[str, Any], ...] = ({"dbfs": -22.0}, {"pitch": 1.03})
    for change in changes:
        one, other = (
            indication_sound("450/350", n_cycles=1),
            indication_sound("450/350", n_cycles=1, **change),
        )
        assert heard(mix(300, *[part for _ in range(6) for part in (one, 350, other, 350)]), "CN") == []


def test_speech_in_two_languages_rings_nothing(mix: Mix, speech: dict[str, list[Clip]]) -> None:
    """Three minutes of it; benchmarks/call_tones.py takes as much as it is given."""
    for clips in speech.values():
        assert heard(mix(*[part for clip in clips for part in (clip, 350)])) == []


def test_a_country_that_is_not_in_the_table_is_refused() -> None:
    with pytest.raises(ValueError, match="XX"):
        ProgressDetector(["XX"])


@settings(max_examples=8, deadline=None)
@given(cuts=st.lists(st.integers(1, 3000), min_size=1, max_size=30))
def test_tones_whatever_the_slicing(cuts: list[int]) -> None:
    sound = np.concatenate([sounded("450/350,0/350"), sounded("480+620/250,0/250")])
    whole = heard(sound)
    assert [one.tone for one in whole] == [BUSY, CONGESTION]
    detector, told, position = ProgressDetector(), [], 0
    for cut in cuts:
        told += detector.feed(sound[position : position + cut])
        position += cut
    assert told + detector.feed(sound[position:]) == whole
