"""What one call holds in memory: hundreds of kilobytes while it is open who answered, hardly anything afterwards."""

import gc
import tracemalloc
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from audio import AnswerClassified, CallAudio
from audio.sound_file import frames_of
from audio.speech.espeak import EspeakSynthesizer

OPEN_KB = 190.0
SETTLED_KB = 40.0


def test_a_call_lets_go_of_what_only_the_answer_class_needs(mix: Callable[..., NDArray[np.int16]]) -> None:
    said = EspeakSynthesizer().render("喂，你好，请问是哪一位？", "zh-CN")
    sound = mix(300, said, 3000)
    greeting_frames = int(300 + len(said) / 8) // 20
    play(CallAudio(), sound)  # what is paid once for all calls
    tracemalloc.start()
    try:
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        call = CallAudio()
        play(call, sound[: greeting_frames * 160])
        open_kb = held_kb(before)
        told = play(call, sound[greeting_frames * 160 :])
        settled_kb = held_kb(before)
    finally:
        tracemalloc.stop()
    assert any(isinstance(event, AnswerClassified) for event in told)
    assert SETTLED_KB < open_kb < OPEN_KB
    assert settled_kb < SETTLED_KB


def play(call: CallAudio, sound: NDArray[np.int16]) -> list[object]:
    """Let a call hear it and return the events."""
    return [event for frame in frames_of(sound) for event in call.process(frame)[1]]


def held_kb(before: int) -> float:
    gc.collect()
    return (tracemalloc.get_traced_memory()[0] - before) / 1000
