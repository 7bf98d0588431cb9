"""What the callee says is kept whole, and ends when it should: at once after a yes, not in the middle of a thought."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audio import (
    BargeIn,
    CallAudio,
    Listen,
    Play,
    PlayFinished,
    SpeechEnded,
    SpeechStarted,
    UtteranceHeard,
    UtterancePaused,
)
from audio.dsp.endpointer import (
    EARLY_MOST_MS,
    EARLY_QUIET_MS,
    MAX_UTTERANCE_MS,
    PRE_ROLL_MS,
    TAIL_MS,
    Endpointer,
    Patience,
)
from audio.events import AudioEvent
from audio.frame import Clip

Mix = Callable[..., NDArray[np.int16]]


def heard(sound: NDArray[np.int16], patience: Patience = Patience.OPEN) -> list[tuple[int, AudioEvent]]:
    """Return what a listening call tells of the sound, each with the moment when it does."""
    call = CallAudio(listens=True)
    call.order(Listen(patience=patience))
    told = []
    for frame in sound[: len(sound) // 160 * 160].reshape(-1, 160):
        told += [(call.now_ms, event) for event in call.process(frame)[1]]
    return told + [(call.now_ms, event) for event in call.finish()]


def utterances(told: list[tuple[int, AudioEvent]]) -> list[tuple[int, UtteranceHeard]]:
    return [(at, event) for at, event in told if isinstance(event, UtteranceHeard)]


def voice(ms: int, dbfs: float = -20.0) -> NDArray[np.float64]:
    """Return a buzz with a moving pitch, in syllables: what every detector takes for a voice."""
    n_samples = ms * 8
    time = np.arange(n_samples)
    pitch = 130 + 30 * np.sin(time / 1100)
    syllables = np.where(time % 2000 < 1600, 1.0, 0.05)
    return np.asarray(
        32768 * 10 ** (dbfs / 20) * syllables * np.sign(np.sin(np.cumsum(2 * np.pi * pitch / 8000)))
    )


@pytest.mark.parametrize(
    ("patience", "speech_ms", "soonest_ms", "latest_ms"),
    [
        pytest.param(Patience.ANSWER, 400, 280, 360, id="a yes to a closed question ends fast"),
        pytest.param(Patience.ANSWER, 1450, 480, 560, id="a longer answer to it may hold a comma"),
        pytest.param(Patience.OPEN, 400, 680, 760, id="a word where a sentence may come"),
        pytest.param(Patience.DIGITS, 600, 1080, 1160, id="digits come in groups"),
    ],
)
def test_a_turn_ends_after_the_pause_that_fits_it(
    mix: Mix, patience: Patience, speech_ms: int, soonest_ms: int, latest_ms: int
) -> None:
    told = heard(mix(600, voice(speech_ms), 2000), patience)
    ((at_ms, utterance),) = utterances(told)
    assert abs(utterance.at_ms - 600 - speech_ms) <= 40
    assert soonest_ms <= at_ms - (600 + speech_ms) <= latest_ms


@pytest.mark.parametrize(
    ("patience", "gap_ms", "n_turns"),
    [
        pytest.param(Patience.OPEN, 600, 1, id="who thinks is not cut off"),
        pytest.param(Patience.DIGITS, 900, 1, id="four, one -- two, three"),
        pytest.param(Patience.ANSWER, 600, 2, id="yes. Who is this?"),
        pytest.param(Patience.OPEN, 1300, 2, id="two sentences"),
    ],
)
def test_a_pause_parts_turns_or_does_not(mix: Mix, patience: Patience, gap_ms: int, n_turns: int) -> None:
    told = heard(mix(600, voice(700), gap_ms, voice(700), 2000), patience)
    assert len(utterances(told)) == n_turns


def test_a_pause_that_may_end_the_turn_is_told_early_and_once(mix: Mix) -> None:
    """What is told then is the turn itself, but for the end of its silence."""
    told = heard(mix(600, voice(500), 500, voice(500), 2000))
    early = [(at, event) for at, event in told if isinstance(event, UtterancePaused)]
    ((ended_at, whole),) = utterances(told)
    assert len(early) == 2
    (_, first), (last_at, last) = early
    assert (last.at_ms, last.duration_ms) == (whole.at_ms, whole.duration_ms)
    assert whole.pcm.startswith(last.pcm)
    assert whole.pcm.startswith(first.pcm[: len(first.pcm) - EARLY_QUIET_MS * 16])
    assert EARLY_QUIET_MS - 20 <= last_at - last.at_ms <= EARLY_QUIET_MS + 20
    assert ended_at - last_at >= 500


def test_a_long_turn_is_told_when_it_is_over_and_not_before(mix: Mix) -> None:
    told = heard(mix(600, voice(EARLY_MOST_MS + 500), 300, voice(400), 1500))
    early = [event.duration_ms for _, event in told if isinstance(event, UtterancePaused)]
    assert utterances(told)
    assert max(early, default=0) <= EARLY_MOST_MS


def test_what_is_kept_begins_before_the_first_sound_and_holds_all_of_it(mix: Mix, greeting: Clip) -> None:
    sound = mix(1000, greeting, 1500)
    ((_, utterance),) = utterances(heard(sound))
    kept = np.frombuffer(utterance.pcm, dtype="<i2")
    begin = next(
        place
        for place in range(len(sound) - len(kept))
        if np.array_equal(sound[place : place + len(kept)], kept)
    )
    loud = np.flatnonzero(np.abs(greeting) > 300) + 8000
    assert begin <= loud[0]
    assert begin + len(kept) >= loud[-1]
    assert begin >= 8000 - (PRE_ROLL_MS + 120) * 8
    assert begin + len(kept) <= 8000 + len(greeting) + (TAIL_MS + 60) * 8


def test_a_soft_first_sound_is_kept(mix: Mix, rng: np.random.Generator) -> None:
    """The hiss of a 是 or an "s" is no onset for the detector, and a word without it is another word."""
    hiss = rng.normal(0, 150, 180 * 8)
    ((_, utterance),) = utterances(heard(mix(1000, hiss, voice(400), 1500)))
    kept = np.frombuffer(utterance.pcm, dtype="<i2").astype(float)
    loud_from = int(np.argmax(np.abs(kept) > 2000))
    before = kept[max(0, loud_from - 170 * 8) : loud_from]
    assert len(before) == 170 * 8
    assert before.std() > 100


def test_a_sentence_may_hold_a_longer_pause_than_a_word(mix: Mix, greeting: Clip) -> None:
    last = 8000 + int(np.flatnonzero(np.abs(greeting) > 500)[-1])
    ((at_ms, _),) = utterances(heard(mix(1000, greeting, 2000)))
    assert 860 <= at_ms - last // 8 <= 1000


def test_somebody_who_talks_without_end_is_cut_and_nothing_is_lost(
    mix: Mix, speech: dict[str, list[Clip]]
) -> None:
    talk = np.concatenate([clip[np.abs(clip) > 100] for clip in speech["en"]])[: 40_000 * 8]
    told = heard(mix(500, talk, 2000))
    found = [one for _, one in utterances(told)]
    assert len(found) >= 3
    assert all(one.duration_ms <= MAX_UTTERANCE_MS for one in found)
    assert sum(one.duration_ms for one in found) >= 0.9 * len(talk) / 8
    # What follows a cut begins where the cut was: at most the tail lies between.
    for before, after in pairwise(found):
        assert after.at_ms - after.duration_ms - before.at_ms <= 600


def test_a_call_that_does_not_listen_keeps_nothing(mix: Mix) -> None:
    call = CallAudio()
    sound = mix(500, voice(800), 1200)
    told = [
        event
        for frame in sound[: len(sound) // 160 * 160].reshape(-1, 160)
        for event in call.process(frame)[1]
    ]
    assert any(isinstance(event, SpeechEnded) for event in told)
    assert not any(isinstance(event, UtteranceHeard) for event in told)


def test_a_call_that_ends_in_mid_word_tells_what_was_said(mix: Mix) -> None:
    told = heard(mix(500, voice(800)))
    ((_, utterance),) = utterances(told)
    assert abs(utterance.duration_ms - 800) <= 60


@settings(max_examples=8, deadline=None)
@given(
    parts=st.lists(st.tuples(st.integers(0, 1200), st.integers(0, 1800)), min_size=1, max_size=5),
    patiences=st.lists(st.sampled_from(Patience), min_size=1, max_size=5),
)
def test_every_start_has_one_end_and_one_utterance(
    parts: list[tuple[int, int]], patiences: list[Patience]
) -> None:
    noise = np.random.default_rng(4)
    sound = np.concatenate([np.concatenate([voice(a), np.zeros(b * 8)]) for a, b in parts])
    sound = (sound + noise.normal(0, 30, len(sound))).clip(-32768, 32767).astype(np.int16)
    call = CallAudio(listens=True)
    told: list[AudioEvent] = []
    for number, frame in enumerate(sound[: len(sound) // 160 * 160].reshape(-1, 160)):
        if number % 50 == 0:
            call.order(Listen(patience=patiences[number // 50 % len(patiences)]))
        told += call.process(frame)[1]
    told += call.finish()
    kinds = [type(e) for e in told if isinstance(e, SpeechStarted | SpeechEnded | UtteranceHeard)]
    assert kinds == [SpeechStarted, SpeechEnded, UtteranceHeard] * (len(kinds) // 3)
    for one in (event for event in told if isinstance(event, UtteranceHeard)):
        assert (
            2 * 8 * one.duration_ms <= len(one.pcm) <= 2 * 8 * (one.duration_ms + PRE_ROLL_MS + TAIL_MS + 40)
        )


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_no_sample_is_told_twice_and_the_buffer_is_bounded(data: st.DataObject) -> None:
    endpointer, begin = Endpointer(), None
    numbers = np.arange(32_000, dtype=np.int16)
    told: list[int] = []
    for block in range(len(numbers) // 160):
        endpointer.take_block(numbers[block * 160 : block * 160 + 160], is_active=True)
        if begin is None and block > 5 and data.draw(st.integers(0, 9)) == 0:
            begin = (block - data.draw(st.integers(0, 4))) * 160
            endpointer.begin(begin)
        elif begin is not None and data.draw(st.integers(0, 9)) == 0:
            turn = endpointer.end(begin, block * 160)
            told += np.frombuffer(turn.pcm, dtype="<i2").tolist()
            begin = None
    assert told == sorted(set(told))


def echoed(
    prompt: Clip, near: NDArray[np.int16], loss_db: float, delay_frames: int = 6
) -> tuple[CallAudio, list[AudioEvent]]:
    """Return a call in which the prompt comes back from the far end, under whatever `near` says there."""
    call = CallAudio(listens=True)
    call.order(Play(play_id=1, clips=(prompt,), barge_in=BargeIn.SPEECH))
    line = [np.zeros(160, np.int16)] * delay_frames
    told: list[AudioEvent] = []
    for frame in near[: len(near) // 160 * 160].reshape(-1, 160):
        back = frame + np.rint(line.pop(0) * 10 ** (-loss_db / 20)).astype(np.int16)
        said, events = call.process(back)
        line.append(said.copy())
        told += events
    return call, told + call.finish()


def test_our_own_voice_is_neither_barge_in_nor_utterance(mix: Mix, greeting: Clip) -> None:
    near = mix(len(greeting) / 8 + 1500)
    _call, told = echoed(greeting, near, loss_db=28.0)
    assert not any(isinstance(event, SpeechStarted | UtteranceHeard) for event in told)
    (finished,) = [event for event in told if isinstance(event, PlayFinished)]
    assert not finished.interrupted


def test_who_speaks_over_a_prompt_stops_it_and_is_heard_whole(
    mix: Mix, greeting: Clip, chinese_greeting: Clip
) -> None:
    near = mix(500, chinese_greeting, 1500)
    _call, told = echoed(greeting, near, loss_db=28.0)
    (finished,) = [event for event in told if isinstance(event, PlayFinished)]
    assert finished.interrupted
    started = next(event for event in told if isinstance(event, SpeechStarted))
    assert finished.at_ms - started.at_ms <= 160
    heard_ms = sum(event.duration_ms for event in told if isinstance(event, UtteranceHeard))
    loud = np.flatnonzero(np.abs(chinese_greeting) > 600)
    assert heard_ms >= (loud[-1] - loud[0]) / 8 - 200
