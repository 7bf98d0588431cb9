"""What one 20 ms frame of a call costs, in a row and when it is due, and what each detector costs of it.

Run: OPENBLAS_NUM_THREADS=1 python -m benchmarks.audio_frame. Frames in a row find their code and tables in the
processor's caches, frames that are due every 20 ms do not: both are told. The first table stands beside one plain FFT of
the same frame, the second beside spandsp and webrtcvad: ratios travel between machines, microseconds do not. The third
says what one call holds in memory.
"""

import ctypes
import gc
import time
import tracemalloc
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import webrtcvad
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from audio import CallAudio, Clip, Frame, Play, StartRecording
from audio.dsp.answer import AnswerDetector
from audio.dsp.beep import BeepDetector
from audio.dsp.dtmf_detector import DtmfDetector
from audio.dsp.dtmf_generator import digits_clip
from audio.dsp.fax import FaxDetector
from audio.dsp.progress import ProgressDetector
from audio.dsp.sit import SitDetector
from audio.dsp.speech_activity import SpeechActivity
from audio.dsp.tone import spectrum_of
from benchmarks.call_audio import PTIME_S, TABLE_WIDTH, sound_of_a_call

Work: TypeAlias = Callable[[Frame], object]
ROUNDS = 5
N_DUE = 150
"""Frames that are waited for."""
N_OPEN = 200
"""The first 4 s: nobody has been quiet for so long that it would be settled who answered."""
SETTLED_S = 34.0
HELD_CALLS = 8


def microseconds_a_frame(make: Callable[[], Work], frames: list[Frame], rounds: int = ROUNDS) -> float:
    """Return the mean of each frame's best of several rounds: whoever shares the machine takes part in none of them.

    `make` returns what is measured, anew for each round, so that a frame finds it the same in all of them.
    """
    least = np.full(len(frames), np.inf)
    for _ in range(rounds):
        work, took_s = make(), []
        for frame in frames:
            began_s = time.perf_counter()
            work(frame)
            took_s.append(time.perf_counter() - began_s)
        least = np.minimum(least, took_s)
    return float(least.mean()) * 1e6


def microseconds_when_due(work: Work, frames: list[Frame]) -> float:
    """Return the median of frames before each of which the thread has slept for 20 ms."""
    took_s = []
    for frame in frames[:N_DUE]:
        time.sleep(PTIME_S)
        began_s = time.perf_counter()
        work(frame)
        took_s.append(time.perf_counter() - began_s)
    return float(np.median(took_s)) * 1e6


def cut(sound: NDArray[np.int16]) -> list[Frame]:
    return list(sound[: len(sound) // 160 * 160].reshape(-1, 160))


def whole_call(prompt: Clip, *, settled_on: NDArray[np.int16] | None = None) -> CallAudio:
    """Return a call that plays and is recorded; with `settled_on` it has heard so much that it knows who answered."""
    call = CallAudio()
    call.order(StartRecording())
    for play_id in range(200):
        call.order(Play(play_id=play_id, clips=(prompt,)))
    if settled_on is not None:
        frames = cut(settled_on)
        for number in range(int(SETTLED_S / PTIME_S)):
            call.process(frames[number % len(frames)])
    return call


def kilobytes_held(heard: NDArray[np.int16], prompt: Clip) -> list[tuple[str, float]]:
    """Return what one call holds in memory, by its age."""
    whole_call(prompt, settled_on=heard)  # what is paid once
    frames = cut(heard)
    rows = []
    tracemalloc.start()
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    calls = [whole_call(prompt) for _ in range(HELD_CALLS)]
    begin = 0
    for name, seconds in (("new", 0.0), ("after 4 s, answer open", 4.0), ("settled", SETTLED_S)):
        end = int(seconds / PTIME_S)
        for call in calls:
            for number in range(begin, end):
                call.process(frames[number % len(frames)])
        begin = end
        gc.collect()
        rows.append((name, (tracemalloc.get_traced_memory()[0] - before) / HELD_CALLS / 1000))
    tracemalloc.stop()
    return rows


def spandsp_dtmf() -> Work:
    library = ctypes.CDLL("libspandsp.so.2")
    library.dtmf_rx_init.restype = ctypes.c_void_p
    state = ctypes.c_void_p(library.dtmf_rx_init(None, None, None))
    return lambda frame: library.dtmf_rx(state, frame.ctypes.data_as(ctypes.c_void_p), 160)


def spandsp_progress() -> Work:
    """One country's busy tone: spandsp wants a descriptor a country."""
    library = ctypes.CDLL("libspandsp.so.2")
    library.super_tone_rx_make_descriptor.restype = ctypes.c_void_p
    library.super_tone_rx_init.restype = ctypes.c_void_p
    descriptor = ctypes.c_void_p(library.super_tone_rx_make_descriptor(None))
    number = library.super_tone_rx_add_tone(descriptor)
    for hz in (450, 0):
        library.super_tone_rx_add_element(descriptor, number, hz, 0, 315, 385)
    report = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_int)(
        lambda *_: None
    )
    state = ctypes.c_void_p(library.super_tone_rx_init(None, descriptor, report, None))

    def work(frame: Frame, _keep: object = report) -> object:
        return library.super_tone_rx(state, frame.ctypes.data_as(ctypes.c_void_p), 160)

    return work


def detector_costs(heard: NDArray[np.int16], prompt: Clip) -> list[tuple[str, float]]:
    """Return each detector's cost for one frame of 20 ms, its spectrum apart where it shares it."""
    frames = cut(heard)
    floats = {id(frame): frame.astype(np.float32) for frame in frames}
    spectra = {id(frame): spectrum_of(frame) for frame in frames}

    def spectral() -> Work:
        return lambda frame: spectrum_of(floats[id(frame)])

    def keys() -> Work:
        dtmf = DtmfDetector()
        return lambda frame: dtmf.take_block(floats[id(frame)], spectra[id(frame)])

    def speech() -> Work:
        activity = SpeechActivity()
        return lambda frame: activity.take_block(floats[id(frame)], spectra[id(frame)])

    def speech_by_webrtc() -> Work:
        vad = webrtcvad.Vad(2)
        return lambda frame: vad.is_speech(frame.tobytes(), 8000)

    def beep() -> Work:
        detector = BeepDetector()
        return lambda frame: detector.take_block(spectra[id(frame)], is_speech=False)

    def tones(detector: ProgressDetector | SitDetector | FaxDetector) -> Work:
        return lambda frame: detector.take_block(spectra[id(frame)])

    def answer() -> Work:
        detector = AnswerDetector()
        return lambda frame: detector.take_block(floats[id(frame)], spectra[id(frame)])

    rows: list[tuple[str, Callable[[], Work], list[Frame]]] = [
        ("whole call, answer settled", lambda: whole_call(prompt, settled_on=heard).process, frames),
        ("whole call, answer open", lambda: whole_call(prompt).process, frames[:N_OPEN]),
        ("answer class, while open", answer, frames[:N_OPEN]),
        ("spectrum, shared by all", spectral, frames),
        ("keys", keys, frames),
        ("keys: spandsp dtmf_rx (ctypes)", spandsp_dtmf, frames),
        ("speech activity", speech, frames),
        ("speech activity: webrtcvad", speech_by_webrtc, frames),
        ("call progress, all countries", lambda: tones(ProgressDetector()), frames),
        ("call progress: spandsp super_tone_rx, one tone", spandsp_progress, frames),
        ("information tones", lambda: tones(SitDetector()), frames),
        ("fax", lambda: tones(FaxDetector()), frames),
        ("beep", beep, frames),
    ]
    return [(name, microseconds_a_frame(make, used)) for name, make, used in rows]


def main() -> None:
    rng = np.random.default_rng(1)
    heard, prompt = sound_of_a_call()
    speech = cut(heard)
    noise = cut(rng.normal(0, 1500, 160_000).astype(np.int16))
    keys = cut(digits_clip("1234567890*#" * 6))
    quiet = cut(np.zeros(160_000, dtype=np.int16))
    window = np.hanning(160).astype(np.float32)

    def fft() -> Work:
        return lambda frame: np.abs(np.fft.rfft(frame * window))

    rows: list[tuple[str, Callable[[], Work], list[Frame]]] = [
        ("(one Hann-windowed rfft and its magnitudes)", fft, speech),
        ("silence", lambda: CallAudio().process, quiet),
        ("loud noise", lambda: CallAudio().process, noise),
        ("keys", lambda: CallAudio().process, keys),
        ("speech, plays and is recorded, answer open", lambda: whole_call(prompt).process, speech[:N_OPEN]),
        ("the same, answer settled", lambda: whole_call(prompt, settled_on=heard).process, speech),
    ]
    table = Table(
        "callee's sound", "us a frame in a row", "x one FFT", "us when due", title="CallAudio.process"
    )
    fft_us = microseconds_a_frame(fft, speech)
    for name, make, frames in rows:
        cost_us = microseconds_a_frame(make, frames)
        due_us = microseconds_when_due(make(), frames)
        table.add_row(name, f"{cost_us:.1f}", f"{cost_us / fft_us:.1f}", f"{due_us:.0f}")
    Console(width=TABLE_WIDTH).print(table)
    costs = detector_costs(heard, prompt)
    table = Table("what", "us a frame of 20 ms, in a row", "of the whole call")
    for name, cost_us in costs:
        table.add_row(name, f"{cost_us:.1f}", f"{cost_us / costs[0][1]:.2f}")
    Console(width=TABLE_WIDTH).print(table)
    table = Table("a call", "KB held")
    for name, kilobytes in kilobytes_held(heard, prompt):
        table.add_row(name, f"{kilobytes:.0f}")
    Console(width=TABLE_WIDTH).print(table)


if __name__ == "__main__":
    main()
