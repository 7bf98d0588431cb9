"""The network hears speech through what the plain judge takes for speech, and its word does not depend on slicing."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audio import CallAudio, SpeechStarted, UtteranceHeard
from audio.dsp.speech_activity import SpeechActivity, SpeechOffset, SpeechOnset
from audio.dsp.tone import spectrum_of
from audio.errors import RecogniserError
from audio.frame import Clip
from audio.listening.silero import SileroActivity, SileroModel, silero_is_installed, speech_maker

Mix = Callable[..., NDArray[np.int16]]
MakeTone = Callable[..., NDArray[np.float64]]


@pytest.fixture(scope="module")
def make() -> Callable[[], SpeechActivity]:
    return speech_maker("silero")


def onsets(activity: SpeechActivity, sound: NDArray[np.int16]) -> list[SpeechOnset]:
    return [change for change in activity.feed(sound) if isinstance(change, SpeechOnset)]


def test_auto_takes_it_where_it_is_installed() -> None:
    assert silero_is_installed()
    assert isinstance(speech_maker("auto")(), SileroActivity)
    assert type(speech_maker("plain")()) is SpeechActivity


def test_without_the_package_the_plain_one_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audio.listening.silero.find_spec", lambda name: None)
    assert type(speech_maker("auto")()) is SpeechActivity
    with pytest.raises(RecogniserError, match="models fetch silero-vad"):
        speech_maker("silero")


def test_a_file_that_is_no_model_is_told(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("models") / "x.onnx"
    path.write_bytes(b"no model")
    with pytest.raises(RecogniserError, match=r"x\.onnx"):
        SileroModel(path)


@pytest.mark.parametrize("noise_dbfs", [-65, -45, -35])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_speech_begins_and_ends_where_it_does(
    make: Callable[[], SpeechActivity],
    mix: Mix,
    speech: dict[str, list[Clip]],
    language: str,
    noise_dbfs: float,
) -> None:
    for clip in speech[language][1::6]:
        loud = np.flatnonzero(np.abs(clip) > 1500)
        changes = make().feed(mix(1000, clip, 1200, noise_dbfs=noise_dbfs))
        begin, end = changes[0], changes[-1]
        assert isinstance(begin, SpeechOnset)
        assert isinstance(end, SpeechOffset)
        assert abs(begin.begin - 8000 - loud[0]) <= 200 * 8
        assert -300 * 8 <= end.end - 8000 - loud[-1] <= 350 * 8


@pytest.mark.parametrize(
    "frequencies_hz", [450, (440, 480), (480, 620), (941, 1336), (697, 1209), 1000, 2100]
)
def test_tones_and_keys_are_no_speech(
    make: Callable[[], SpeechActivity], mix: Mix, tone: MakeTone, frequencies_hz: Sequence[float]
) -> None:
    assert onsets(make(), mix(500, *[tone(frequencies_hz, 400), 200] * 6, noise_dbfs=-50)) == []


def test_noise_music_and_knocks_are_no_speech(
    make: Callable[[], SpeechActivity], rng: np.random.Generator, tone: MakeTone, mix: Mix
) -> None:
    assert onsets(make(), mix(8000, noise_dbfs=-30)) == []
    # A melody in chords with a beat: what waits in a queue is played.
    chords = [tone([f, f * 5 / 4, f * 3 / 2], 250, -22) for f in (262, 330, 392, 349, 294, 262) * 5]
    assert onsets(make(), mix(400, *chords, noise_dbfs=-50)) == []
    knocks = np.zeros(10 * 8000)
    for begin in range(4000, len(knocks) - 400, 3000):
        knocks[begin : begin + 300] = rng.normal(0, 9000, 300) * np.exp(-np.arange(300) / 60)
    assert onsets(make(), knocks.astype(np.int16)) == []


def test_our_own_echo_is_not_the_callee(make: Callable[[], SpeechActivity], mix: Mix, greeting: Clip) -> None:
    echo = mix(500, greeting * 0.05)
    deaf, keen = make(), make()
    told = []
    for begin in range(0, len(echo) - 160, 160):
        block = echo[begin : begin + 160]
        assert deaf.take_block(block, spectrum_of(block), echo_dbfs=-30.0) is None
        told.append(keen.take_block(block, spectrum_of(block)))
    assert any(told)


def test_a_call_listens_by_it(make: Callable[[], SpeechActivity], mix: Mix, chinese_greeting: Clip) -> None:
    call = CallAudio(speech=make(), listens=True)
    sound = mix(1000, chinese_greeting, 1500)
    told = [
        event
        for frame in sound[: len(sound) // 160 * 160].reshape(-1, 160)
        for event in call.process(frame)[1]
    ]
    assert [type(event) for event in told if isinstance(event, SpeechStarted | UtteranceHeard)] == [
        SpeechStarted, UtteranceHeard,
    ]  # fmt: skip


def test_silence_costs_no_network(
    make: Callable[[], SpeechActivity], monkeypatch: pytest.MonkeyPatch, mix: Mix
) -> None:
    asked = []
    whole = SileroModel.probability

    def count(self: SileroModel, *given: NDArray[np.float32]) -> tuple[float, NDArray[np.float32]]:
        asked.append(1)
        return whole(self, *given)

    monkeypatch.setattr(SileroModel, "probability", count)
    make().feed(mix(20_000, noise_dbfs=-65))
    assert asked == []


@settings(max_examples=8, deadline=None)
@given(cuts=st.lists(st.integers(1, 2000), min_size=1, max_size=30))
def test_its_word_does_not_depend_on_slicing(cuts: list[int]) -> None:
    rng = np.random.default_rng(8)
    pitch = 130 + 30 * np.sin(np.arange(24_000) / 1100)
    buzz = 4000 * np.sign(np.sin(np.cumsum(2 * np.pi * pitch / 8000))) * (np.arange(24_000) // 3000 % 2)
    sound = (np.concatenate([np.zeros(3000), buzz, np.zeros(5000)]) + rng.normal(0, 20, 32_000)).astype(
        np.int16
    )
    make = speech_maker("silero")
    whole = make().feed(sound)
    activity, changes, position = make(), [], 0
    for cut in cuts:
        changes += activity.feed(sound[position : position + cut])
        position += cut
    assert changes + activity.feed(sound[position:]) == whole
