"""A conversation over a real pseudo-terminal in real time, and the same again in virtual time: equal sample for sample."""

import asyncio
import os
import pty
import threading
import time
import tty
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import numpy as np

from audio import AudioEvent, CallAudio, Clip, DigitHeard, Frame, Play, PlayFinished, SendDigits
from audio.dsp.dtmf_generator import digits_clip
from audio.orders import AudioOrder, BargeIn, StartRecording
from audio.ports.loopback import LoopbackPort
from audio.ports.serial_pcm import SerialPcmPort

RunVirtual = Callable[[Coroutine[Any, Any, Any]], Any]


class Logged:
    """A call's sound that writes down every frame, order and event, and when each came."""

    def __init__(self) -> None:
        self.call = CallAudio(recording_chunk_ms=500)
        self.heard: list[Frame] = []
        self.said: list[Frame] = []
        self.orders: list[tuple[int, AudioOrder]] = []
        self.events: list[AudioEvent] = []

    @property
    def now_ms(self) -> int:
        return self.call.now_ms

    @property
    def n_waiting_orders(self) -> int:
        return self.call.n_waiting_orders

    def order(self, order: AudioOrder) -> None:
        self.orders.append((len(self.heard), order))
        self.call.order(order)

    def process(self, frame_in: Frame) -> tuple[Frame, list[AudioEvent]]:
        frame_out, events = self.call.process(frame_in)
        self.heard.append(frame_in.copy())
        self.said.append(frame_out.copy())
        self.events += events
        return frame_out, events

    def finish(self) -> list[AudioEvent]:
        events = self.call.finish()
        self.events += events
        return events


class Person:
    """At the other end of the pseudo-terminal: greets, waits, talks into the prompt, presses keys; in real time."""

    def __init__(self, greeting: Clip, answer: Clip) -> None:
        self.fd, slave = pty.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        self.heard = bytearray()
        keys = digits_clip("15", tone_ms=90, pause_ms=90)
        quiet = np.zeros(8000, dtype=np.int16)
        sound = np.concatenate([greeting[:12_000], quiet, answer[:8000], quiet, keys, quiet, quiet])
        self._frames = sound[: len(sound) // 160 * 160].reshape(-1, 160).astype("<i2")
        self._slave = slave
        os.set_blocking(self.fd, False)
        self._thread = threading.Thread(target=self._talk, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> bytes:
        self._thread.join(timeout=30)
        os.close(self._slave)
        os.close(self.fd)
        return bytes(self.heard)

    def _talk(self) -> None:
        begin_s = time.monotonic()
        for number, frame in enumerate(self._frames):
            time.sleep(max(0.0, begin_s + number * 0.02 - time.monotonic()))
            try:
                os.write(self.fd, frame.tobytes())
            except BlockingIOError:
                return  # the box has gone
            with suppress(BlockingIOError):
                self.heard += os.read(self.fd, 65_536)


def test_a_conversation_in_virtual_time_is_the_same_sample_for_sample(
    speech: dict[str, list[Clip]], run_virtual: RunVirtual
) -> None:
    person, real, prompt = Person(speech["en"][1], speech["zh"][1]), Logged(), speech["zh"][2]

    async def talk() -> None:
        done = asyncio.Event()
        port = SerialPcmPort(person.path)

        def on_events(events: list[AudioEvent]) -> None:
            for event in events:
                match event:
                    case DigitHeard(digit="5"):
                        port.order(SendDigits(digits="9"))
                        port.order(Play(play_id=2, clips=(prompt[:4000],)))
                    case PlayFinished(play_id=2):
                        done.set()

        port.start(real, on_events)
        port.order(StartRecording())
        port.order(Play(play_id=1, clips=(prompt, prompt), barge_in=BargeIn.SPEECH))
        person.start()
        async with asyncio.timeout(30):
            await done.wait()
        await port.stop()

    asyncio.run(talk())
    told_to_far_end = person.end()
    said = np.concatenate(real.said)
    # What the far end read is what the call said, from its first sample on.
    n_read = len(told_to_far_end) // 2
    assert n_read > 8000 * 3
    assert np.array_equal(np.frombuffer(told_to_far_end[: n_read * 2], dtype="<i2")[:8000], said[:8000])

    virtual = Logged()
    position = 0
    waiting = list(real.orders)

    async def again() -> None:
        def exchange(_said: bytes) -> bytes:
            nonlocal position
            while waiting and waiting[0][0] == position:
                port.order(waiting.pop(0)[1])
            frame = real.heard[position] if position < len(real.heard) else np.zeros(160, dtype=np.int16)
            position += 1
            return frame.astype("<i2").tobytes()

        port = LoopbackPort(exchange)
        port.start(virtual, lambda events: None)
        await asyncio.sleep(0.02 * (len(real.heard) + 0.5))
        await port.stop()

    run_virtual(again())
    assert len(virtual.said) == len(real.said)
    assert np.array_equal(np.concatenate(virtual.said), said)
    assert virtual.events == real.events
    assert any(isinstance(event, DigitHeard) for event in real.events)
    assert [event.interrupted for event in real.events if isinstance(event, PlayFinished)] == [True, False]


def test_one_sample_more_makes_a_difference(speech: dict[str, list[Clip]]) -> None:
    """The negative control: the comparison above sees a conversation that is not the same."""
    heard = speech["en"][1][: 160 * 40].reshape(-1, 160)
    outcomes = []
    for shift in (0, 1):
        logged = Logged()
        logged.order(StartRecording())
        for frame in heard:
            logged.process(np.roll(frame, shift))
        logged.finish()
        outcomes.append(logged.events)
    assert outcomes[0] != outcomes[1]
