"""What one 20 ms frame of a call costs, beside one plain FFT of the same frame measured in the same run.

Run: python benchmarks/audio_frame.py. The ratio to the FFT travels between machines; the microseconds do not.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from audio import CallAudio, Frame, Play, StartRecording
from audio.dsp.dtmf_generator import digits_clip
from audio.speech.espeak import EspeakSynthesizer

ROUNDS = 5
FRAME_US = 20_000


def microseconds_per_frame(work: Callable[[Frame], object], frames: list[Frame]) -> float:
    """Return the best of several rounds: what the work costs when nobody disturbs it."""
    best = float("inf")
    for _ in range(ROUNDS):
        began_s = time.perf_counter()
        for frame in frames:
            work(frame)
        best = min(best, time.perf_counter() - began_s)
    return best / len(frames) * 1e6


def cut(sound: NDArray[np.int16]) -> list[Frame]:
    return list(sound[: len(sound) // 160 * 160].reshape(-1, 160))


def recorded_and_playing(prompt: NDArray[np.int16]) -> Callable[[Frame], object]:
    call = CallAudio()
    call.order(StartRecording())
    for play_id in range(200):
        call.order(Play(play_id=play_id, clips=(prompt,)))
    return call.process


def main() -> None:
    rng = np.random.default_rng(1)
    voice = EspeakSynthesizer()
    english = voice.render(
        "I have paid this already, last Tuesday, by bank transfer, four hundred pounds.", "en"
    )
    chinese = voice.render("这笔款我上个星期已经还过了，用手机银行转的。", "zh-CN")
    speech = cut(np.concatenate([english, chinese, english, chinese]))
    noise = cut(rng.normal(0, 1500, 160_000).astype(np.int16))
    keys = cut(digits_clip("1234567890*#" * 6))
    quiet = cut(np.zeros(160_000, dtype=np.int16))
    window = np.hanning(160).astype(np.float32)
    fft_us = microseconds_per_frame(lambda frame: np.abs(np.fft.rfft(frame * window)), speech)

    table = Table(
        "callee's sound", "us a frame", "x one FFT", "calls a core", title="CallAudio.process, 20 ms at 8 kHz"
    )
    table.add_row("(one Hann-windowed rfft and its magnitudes)", f"{fft_us:.1f}", "1.0", "")
    rows: list[tuple[str, Callable[[Frame], object], list[Frame]]] = [
        ("silence", CallAudio().process, quiet),
        ("speech", CallAudio().process, speech),
        ("loud noise", CallAudio().process, noise),
        ("keys", CallAudio().process, keys),
        ("speech over a prompt, recorded", recorded_and_playing(chinese), speech),
    ]
    for name, work, frames in rows:
        cost_us = microseconds_per_frame(work, frames)
        table.add_row(name, f"{cost_us:.1f}", f"{cost_us / fft_us:.1f}", f"{FRAME_US / cost_us:.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
