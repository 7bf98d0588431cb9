"""What calls cost in real time with everything on, beside Asterisk: measured in the same run, or as it was once.

Run: OPENBLAS_NUM_THREADS=1 python -m benchmarks.call_audio [ROUNDS] [--asterisk FOLDER] (as the box sets it): four numbers
of calls, 42 s each. Each is a fresh process, with one thread for all calls as in the box; every call hears a person who
talks, plays a prompt, is recorded and sealed, and is listened to for keys, speech, answer class and call progress. While
nobody knows who answered the answer class costs more than all the rest, and nothing afterwards, so the first 4 s of the
calls and what comes after 34 s are told apart: then it has ended in every call, 30 s after the first sound at the latest.
Costs are CPU time of the whole process, user and system (sealing and the loop included), divided by the calls: the least
of all rounds, because a machine that is busy otherwise empties the caches between two frames. Beside them stands what is
spent when nothing is done: a thread that only wakes as often as the frame thread, and the frame thread with calls that do
nothing. `--asterisk` runs as many calls of Asterisk's right after ours (`asterisk_calls`); few calls cost it, too, more
each than many. What one frame and each detector costs in a row is `audio_frame`'s.
"""

import argparse
import asyncio
import concurrent.futures
import math
import multiprocessing
import os
import select
import tempfile
import threading
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyrage
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from audio import AudioEvent, CallAudio, Clip, Frame, Play, RecordingChunk, StartRecording
from audio.frame import freeze
from audio.orders import AudioOrder
from audio.ports.frame_thread import AT_ONCE_CALLS, ROUND_S, FrameThread
from audio.ports.port import FrameHandler
from audio.ports.seat import CallSeat
from audio.recording import SealedRecording
from audio.speech.espeak import EspeakSynthesizer
from benchmarks.asterisk_calls import Asterisk, PeerCost, memory_mb

ASTERISK_PERCENT = 0.54
ASTERISK_MB = 0.23
"""Asterisk 22 with RTP, playback, recording and AMD, a call, as somebody measured it once on this kind of machine; it is
not known with how many calls."""
FIXED = PeerCost(percent_undecided=ASTERISK_PERCENT, percent_decided=ASTERISK_PERCENT, megabytes=ASTERISK_MB)
COUNTS = (1, 8, 16, 32)
PTIME_S = 0.02
UNDECIDED_S, DECIDED_S, WHOLE_S = 4.0, 34.0, 42.0
"""In the first, answer classes are open; from the second on they are settled."""
NOTHING_S = 5.0
WARM_SCALE = 0.1
TABLE_WIDTH = 170


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What `n_calls` cost."""

    n_calls: int
    percent_undecided: float
    """Of a core, a call, while it is open who answered."""
    percent_decided: float
    percent_whole: float
    """From the first frame to the last."""
    late_ms: NDArray[np.float64]
    """Of every frame: how long after it was due it was done."""
    megabytes: float
    percent_nothing: float = math.inf
    """For calls that do nothing."""
    percent_wakes: float = math.inf
    """Of that, for a thread that only wakes."""


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
        self.late_s = array("d")
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
        before_mb = memory_mb(os.getpid())
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
        cpu_s = time.process_time()
        undecided = await cpu_percent(begin_s, begin_s + UNDECIDED_S * scale)
        decided = await cpu_percent(begin_s + DECIDED_S * scale, begin_s + seconds)
        whole = 100 * (time.process_time() - cpu_s) / seconds
        megabytes = memory_mb(os.getpid()) - before_mb
        await asyncio.sleep(0.3)
        for call in calls:
            await call.seat.stop()
        executor.shutdown(wait=True)
    return Cost(
        n_calls=n_calls,
        percent_undecided=undecided / n_calls,
        percent_decided=decided / n_calls,
        percent_whole=whole / n_calls,
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


def measured(n_calls: int, heard: NDArray[np.int16], prompt: Clip) -> Cost:
    """Return what so many calls cost a process that has done nothing else, but paid what is paid once."""
    prompt = freeze(prompt)  # on its way here it became writeable, and every play would copy it
    asyncio.run(run_calls(1, heard, prompt, scale=WARM_SCALE))
    cost = asyncio.run(run_calls(n_calls, heard, prompt))
    return replace(
        cost,
        percent_nothing=asyncio.run(run_nothing(n_calls, heard)),
        percent_wakes=asyncio.run(run_wakes(n_calls)),
    )


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
    parser = argparse.ArgumentParser(description="What calls cost in real time, beside Asterisk.")
    parser.add_argument("rounds", nargs="?", type=int, default=1)
    parser.add_argument(
        "--asterisk",
        type=Path,
        metavar="FOLDER",
        help="a system's files with Asterisk in them (/: this one's)",
    )
    asked = parser.parse_args()
    heard, prompt = sound_of_a_call()
    peer = Asterisk(asked.asterisk, heard, prompt) if asked.asterisk else None
    costs: dict[int, list[Cost]] = {n_calls: [] for n_calls in COUNTS}
    peers: dict[int, list[PeerCost]] = {n_calls: [] for n_calls in COUNTS}
    within: dict[int, list[PeerCost]] = {n_calls: [] for n_calls in COUNTS}
    load = os.getloadavg()[0]
    for _ in range(asked.rounds):
        for n_calls in COUNTS:
            fresh = concurrent.futures.ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
            with fresh:
                costs[n_calls].append(fresh.submit(measured, n_calls, heard, prompt).result())
            if peer is not None:
                peers[n_calls].append(peer.calls_by_rtp(n_calls))
                within[n_calls].append(peer.calls_within(n_calls))
    told = peer.version() if peer else f"the limit {ASTERISK_PERCENT} %, {ASTERISK_MB} MB"
    table = cost_table(costs, peers, within)
    table.title = (
        f"everything on, {WHOLE_S:.0f} s in real time, beside {told}; the least of {asked.rounds}; "
        f"load of this machine before: {load:.1f} on {os.cpu_count()} cores"
    )
    Console(width=TABLE_WIDTH).print(table)


def cost_table(
    costs: dict[int, list[Cost]], peers: dict[int, list[PeerCost]], within: dict[int, list[PeerCost]]
) -> Table:
    """Return the least of all rounds, a line for each number of calls."""
    table = Table(
        "calls",
        "% of a core a call,\nanswer open",
        "Asterisk,\nfirst 4 s",
        "the whole\n42 s",
        "afterwards",
        "Asterisk",
        "ratio",
        "Asterisk without\nRTP, both ends",
        "of it: calls that\ndo nothing",
        "only\nwaking",
        "p50\nlate ms",
        "p99.9\nlate ms",
        "MB a call",
        "Asterisk",
    )
    for n_calls, ours in costs.items():
        theirs = peers[n_calls] or [FIXED]
        decided, limit = (min(cost.percent_decided for cost in group) for group in (ours, theirs))
        table.add_row(
            str(n_calls),
            *(f"{min(cost.percent_undecided for cost in group):.2f}" for group in (ours, theirs)),
            f"{min(cost.percent_whole for cost in ours):.2f}",
            *(f"{decided:.2f}", f"{limit:.2f}", f"{decided / limit:.2f}"),
            f"{min(cost.percent_decided for cost in within[n_calls]):.2f}" if within[n_calls] else "-",
            f"{min(cost.percent_nothing for cost in ours):.2f}",
            f"{min(cost.percent_wakes for cost in ours):.2f}",
            f"{min(float(np.percentile(cost.late_ms, 50)) for cost in ours):.2f}",
            f"{min(float(np.percentile(cost.late_ms, 99.9)) for cost in ours):.1f}",
            *(" ".join(f"{cost.megabytes:.2f}" for cost in group) for group in (ours, theirs)),
        )
    return table


if __name__ == "__main__":
    main()
