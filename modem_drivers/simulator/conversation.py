"""One person's side of an answered call, tick by tick: hears 20 ms, makes 20 ms, follows the script."""

from collections import deque
from collections.abc import Callable, Generator, Mapping
from random import Random
from typing import assert_never

import numpy as np

from modem_drivers.simulator.people import Beep, Echo, HangUp, Pause, Person, Press, Say, Step, WaitForSilence
from modem_drivers.simulator.tones import (
    FRAME_S,
    FRAME_SAMPLES,
    RATE_HZ,
    Pcm,
    key_tone,
    rms_dbfs,
    silence,
    to_pcm,
    tone,
)

VOICE_DBFS = -42.0
"""Anything the caller sends above this is voice to the person; comfort noise lies below."""
HEARD_LIMIT_BYTES = 10 * 60 * RATE_HZ * 2
"""Ten minutes of what was heard are kept for whoever asserts on it."""


class Conversation:
    """A person on the telephone. Knows no clock: one `tick` is 20 ms."""

    def __init__(self, person: Person, voice: Mapping[str, Pcm], on_key: Callable[[str], None]) -> None:
        self.person = person
        self.heard = bytearray()
        """s16 little endian: what reached the person's ear, from the answer on, bounded."""
        self.heard_keys = ""
        """Keys the caller's modem sent (`AT+VTS`)."""
        self.pressed = ""
        """Keys the person pressed so far."""
        self.steps_done = 0
        self.has_hung_up = False
        self._voice = voice
        self._on_key = on_key
        self._spoken_to = False
        self._quiet_s = 0.0
        self._just_heard: Pcm = np.zeros(FRAME_SAMPLES, np.int16)
        self._noise = np.random.default_rng(Random(person.number).getrandbits(32))
        self._performance = self._perform()

    def tick(self, heard: Pcm) -> Pcm:
        """Hear one frame and return the frame made meanwhile, int16, shape (160,)."""
        self._listen(heard)
        if self.has_hung_up:
            return np.zeros(FRAME_SAMPLES, np.int16)
        try:
            made = next(self._performance)
        except StopIteration:
            self.has_hung_up = True
            made = np.zeros(FRAME_SAMPLES, np.int16)
        return self._in_the_room(made)

    def _listen(self, heard: Pcm) -> None:
        self._just_heard = heard
        if len(self.heard) < HEARD_LIMIT_BYTES:
            self.heard += heard.astype("<i2").tobytes()
        if rms_dbfs(heard) > VOICE_DBFS:
            self._spoken_to, self._quiet_s = True, 0.0
        else:
            self._quiet_s += FRAME_S

    def _perform(self) -> Generator[Pcm, None, None]:
        for step in self.person.steps:
            yield from self._take(step)
            self.steps_done += 1
            if isinstance(step, HangUp):
                return
        yield from _frames(silence(self.person.patience_s))

    def _take(self, step: Step) -> Generator[Pcm, None, None]:
        match step:
            case Say():
                yield from _frames(self._voice[step.text])
            case WaitForSilence():
                yield from self._wait_for_silence(step)
            case Press():
                for key in step.keys:
                    yield from _frames(key_tone(key, step.tone_s))
                    self.pressed += key
                    self._on_key(key)
                    yield from _frames(silence(step.gap_s))
            case Pause():
                yield from _frames(silence(step.duration_s))
            case Beep():
                yield from _frames(tone((step.frequency_hz,), step.duration_s))
            case Echo():
                yield from self._echo(step)
            case HangUp():
                pass
            case _:
                assert_never(step)

    def _echo(self, step: Echo) -> Generator[Pcm, None, None]:
        late = deque(_frames(silence(step.delay_s)))
        for _ in range(round(step.duration_s / FRAME_S)):
            late.append(self._just_heard)
            yield late.popleft()

    def _wait_for_silence(self, step: WaitForSilence) -> Generator[Pcm, None, None]:
        waited_s = 0.0
        while waited_s < step.timeout_s and not (self._spoken_to and self._quiet_s >= step.silence_s - 1e-9):
            yield np.zeros(FRAME_SAMPLES, np.int16)
            waited_s += FRAME_S
        self._spoken_to = False  # the next wait is for the caller's next words

    def _in_the_room(self, made: Pcm) -> Pcm:
        level_dbfs = self.person.noise_dbfs
        if level_dbfs is None:
            return made
        return to_pcm(made + self._noise.normal(0.0, 32768 * 10 ** (level_dbfs / 20), FRAME_SAMPLES))


def _frames(pcm: Pcm) -> Generator[Pcm, None, None]:
    for start in range(0, len(pcm), FRAME_SAMPLES):
        frame = pcm[start : start + FRAME_SAMPLES]
        yield frame if len(frame) == FRAME_SAMPLES else np.pad(frame, (0, FRAME_SAMPLES - len(frame)))
