"""What calls cost in real time with everything on, beside Asterisk's 0.54 % of a core and 0.23 MB a call.

Run: OPENBLAS_NUM_THREADS=1 python -m benchmarks.call_audio [ROUNDS] (as the box sets it); four numbers of calls, 42 s each.
One process, and one thread for all calls as in the box; every call hears a person who talks, plays a prompt, is recorded
and sealed, and is listened to for keys, speech, answer class and call progress. While nobody knows who answered the answer
class costs more than all the rest, and nothing afterwards, so the first 4 s of the calls and what comes after 34 s are told
apart: then it has ended in every call, 30 s after the first sound at the latest. Costs are CPU time of the whole process,
user and system (sealing and the loop included), divided by the calls: the least of all rounds, because a machine that is
busy otherwise empties the caches between two frames. Beside them stands what is spent when nothing is done, in the same run:
a thread that only wakes as often as the frame thread, and the frame thread with calls that do nothing. The second table
feeds single detectors beside spandsp and webrtcvad: ratios travel between machines, microseconds do not.
"""

import asyncio
import concurrent.futures
import ctypes
import math
import os
import resource
import select
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyrage
import webrtcvad
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from audio import AudioEvent, CallAudio, Clip, Frame, Play, RecordingChunk, StartRecording
from audio.dsp.answer import AnswerDetector
from audio.dsp.beep import BeepDetector
from audio.dsp.dtmf_detector import DtmfDetector
from audio.dsp.fax import FaxDetector
from audio.dsp.progress import ProgressDetector
from audio.dsp.sit import SitDetector
from audio.dsp.speech_activity import SpeechActivity
from audio.dsp.tone import spectrum_of
from audio.orders import AudioOrder
from audio.ports.frame_thread import AT_ONCE_CALLS, ROUND_S, FrameThread
from audio.ports.port import FrameHandler
from audio.ports.seat import CallSeat
from audio.recording import SealedRecording
from audio.speech.espeak import EspeakSynthesizer

ASTERISK_PERCENT = 0.54
ASTERISK_MB = 0.23
"""Asterisk 22 with RTP, playback, recording and AMD, a call, on this kind of machine."""
COUNTS = (1, 8, 16, 32)
PTIME_S = 0.02
UNDECIDED_S, DECIDED_S, WHOLE_S = 4.0, 34.0, 42.0
"""In the first, answer classes are open; from the second on they are settled."""
NOTHING_S = 5.0
TABLE_WIDTH = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What `n_calls` cost."""

    n_calls: int
    percent_undecided: float
    """Of a core, a call, while it is open who answered."""
    percent_decided: float
    late_ms: NDArray[np.float64]
    """Of every frame: how long after it was due it was done."""
    megabytes: float


class EmptyCall:
    """A call that does nothing with its frames: what moving them costs by itself."""

    def __init__(self) -> None:
        self.now_ms = 0
        self.n_waiting_orders = 0
        self._silence = np.zeros(160, dtype=np.int16)

    def order(self, order: AudioOrder) -> None:
        """Forget it."""

    def process(self, frame_in: Frame) -> tuple[Frame, list[AudioEvent]]:
        """Say nothing."""
        del frame_in
        self.now_ms += 20
        return self._silence, []

    def finish(self) -> list[AudioEvent]:
        """Nothing was going on."""
        return []


class TimedCall:
    """One call whose frames are due every 20 ms by the clock: a device without one of its own."""

    fd = -1

    def __init__(self, number: int, sound: NDArray[np.int16], seconds: float) -> None:
        self.late_s: list[float] = []
        self._frames = sound[: len(sound) // 160 * 160].reshape(-1, 160)
        self._first = number * 37 % len(self._frames)
        self._n_frames = int(seconds / PTIME_S)
        self.seat = CallSeat(f"call {number}")
        self.number = number
        self.wake_s = 0.0

    def start(
        self,
        thread: FrameThread,
        call: FrameHandler,
        on_events: Callable[[list[AudioEvent]], None],
        begin_s: float,
    ) -> None:
        """Begin at `begin_s`, a little later for every further call."""
        self.wake_s = begin_s + self.number * PTIME_S / 32  # calls do not begin in step
        thread.start(self.seat, self, call, on_events)

    def move(self, *, is_ready: bool) -> None:
        """Move one frame; as `FrameMover` wants it."""
        del is_ready
        number = len(self.late_s)
        self.seat.process(self._frames[(self._first + number) % len(self._frames)])
        self.late_s.append(time.monotonic() - self.wake_s)
        self.wake_s = self.wake_s + PTIME_S if number + 1 < self._n_frames else math.inf

    def release(self) -> None:
        """There is no device."""


async def run_calls(n_calls: int, heard: NDArray[np.int16], prompt: Clip, *, scale: float = 1.0) -> Cost:
    """Run so many calls in real time and return what they cost; `scale` makes all of it shorter."""
    seconds = WHOLE_S * scale
    recipient = str(pyrage.x25519.Identity.generate().to_public())
    with (
        tempfile.TemporaryDirectory() as folder,
        concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="recording") as executor,
    ):
        before_mb = memory_mb()
        files = [
            SealedRecording(Path(folder) / f"{number}", [recipient], started_at="2026-01-01T00:00:00Z")
            for number in range(n_calls)
        ]
        calls = [TimedCall(number, heard, seconds) for number in range(n_calls)]

        def listen(number: int) -> Callable[[list[AudioEvent]], None]:
            def on_events(events: list[AudioEvent]) -> None:
                for event in events:
                    if isinstance(event, RecordingChunk):
                        executor.submit(files[number].append, event)

            return on_events

        thread = FrameThread()
        begin_s = time.monotonic() + 0.05
        for call in calls:
            audio = CallAudio()
            audio.order(StartRecording())
            for play_id in range(1 + int(seconds * 8000 / len(prompt))):
                audio.order(Play(play_id=play_id, clips=(prompt,)))
            call.start(thread, audio, listen(call.number), begin_s)
        undecided = await cpu_percent(begin_s, begin_s + UNDECIDED_S * scale)
        decided = await cpu_percent(begin_s + DECIDED_S * scale, begin_s + seconds)
        megabytes = memory_mb() - before_mb
        await asyncio.sleep(0.3)
        for call in calls:
            await call.seat.stop()
        executor.shutdown(wait=True)
    return Cost(
        n_calls=n_calls,
        percent_undecided=undecided / n_calls,
        percent_decided=decided / n_calls,
        late_ms=np.concatenate([np.array(call.late_s) for call in calls]) * 1000,
        megabytes=megabytes / n_calls,
    )


async def run_nothing(n_calls: int, heard: NDArray[np.int16], seconds: float = NOTHING_S) -> float:
    """Return how much of a core, a call, the frame thread takes for calls that do nothing."""
    thread = FrameThread()
    calls = [TimedCall(number, heard, seconds + 1.0) for number in range(n_calls)]
    begin_s = time.monotonic() + 0.05
    for call in calls:
        call.start(thread, EmptyCall(), lambda _: None, begin_s)
    percent = await cpu_percent(begin_s, begin_s + seconds)
    for call in calls:
        await call.seat.stop()
    return percent / n_calls


async def run_wakes(n_calls: int, seconds: float = NOTHING_S) -> float:
    """Return how much of a core, a call, it takes to wake as often as the frame thread does, and nothing else."""
    period_s = ROUND_S if n_calls > AT_ONCE_CALLS else PTIME_S / n_calls
    begin_s = time.monotonic() + 0.05

    def wake() -> None:
        due_s = begin_s
        while due_s < begin_s + seconds:
            due_s += period_s
            select.select([], [], [], max(0.0, due_s - time.monotonic()))

    thread = threading.Thread(target=wake, name="wakes")
    thread.start()
    percent = await cpu_percent(begin_s, begin_s + seconds - 0.2)
    await asyncio.to_thread(thread.join)
    return percent / n_calls


async def cpu_percent(begin_s: float, end_s: float) -> float:
    """Return how much of a core this process takes between two moments to come."""
    await asyncio.sleep(begin_s - time.monotonic())
    cpu_s, began_s = time.process_time(), time.monotonic()
    await asyncio.sleep(end_s - time.monotonic())
    return 100 * (time.process_time() - cpu_s) / (time.monotonic() - began_s)


def memory_mb() -> float:
    """Return the resident memory of this process now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def microseconds_a_frame(work: Callable[[Frame], object], frames: list[Frame], rounds: int = 5) -> float:
    """Return the mean of each frame's best of several rounds: whoever shares the machine takes part in none of them."""
    least = np.full(len(frames), np.inf)
    for _ in range(rounds):
        took_s = []
        for frame in frames:
            began_s = time.perf_counter()
            work(frame)
            took_s.append(time.perf_counter() - began_s)
        least = np.minimum(least, took_s)
    return float(least.mean()) * 1e6


def spandsp_dtmf() -> Callable[[Frame], object]:
    library = ctypes.CDLL("libspandsp.so.2")
    library.dtmf_rx_init.restype = ctypes.c_void_p
    state = ctypes.c_void_p(library.dtmf_rx_init(None, None, None))
    return lambda frame: library.dtmf_rx(state, frame.ctypes.data_as(ctypes.c_void_p), 160)


def spandsp_progress() -> Callable[[Frame], object]:
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


def detector_costs(heard: NDArray[np.int16]) -> list[tuple[str, float]]:
    """Return each detector's cost for one frame of 20 ms, its spectrum apart where it shares it."""
    frames = list(heard[: len(heard) // 160 * 160].reshape(-1, 160))
    floats = {id(frame): frame.astype(np.float32) for frame in frames}
    spectra = {id(frame): spectrum_of(frame) for frame in frames}
    dtmf, speech, progress, sit, fax = (
        DtmfDetector(),
        SpeechActivity(),
        ProgressDetector(),
        SitDetector(),
        FaxDetector(),
    )
    beep, answers, vad = BeepDetector(), [AnswerDetector()], webrtcvad.Vad(2)

    def classify(frame: Frame) -> object:
        if answers[0].is_done:
            answers[0] = AnswerDetector()  # once it has decided it costs nothing
        return answers[0].take_block(floats[id(frame)], spectra[id(frame)])

    rows: list[tuple[str, Callable[[Frame], object]]] = [
        ("whole call: CallAudio.process", CallAudio().process),
        ("spectrum, shared by all", lambda frame: spectrum_of(floats[id(frame)])),
        ("keys", lambda frame: dtmf.take_block(floats[id(frame)], spectra[id(frame)])),
        ("keys: spandsp dtmf_rx (ctypes)", spandsp_dtmf()),
        ("speech activity", lambda frame: speech.take_block(floats[id(frame)], spectra[id(frame)])),
        ("speech activity: webrtcvad", lambda frame: vad.is_speech(frame.tobytes(), 8000)),
        ("call progress, all countries", lambda frame: progress.take_block(spectra[id(frame)])),
        ("call progress: spandsp super_tone_rx, one tone", spandsp_progress()),
        ("information tones", lambda frame: sit.take_block(spectra[id(frame)])),
        ("fax", lambda frame: fax.take_block(spectra[id(frame)])),
        ("beep", lambda frame: beep.take_block(spectra[id(frame)], is_speech=False)),
        ("answer class, while undecided", classify),
    ]
    return [(name, microseconds_a_frame(work, frames)) for name, work in rows]


def sound_of_a_call() -> tuple[NDArray[np.int16], Clip]:
    """Return half a minute of a person who talks and pauses, over noise, and a prompt."""
    voice = EspeakSynthesizer()
    rng = np.random.default_rng(4)
    parts: list[NDArray[np.float64]] = []
    for text, language in (
        ("喂，你好，请问是哪一位？", "zh-CN"),
        ("我上个星期已经还过了，用手机银行转的。", "zh-CN"),
        ("Yes, speaking. I have paid this already, last Tuesday, by bank transfer.", "en"),
        ("Could you ring me back this evening, please?", "en"),
    ):
        parts += [voice.render(text, language).astype(np.float64), np.zeros(16_000)]
    sound = np.concatenate(parts)
    sound += rng.normal(0, 30, len(sound))
    prompt = voice.render("您好，这里是客户服务中心，请按一确认，按二转人工。", "zh-CN")
    return np.clip(np.rint(sound), -32768, 32767).astype(np.int16), prompt


def main() -> None:
    n_rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    heard, prompt = sound_of_a_call()
    asyncio.run(run_calls(1, heard, prompt, scale=0.1))  # what is paid once: imports, first touches
    table = Table(
        "calls",
        "% of a core a call,\nanswer open",
        "afterwards",
        "of the limit",
        "of it: calls that\ndo nothing",
        "only waking",
        "p50 late ms",
        "p99.9 late ms",
        "MB a call",
        "of the limit",
    )
    table.title = (
        f"everything on, {WHOLE_S:.0f} s in real time; the limit: {ASTERISK_PERCENT} % and {ASTERISK_MB} MB a call; "
        f"best of {n_rounds}; load of this machine before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    rounds = []
    nothing = {n_calls: (math.inf, math.inf) for n_calls in COUNTS}
    for _ in range(n_rounds):
        rounds.append([asyncio.run(run_calls(n_calls, heard, prompt)) for n_calls in COUNTS])
        for n_calls, (least, least_wakes) in nothing.items():
            nothing[n_calls] = (
                min(least, asyncio.run(run_nothing(n_calls, heard))),
                min(least_wakes, asyncio.run(run_wakes(n_calls))),
            )
    for costs in zip(*rounds, strict=True):
        decided = min(cost.percent_decided for cost in costs)
        megabytes = min(cost.megabytes for cost in rounds[0] if cost.n_calls == costs[0].n_calls)
        table.add_row(
            str(costs[0].n_calls),
            f"{min(cost.percent_undecided for cost in costs):.2f}",
            f"{decided:.2f}",
            f"{decided / ASTERISK_PERCENT:.2f}",
            *(f"{percent:.2f}" for percent in nothing[costs[0].n_calls]),
            f"{min(float(np.percentile(cost.late_ms, 50)) for cost in costs):.2f}",
            f"{min(float(np.percentile(cost.late_ms, 99.9)) for cost in costs):.1f}",
            f"{megabytes:.2f}",
            f"{megabytes / ASTERISK_MB:.2f}",
        )
    Console(width=TABLE_WIDTH).print(table)
    rows = detector_costs(heard)
    table = Table("what", "us a frame of 20 ms", "of the whole call")
    for name, cost_us in rows:
        table.add_row(name, f"{cost_us:.1f}", f"{cost_us / rows[0][1]:.2f}")
    Console(width=TABLE_WIDTH).print(table)


if __name__ == "__main__":
    main()
