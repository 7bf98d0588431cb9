"""Clips and slots join into one prompt: sample by sample, with a breath where the marks ask for one, without a click."""

import numpy as np
import pytest

from audio.call_audio import CallAudio
from audio.dsp.level import active_level_dbfs, level_dbfs
from audio.events import AudioEvent, PlayFinished, PlayStarted
from audio.frame import Clip, freeze, silence
from audio.orders import BargeIn, Play, StopPlaying
from audio.speech.joining import joined, pause_ms, words_of
from audio.speech.synthesis import to_prompt

FRAME = 160


def syllables(seed: int, seconds: float, rate_hz: int = 8000) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Noise in syllables with silence at both ends, as an engine gives it."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(int(seconds * rate_hz)) / rate_hz
    shape = (np.sin(2 * np.pi * 4 * time_s) > -0.5) * (0.3 + 0.2 * np.sin(2 * np.pi * 7 * time_s))
    ends = np.zeros(rate_hz // 4)
    sound = np.concatenate([ends, rng.normal(0, 0.2, len(time_s)) * shape, ends])
    return np.asarray(sound, dtype=np.float32)


@pytest.mark.parametrize(
    ("before", "after", "length_ms"),
    [
        ("您有", "一千元，", 0),
        ("一千元，", "已于", 160),
        ("一千元", "，对请按1", 160),
        ("温馨提醒：", "您有", 260),
        ("再见。", "谢谢", 380),
        ("This call is recorded. ", "Am I", 380),
        ("Hello ", "Ms Li, ", 0),
        ("three", "four", 0),
        ("Ms Li?", ", yes", 380),
    ],
)
def test_the_pause_is_the_one_that_the_marks_ask_for(before: str, after: str, length_ms: int) -> None:
    assert pause_ms(before, after) == length_ms


def test_a_prompt_has_pauses_between_its_clips_and_none_around() -> None:
    clips = {"您有，": silence(3), "一千元，": silence(5), "，再见。": silence(7)}
    lengths = [len(clip) for clip in joined(list(clips), clips.__getitem__)]
    assert lengths == [3, 1280, 5, 1280, 7]
    slow = [len(clip) for clip in joined(list(clips), clips.__getitem__, slowness=1.5)]
    assert slow == [3, 1920, 5, 1920, 7], "pauses too; clips too short to be stretched stay"
    assert joined([], clips.__getitem__) == ()
    assert words_of("，再见。") == "再见。"


@pytest.mark.parametrize("rate_hz", [8000, 22_050, 24_000, 48_000])
def test_a_prompt_has_its_level_no_silent_ends_and_no_step_at_its_ends(rate_hz: int) -> None:
    clip = to_prompt(syllables(1, 1.0, rate_hz), rate_hz)
    assert 7600 <= len(clip) <= 8600, "the quarter second of silence at each end is cut"
    assert active_level_dbfs(clip) == pytest.approx(-20.0, abs=0.5)
    assert abs(int(clip[0])) <= 2
    assert abs(int(clip[-1])) <= 2
    assert level_dbfs(clip[:240]) > -50, "and no more than that"


@pytest.mark.parametrize("gain", [0.001, 0.3, 4.0])
def test_whatever_the_engine_gave_nothing_is_clipped(gain: float) -> None:
    sound = syllables(2, 1.0)
    sound[len(sound) // 2] = 5.0  # one sharp peak
    clip = to_prompt(sound * np.float32(gain), 8000)
    assert np.abs(clip.astype(int)).max() <= 0.89 * 32768 + 1
    assert np.count_nonzero(np.abs(clip.astype(int)) >= 29_160) <= 2


def test_silence_stays_what_it_is() -> None:
    assert not to_prompt(np.zeros(1000, dtype=np.float32), 8000).any()
    assert len(to_prompt(np.zeros(0, dtype=np.float32), 8000)) == 0


def test_no_join_is_louder_than_the_speech_around_it() -> None:
    """A click would be a step between neighbours beyond any that the clips have inside."""
    clips = {str(number): to_prompt(syllables(number, 0.4), 8000) for number in range(6)}
    parts = joined(list(clips), clips.__getitem__)
    whole = np.concatenate(parts).astype(int)
    joins = np.cumsum([len(part) for part in parts])[:-1]
    steps = np.abs(np.diff(whole))
    assert max(int(steps[join - 1]) for join in joins) <= 100, (
        "breath, of which neighbours differ by this much"
    )
    assert steps.max() > 1000


@pytest.mark.parametrize("lengths", [(800, 800), (800, 25), (25, 800), (40, 40), (0, 800), (800, 0)])
def test_clips_without_a_pause_pass_into_each_other_without_hole_or_step(lengths: tuple[int, int]) -> None:
    """Two halves of one steady tone, cut where it is loudest: no fade at their ends hides what the join does."""
    n_first, n_second = lengths
    time_s = np.arange(n_first + n_second) / 8000
    tone = np.rint(8000 * np.cos(2 * np.pi * 200 * time_s)).astype(np.int16)
    n_overlap = min(40, *lengths)
    clips = {"1": freeze(tone[:n_first]), "2": freeze(tone[n_first - n_overlap :][:n_second])}
    whole = np.concatenate(joined(["1", "2"], clips.__getitem__)).astype(int)
    assert len(whole) == n_first + n_second - n_overlap, "nothing is put between them"
    assert np.abs(whole - tone[: len(whole)]).max() <= 1, "and the same sound on both sides stays as it is"


def test_the_loudest_clips_overlap_without_clipping() -> None:
    loud = freeze(np.full(400, 32_767, dtype=np.int16))
    low = freeze(np.full(400, -32_768, dtype=np.int16))
    assert np.concatenate(joined(["1", "2"], lambda _: loud)).min() >= 32_766
    falling = np.concatenate(joined(["1", "2"], {"1": loud, "2": low}.__getitem__)).astype(int)
    assert (np.diff(falling) <= 0).all(), "from one to the other and no further"


def played(call: CallAudio, n_frames: int) -> tuple[list[Clip], list[AudioEvent]]:
    frames: list[Clip] = []
    events: list[AudioEvent] = []
    for _ in range(n_frames):
        frame, told = call.process(silence(FRAME))
        frames.append(frame.copy())
        events += told
    return frames, events


def test_a_call_says_the_clips_sample_by_sample_across_frames() -> None:
    clips = {str(number): to_prompt(syllables(number, 0.1 + 0.037 * number), 8000) for number in range(7)}
    parts = joined(["0", "1，", "2", "3。", "4", "5", "6"], lambda phrase: clips[phrase[0]])
    want = np.concatenate(parts)
    call = CallAudio()
    call.order(Play(play_id=1, clips=parts))
    frames, events = played(call, len(want) // FRAME + 2)
    assert np.array_equal(np.concatenate(frames)[: len(want)], want)
    assert not np.concatenate(frames)[len(want) :].any()
    (finished,) = [event for event in events if isinstance(event, PlayFinished)]
    assert finished.played_ms == len(want) // 8


def test_playback_starts_in_the_frame_after_the_order() -> None:
    clip = to_prompt(syllables(3, 0.5), 8000)
    call = CallAudio()
    played(call, 10)
    call.order(Play(play_id=1, clips=(clip,)))
    frames, events = played(call, 1)
    assert np.array_equal(frames[0], clip[:FRAME])
    assert [event for event in events if isinstance(event, PlayStarted)]


@pytest.mark.parametrize("barge_in", list(BargeIn))
def test_an_order_to_stop_is_heard_within_one_frame(barge_in: BargeIn) -> None:
    clip = to_prompt(syllables(4, 1.0), 8000)
    call = CallAudio()
    call.order(Play(play_id=1, clips=(clip,), barge_in=barge_in))
    assert played(call, 4)[0][-1].any()
    call.order(StopPlaying())
    frames, events = played(call, 2)
    assert not np.concatenate(frames).any()
    assert [event.interrupted for event in events if isinstance(event, PlayFinished)] == [True]
