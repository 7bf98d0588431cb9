"""One call's sound from frame to frame: prompts, barge-in, keys, recording and levels."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audio import (
    AnswerClassified,
    AudioEvent,
    AudioFormat,
    AudioOrder,
    BargeIn,
    BeepHeard,
    CallAudio,
    DigitHeard,
    Frame,
    LevelReport,
    Play,
    PlayFinished,
    PlayStarted,
    RecordingChunk,
    SendDigits,
    SpeechEnded,
    SpeechStarted,
    StartRecording,
    StopPlaying,
    StopRecording,
)
from audio.dsp.answer import AnswerClass
from audio.dsp.dtmf_detector import DtmfDetector
from audio.dsp.dtmf_generator import digits_clip
from audio.errors import UnsupportedFormatError
from audio.frame import Clip, silence

QUIET = silence(160)


def ramp(n_samples: int, first: int = 1) -> Clip:
    """Return a clip whose every sample says which it is."""
    return np.arange(first, first + n_samples, dtype=np.int16)


def run(call: CallAudio, frames: Sequence[Frame]) -> tuple[NDArray[np.int16], list[AudioEvent]]:
    out, events = [], []
    for frame in frames:
        said, told = call.process(frame)
        out.append(said.copy())
        events += told
    return np.concatenate(out), events


def without_levels(events: list[AudioEvent]) -> list[AudioEvent]:
    """Drop the reports, and what is said of a far end that says nothing."""
    return [
        event
        for event in events
        if not isinstance(event, LevelReport)
        and not (isinstance(event, AnswerClassified) and event.answer is AnswerClass.SILENCE)
    ]


def test_prompts_play_one_after_the_other_to_the_sample() -> None:
    call = CallAudio()
    call.order(Play(play_id=1, clips=(ramp(250), ramp(100, 1000))))
    call.order(Play(play_id=2, clips=(ramp(90, 5000),)))
    said, events = run(call, [QUIET] * 4)
    assert said[:440].tolist() == [*range(1, 251), *range(1000, 1100), *range(5000, 5090)]
    assert not said[440:].any()
    assert events == [
        PlayStarted(play_id=1, at_ms=0),
        PlayFinished(play_id=1, at_ms=40, played_ms=43, interrupted=False),
        PlayStarted(play_id=2, at_ms=40),
        PlayFinished(play_id=2, at_ms=40, played_ms=11, interrupted=False),
    ]


@pytest.mark.parametrize("clips", [(), (silence(0), silence(0))])
def test_a_play_of_nothing_is_over_at_once(clips: tuple[Clip, ...]) -> None:
    call = CallAudio()
    call.order(Play(play_id=7, clips=clips))
    _, events = run(call, [QUIET])
    assert events == [
        PlayStarted(play_id=7, at_ms=0),
        PlayFinished(play_id=7, at_ms=0, played_ms=0, interrupted=False),
    ]


def test_a_clip_of_whole_frames_ends_in_its_last_frame() -> None:
    call = CallAudio()
    call.order(Play(play_id=1, clips=(ramp(320),)))
    call.order(Play(play_id=2, clips=(ramp(160),)))
    _, events = run(call, [QUIET] * 3)
    assert events == [
        PlayStarted(play_id=1, at_ms=0),
        PlayFinished(play_id=1, at_ms=20, played_ms=40, interrupted=False),
        PlayStarted(play_id=2, at_ms=40),
        PlayFinished(play_id=2, at_ms=40, played_ms=20, interrupted=False),
    ]


def test_a_frame_within_one_clip_is_not_copied() -> None:
    call, clip = CallAudio(), ramp(3200)
    clip.flags.writeable = False
    call.order(Play(play_id=1, clips=(clip,)))
    frame, _ = call.process(QUIET)
    assert np.shares_memory(frame, clip)


def test_stop_playing_silences_the_next_frame_and_forgets_what_waits() -> None:
    call = CallAudio()
    call.order(Play(play_id=1, clips=(ramp(8000),)))
    call.order(Play(play_id=2, clips=(ramp(8000),)))
    run(call, [QUIET] * 3)
    call.order(StopPlaying())
    said, events = run(call, [QUIET] * 3)
    assert not said.any()
    assert events == [
        PlayFinished(play_id=1, at_ms=60, played_ms=60, interrupted=True),
        PlayFinished(play_id=2, at_ms=60, played_ms=0, interrupted=True),
    ]


def pressed(mix: Callable[..., NDArray[np.int16]], key: str = "5", held_ms: int = 120) -> NDArray[np.int16]:
    return mix(200, digits_clip(key, tone_ms=held_ms), 300)


@pytest.mark.parametrize(
    ("barge_in", "is_cut"), [(BargeIn.NONE, False), (BargeIn.DTMF, True), (BargeIn.SPEECH, True)]
)
def test_a_key_cuts_the_prompts_that_allow_it_within_its_frame(
    mix: Callable[..., NDArray[np.int16]],
    frames_of: Callable[[NDArray[np.int16]], list[Frame]],
    barge_in: BargeIn,
    is_cut: bool,
) -> None:
    call = CallAudio()
    call.order(Play(play_id=1, clips=(np.full(80_000, 500, dtype=np.int16),), barge_in=barge_in))
    cut_at = None
    events: list[AudioEvent] = []
    for number, frame in enumerate(frames_of(pressed(mix, held_ms=2000))):
        said, told = call.process(frame)
        events += told
        if any(isinstance(event, PlayFinished) for event in told):
            assert not said.any()  # not one frame more
            cut_at = number * 20
    assert (cut_at is not None) is is_cut
    if cut_at is not None:
        assert 220 <= cut_at <= 260  # 40 ms of tone are enough, long before the finger leaves the key
    (digit,) = [event for event in events if isinstance(event, DigitHeard)]
    assert digit.digit == "5"
    assert abs(digit.at_ms - 200) <= 15
    assert abs(digit.duration_ms - 2000) <= 25


def test_a_key_cuts_what_follows_too_but_never_a_notice(
    mix: Callable[..., NDArray[np.int16]], frames_of: Callable[[NDArray[np.int16]], list[Frame]]
) -> None:
    call = CallAudio()
    for play_id, barge_in in ((1, BargeIn.DTMF), (2, BargeIn.DTMF), (3, BargeIn.NONE), (4, BargeIn.DTMF)):
        call.order(Play(play_id=play_id, clips=(ramp(1600),), barge_in=barge_in))
    _, events = run(call, frames_of(mix(60, digits_clip("1"), 400)))
    finished = {event.play_id: event.interrupted for event in events if isinstance(event, PlayFinished)}
    assert finished == {1: True, 2: True, 3: False, 4: False}


@pytest.mark.parametrize(
    ("barge_in", "is_cut"), [(BargeIn.NONE, False), (BargeIn.DTMF, False), (BargeIn.SPEECH, True)]
)
def test_speech_cuts_only_the_prompts_that_allow_it(
    mix: Callable[..., NDArray[np.int16]],
    frames_of: Callable[[NDArray[np.int16]], list[Frame]],
    greeting: Clip,
    barge_in: BargeIn,
    is_cut: bool,
) -> None:
    call = CallAudio()
    prompt = np.random.default_rng(2).normal(0, 1500, 160_000).astype(np.int16)
    call.order(Play(play_id=1, clips=(prompt,), barge_in=barge_in))
    _, events = run(call, frames_of(mix(1000, greeting, 800)))
    started = next(event for event in events if isinstance(event, SpeechStarted))
    assert 950 <= started.at_ms <= 1200
    (ended,) = [event for event in events if isinstance(event, SpeechEnded)][-1:]
    assert abs(ended.at_ms - 1000 - len(greeting) // 8) <= 350
    finished = [event for event in events if isinstance(event, PlayFinished)]
    assert bool(finished) is is_cut
    assert all(event.interrupted and event.at_ms <= started.at_ms + 160 for event in finished)


def test_our_own_voice_coming_back_is_neither_speech_nor_a_key(
    speech: dict[str, list[Clip]], mix: Callable[..., NDArray[np.int16]]
) -> None:
    """An echo 28 dB down and 180 ms late, of a prompt with keys in it."""
    call = CallAudio()
    call.order(Play(play_id=1, clips=(speech["zh"][1],), barge_in=BargeIn.SPEECH))
    line = mix(180 + len(speech["zh"][1]) / 8 + 200, noise_dbfs=-65)
    events: list[AudioEvent] = []
    for begin in range(0, len(line) - 160, 160):
        frame_out, told = call.process(line[begin : begin + 160].astype(np.int16))
        events += told
        echo_at = begin + 180 * 8
        room = line[echo_at : echo_at + 160]
        room += (frame_out[: len(room)] * 10 ** (-28 / 20)).astype(np.int16)
    told_of = without_levels(events)
    assert told_of[0] == PlayStarted(play_id=1, at_ms=0)
    (finished,) = told_of[1:]
    assert isinstance(finished, PlayFinished)
    assert not finished.interrupted


def test_keys_are_sent_as_tones_and_their_echo_is_not_heard() -> None:
    call = CallAudio()
    call.order(Play(play_id=1, clips=(ramp(320),)))
    call.order(SendDigits(digits="1234#"))
    delay: list[Frame] = [QUIET] * 9
    said, events = [], []
    for _ in range(70):
        frame, told = call.process((delay.pop(0) // 4).astype(np.int16))
        delay.append(frame)
        said.append(frame.copy())
        events += told
    assert "".join(digit.digit for digit in DtmfDetector().feed(np.concatenate(said))) == "1234#"
    finished = [event for event in events if isinstance(event, PlayFinished)]
    assert [event.at_ms for event in finished] == [1020]  # the prompt waited for the keys, and lost nothing
    assert not [event for event in events if isinstance(event, DigitHeard | SpeechStarted)]


@pytest.mark.parametrize("noise_dbfs", [-60, -19.5])
def test_keys_of_the_callee_are_no_speech_and_no_beep(
    mix: Callable[..., NDArray[np.int16]],
    frames_of: Callable[[NDArray[np.int16]], list[Frame]],
    noise_dbfs: float,
) -> None:
    """In 9 dB of noise a key is no longer a clean pair of tones, and still a key."""
    sound = mix(3000, digits_clip("1234567890*#", tone_ms=250, pause_ms=400), 500, noise_dbfs=noise_dbfs)
    _, events = run(CallAudio(), frames_of(sound))
    assert "".join(event.digit for event in events if isinstance(event, DigitHeard)) == "1234567890*#"
    assert not [event for event in events if isinstance(event, SpeechStarted | BeepHeard)]


def test_a_machine_s_beep_is_heard(
    mix: Callable[..., NDArray[np.int16]],
    frames_of: Callable[[NDArray[np.int16]], list[Frame]],
    tone: Callable[..., NDArray[np.float64]],
    greeting: Clip,
) -> None:
    _, events = run(CallAudio(), frames_of(mix(500, greeting, 500, tone(1000, 300), 700)))
    (beep,) = [event for event in events if isinstance(event, BeepHeard)]
    assert abs(beep.at_ms - 1000 - len(greeting) // 8) <= 40
    assert beep.frequency_hz == pytest.approx(1000, abs=3)


def test_a_recording_holds_both_directions_aligned_and_nothing_from_before() -> None:
    call = CallAudio(recording_chunk_ms=100)
    frames_in = [np.full(160, number, dtype=np.int16) for number in range(1, 31)]
    call.order(Play(play_id=1, clips=(ramp(30 * 160),)))
    chunks: list[RecordingChunk] = []
    for number, frame in enumerate(frames_in):
        if number == 4:
            call.order(StartRecording())
        if number == 16:
            call.order(StopRecording())
        chunks += [event for event in call.process(frame)[1] if isinstance(event, RecordingChunk)]
    assert [(c.index, c.first_at_ms, c.is_last) for c in chunks] == [
        (0, 80, False),
        (1, 180, False),
        (2, 280, True),
    ]
    sound = np.frombuffer(b"".join(chunk.pcm for chunk in chunks), dtype="<i2").reshape(-1, 2)
    assert sound[:, 0].tolist() == [number for number in range(5, 17) for _ in range(160)]
    assert sound[:, 1].tolist() == list(range(4 * 160 + 1, 16 * 160 + 1))


def test_stopping_a_recording_at_a_chunk_s_end_still_tells_the_last() -> None:
    call = CallAudio(recording_chunk_ms=40)
    call.order(StartRecording())
    call.order(StartRecording())  # twice changes nothing
    _, events = run(call, [QUIET] * 2)
    call.order(StopRecording())
    call.order(StopRecording())
    _, more = run(call, [QUIET])
    chunks = [event for event in [*events, *more] if isinstance(event, RecordingChunk)]
    assert [(chunk.index, len(chunk.pcm), chunk.is_last) for chunk in chunks] == [
        (0, 1280, False),
        (1, 0, True),
    ]


def test_levels_are_told_every_second() -> None:
    call = CallAudio()
    call.order(Play(play_id=1, clips=(np.full(8000, 3277, dtype=np.int16),)))
    _, events = run(call, [np.full(160, 328, dtype=np.int16)] * 100)
    first, second = [event for event in events if isinstance(event, LevelReport)]
    assert (first.at_ms, second.at_ms) == (1000, 2000)
    assert first.in_dbfs == pytest.approx(-40, abs=0.05)
    assert first.out_dbfs == pytest.approx(-20, abs=0.05)
    assert second.out_dbfs == pytest.approx(-96.3)


def test_the_end_of_the_call_leaves_nothing_open(
    mix: Callable[..., NDArray[np.int16]],
    frames_of: Callable[[NDArray[np.int16]], list[Frame]],
    greeting: Clip,
) -> None:
    call = CallAudio()
    call.order(StartRecording())
    run(call, frames_of(mix(1000, greeting[: 8 * 600], digits_clip("8", tone_ms=200, pause_ms=0)))[:89])
    call.order(Play(play_id=3, clips=(ramp(1600),)))
    events = call.finish()
    kinds = [type(event) for event in events]
    assert kinds == [DigitHeard, SpeechEnded, AnswerClassified, PlayFinished, RecordingChunk]
    chunk = events[-1]
    assert isinstance(chunk, RecordingChunk)
    assert chunk.is_last
    assert call.finish() == []


def test_other_formats_are_refused() -> None:
    with pytest.raises(UnsupportedFormatError):
        CallAudio(AudioFormat(rate_hz=16000))
    with pytest.raises(UnsupportedFormatError):
        CallAudio().process(silence(159))


ORDERS = st.one_of(
    st.builds(
        Play,
        play_id=st.integers(0, 99),
        clips=st.lists(st.integers(0, 900).map(ramp), max_size=3).map(tuple),
        barge_in=st.sampled_from(BargeIn),
    ),
    st.just(StopPlaying()),
    st.just(StartRecording()),
    st.just(StopRecording()),
    st.sampled_from("19#").map(lambda digits: SendDigits(digits=digits)),
)


@settings(max_examples=60, deadline=None)
@given(
    script=st.lists(st.tuples(st.integers(1, 12), st.lists(ORDERS, max_size=3)), max_size=8),
    seed=st.integers(0, 3),
)
def test_every_play_starts_and_finishes_once_and_the_same_input_gives_the_same_output(
    script: list[tuple[int, list[AudioOrder]]], seed: int
) -> None:
    def replay() -> tuple[list[bytes], list[AudioEvent]]:
        rng = np.random.default_rng(seed)
        call = CallAudio(recording_chunk_ms=60)
        said, events = [], []
        for n_frames, orders in script:
            for order in orders:
                call.order(order)
            for _ in range(n_frames):
                frame, told = call.process(rng.normal(0, 500, 160).astype(np.int16))
                assert frame.shape == (160,)
                said.append(frame.tobytes())
                events += told
        return said, events + call.finish()

    said, events = replay()
    assert (said, events) == replay()
    ordered = [order.play_id for _, orders in script for order in orders if isinstance(order, Play)]
    assert [event.play_id for event in events if isinstance(event, PlayFinished)] == ordered
    started = [event.play_id for event in events if isinstance(event, PlayStarted)]
    played = [event for event in events if isinstance(event, PlayFinished) and event.played_ms > 0]
    assert len(started) >= len(played)
    chunks = [event for event in events if isinstance(event, RecordingChunk)]
    assert sum(chunk.is_last for chunk in chunks) == sum(chunk.index == 0 for chunk in chunks)
