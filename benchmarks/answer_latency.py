"""How long a callee waits for an answer: from the end of their word or key to the first sound of what the box says next.

Run: python benchmarks/answer_latency.py [--calls N] [--models FOLDER] [--json FILE]

Real calls in real time: the shipped reminder in English, the frame loop with its endpointer, recogniser processes, the
shipped understanding, the dialogue, and prompts prepared beforehand. The far end is an espeak-ng voice, or keys, over a
port whose frames come every 20 ms; the box's last frame counts, so one frame of output is in every figure. Prompts are
cut to their first 0.4 s so that calls are short; how a prompt begins is not changed. The time is counted from the last
10 ms of the word that are louder than -40 dBFS, so the pause that ends a turn (300 ms after a short answer) is in it.

On a machine that others load, `nice -n -10` before the command measures what the shipped unit gives (docs/listening.md).
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from rich.console import Console
from rich.table import Table

from audio.dsp.dtmf_generator import digits_clip
from audio.frame import NARROWBAND, Clip, frame_to_bytes, freeze
from audio.listening.pool import RecogniserPool, worker_command
from audio.listening.silero import speech_maker
from audio.ports.loopback import LoopbackPort
from audio.speech.espeak import EspeakSynthesizer
from firmware.calls.listening import CallListener, Hearing
from firmware.calls.session import CallSession
from firmware.dialogue.events import DialogueEvent
from firmware.dialogue.loader import load_flow
from firmware.dialogue.machine import Dialogue
from firmware.dialogue.slots import Asked
from firmware.dialogue.speaking import in_words
from firmware.dialogue.understanding.understander import Understander
from firmware.lines.line import Active, CallEvent, Ended, EndKind
from firmware.values import E164

FLOW = Path(__file__).resolve().parents[1] / "examples" / "overdue-reminder.yaml"
TODAY = date(2026, 12, 7)
SECRET = "4101"
VARS = {
    "callee_name": "Emma Clarke",
    "creditor": "Town Bank",
    "amount_due": {"minor": 123450, "currency": "USD"},
    "due_date": "2026-12-01",
    "last4": SECRET,
}
PROMPT_S = 0.4
QUIET_S = 0.6
"""The callee answers after so much silence."""
LOUD = 32768 * 10 ** (-40 / 20)
LIMITS_MS = {"key": 200.0, "word": 700.0, "machine": 1.0}
SPEEDS = (130, 150, 170)
WORDS = {Asked.IDENTITY: ("yes", "speaking", "that's me"), Asked.CONFIRM: ("yes", "that's right", "correct")}
"""What is said to closed questions; when that was not understood, or nothing is closed, keys are pressed."""
KEYS = {Asked.DIGITS: SECRET}


def loudness_end(sound: Clip) -> int:
    """Return the sample after the last 10 ms that are loud."""
    blocks = sound[: len(sound) // 80 * 80].reshape(-1, 80).astype(float)
    loud = np.flatnonzero(np.sqrt((blocks**2).mean(axis=1)) > LOUD)
    return int(loud[-1] + 1) * 80 if len(loud) else 0


@cache
def spoken(text: str, words_per_minute: int) -> Clip:
    """Return a word as the callee says it."""
    return EspeakSynthesizer(words_per_minute=words_per_minute).render(text, "en")


class Callee:
    """The far end of one call: waits until the box is silent, then gives the next answer, and takes the time."""

    def __init__(self, number: int, asked: Callable[[], Asked]) -> None:
        self.waits: list[tuple[str, str, float]] = []
        """What was given, of which kind, and how many seconds the answer took."""
        self._number = number
        self._asked = asked
        self._before: Asked | None = None
        self._noise = np.random.default_rng(7)
        self._saying: Clip | None = None
        self._at = 0
        self._given: tuple[str, str] = ("", "")
        self._ended_s: float | None = None
        self._quiet_since_s: float | None = None

    def exchange(self, said: bytes) -> bytes:
        """Take the box's last frame and return the next of ours."""
        now_s = time.perf_counter()
        heard = np.frombuffer(said, dtype="<i2").astype(float)
        is_loud = len(heard) > 0 and float(np.sqrt((heard**2).mean())) > LOUD
        if is_loud and self._ended_s is not None:
            self.waits.append((*self._given, now_s - self._ended_s))
            self._ended_s = None
        if is_loud:
            self._quiet_since_s = now_s
        if self._saying is None and self._is_my_turn(now_s):
            self._answer()
        return self._next_frame(now_s)

    def _answer(self) -> None:
        asked = self._asked()
        words = WORDS.get(asked)
        if words is not None and asked is not self._before:
            text = words[self._number % len(words)]
            self._saying, self._given = spoken(text, SPEEDS[self._number // 3 % len(SPEEDS)]), (text, "word")
        else:
            keys = KEYS.get(asked, "1")
            self._saying, self._given = digits_clip(keys), (keys, "key")
        self._before, self._at, self._quiet_since_s = asked, 0, None

    def _is_my_turn(self, now_s: float) -> bool:
        return self._quiet_since_s is not None and now_s - self._quiet_since_s >= QUIET_S

    def _next_frame(self, now_s: float) -> bytes:
        n = NARROWBAND.n_samples
        frame = self._noise.normal(0, 30, n)  # -60 dBFS: a quiet line
        if self._saying is not None:
            piece = self._saying[self._at : self._at + n]
            frame[: len(piece)] += piece
            before, self._at = self._at, self._at + n
            end = loudness_end(self._saying)
            if before < end <= self._at:
                # The frame is handed over when its last sample was spoken.
                self._ended_s = now_s - (self._at - end) / NARROWBAND.rate_hz
            if self._at >= len(self._saying):
                self._saying = None
        return frame_to_bytes(freeze(np.rint(frame).clip(-32768, 32767).astype(np.int16)))


class Line:
    """A line that is answered at once, and its call."""

    line_id = "line-1"

    def __init__(self, callee: Callee) -> None:
        self.audio = LoopbackPort(callee.exchange)
        self._over = asyncio.Event()

    async def dial(self, number: E164, *, ring_timeout_s: float) -> "Line":
        """Answer at once."""
        del number, ring_timeout_s
        return self

    async def events(self) -> AsyncIterator[CallEvent]:
        """Tell that it was answered, and when it ended."""
        yield Active(at_s=time.monotonic())
        await self._over.wait()
        yield Ended(at_s=time.monotonic(), kind=EndKind.RELEASED_BY_US)

    async def hang_up(self) -> None:
        """End the call."""
        self._over.set()


class NoRecorder:
    """Takes the recording's chunks and drops them: the file is written by a thread of its own."""

    def start(self) -> None:
        """Begin."""

    def append(self, chunk: object) -> None:
        """Drop a chunk."""


class TimedDialogue(Dialogue):
    """The shipped machine with a stop-watch around each event."""

    took_s: list[float]

    def on(self, event: DialogueEvent, now_s: float) -> list[Any]:
        """Take one event and keep how long it took."""
        began_s = time.perf_counter()
        try:
            return super().on(event, now_s)
        finally:
            self.took_s.append(time.perf_counter() - began_s)


class Bench:
    """Everything that calls share."""

    def __init__(self, pool: RecogniserPool, speech: str) -> None:
        self._hearing = Hearing(ears=pool, understands=Understander.load(), make_speech=speech_maker(speech))
        self._flow = load_flow(FLOW.read_text(encoding="utf-8"), source=FLOW.name)
        self._box = EspeakSynthesizer()
        self._clips: dict[str, Clip] = {}
        self.waits: dict[str, list[float]] = defaultdict(list)
        self.parts: dict[str, list[float]] = defaultdict(list)
        self.machine_s: list[float] = []
        self.n_words = self.n_understood = 0

    async def call(self, number: int) -> None:
        """Carry one call from answer to goodbye."""
        dialogue = TimedDialogue(
            self._flow,
            self._flow.check_vars(VARS, "en"),
            language="en",
            today=TODAY,
            promise_max_days=30,
            understands=True,
        )
        dialogue.took_s = self.machine_s
        self._prepare(dialogue)
        callee = Callee(number, lambda: dialogue.asked)
        line: Any = Line(callee)

        async def allowed() -> tuple[bool, str]:
            return True, ""

        async def suppress(scope: str, reason: str) -> None:
            del scope, reason

        session = CallSession(
            line=line,
            number=E164("+12025550123"),
            dialogue=dialogue,
            clip=self._clips.__getitem__,
            recorder=NoRecorder(),
            may_mention_debt=allowed,
            suppress=suppress,
            on_stage=lambda _stage, _doing: None,
            ring_timeout_s=10.0,
            max_call_s=60.0,
            now_s=time.monotonic,
            listener=CallListener(
                self._hearing, language="en", today=TODAY, now_s=time.monotonic, name="line-1"
            ),
        )
        await session.run()
        for _answer, kind, waited_s in callee.waits:
            self.waits[kind].append(waited_s * 1000)
        for event in session.events:
            if event.kind == "utterance":
                self.n_words += 1
                self.n_understood += bool(event.detail["text"])
                self.parts["recogniser and understanding"].append(float(event.detail["took_ms"]))

    def _prepare(self, dialogue: Dialogue) -> None:
        """Have every prompt ready, as the box has before it dials."""
        for phrase in dialogue.phrases("en") - self._clips.keys():
            whole = self._box.render(in_words(phrase, "en"), "en")
            self._clips[phrase] = freeze(whole[: int(PROMPT_S * NARROWBAND.rate_hz)].copy())


async def measure(options: argparse.Namespace) -> Bench:
    """Hold the calls, so many at a time, and return what they told."""
    command = worker_command(options.models, threads=options.threads)
    async with RecogniserPool(command, n_workers=options.workers) as pool:
        async with asyncio.timeout(120):
            await pool.ready(options.workers)
        bench = Bench(pool, options.speech)
        await bench.call(0)  # engines and caches are warm afterwards
        bench.waits.clear()
        bench.parts.clear()
        bench.machine_s.clear()
        waiting = asyncio.Semaphore(options.lines)

        async def one(number: int) -> None:
            async with waiting:
                await bench.call(number)

        await asyncio.gather(*(one(number) for number in range(options.calls)))
    return bench


def row(values: list[float]) -> dict[str, float]:
    """Return how many there are and their percentiles, ms."""
    return {"n": len(values)} | {f"p{p}": round(float(np.percentile(values, p)), 2) for p in (50, 95, 99)}


def main() -> None:
    """Measure, print the table, and say by the exit status whether every limit was kept."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--calls", type=int, default=24)
    options.add_argument("--lines", type=int, default=2, help="calls at the same time")
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--threads", type=int, default=1, help="of each recogniser")
    options.add_argument("--models", type=Path, default=None, help="a models folder; without it PocketSphinx")
    options.add_argument("--speech", default="plain", choices=["plain", "silero", "auto"])
    options.add_argument("--json", type=Path, default=None)
    given = options.parse_args()
    bench = asyncio.run(measure(given))
    figures = {
        "key": row(bench.waits["key"]),
        "word": row(bench.waits["word"]),
        "machine": row([took_s * 1000 for took_s in bench.machine_s]),
        "recogniser": row(bench.parts["recogniser and understanding"]),
    }
    names = {
        "key": "last key of an answer to first sound",
        "word": "end of a word, closed question, to first sound",
        "machine": "the dialogue machine, one event",
        "recogniser": "of it recogniser and understanding",
    }
    table = Table(title="Answers in whole calls, ms", title_justify="left")
    for head in ("from what to what", "n", "p50", "p95", "p99", "limit p95"):
        table.add_column(head, justify="left" if head.startswith("from") else "right")
    for key, figure in figures.items():
        limit = LIMITS_MS.get(key)
        cells = [
            f"{figure['n']:.0f}",
            *(f"{figure[p]:.2f}" if key == "machine" else f"{figure[p]:.0f}" for p in ("p50", "p95", "p99")),
        ]
        table.add_row(names[key], *cells, "" if limit is None else f"{limit:.0f}")
    console = Console(width=110)
    console.print(table)
    engines = "PocketSphinx" + ("" if given.models is None else " and what is in the models folder")
    console.print(
        f"{given.calls} calls, {given.lines} at a time, {given.workers} recognisers ({engines}), speech {given.speech}; "
        f"{bench.n_understood} of {bench.n_words} words recognised; "
        f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores."
    )
    if given.json is not None:
        given.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    missed = [names[key] for key, limit in LIMITS_MS.items() if figures[key]["p95"] > limit]
    if missed:
        console.print("[red]over the limit:[/red] " + ", ".join(missed))
        sys.exit(1)


if __name__ == "__main__":
    main()
