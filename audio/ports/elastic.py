"""Join two clocks: a buffer that one side fills and the other empties, with the rate bent so that it neither runs dry nor grows.

What is steered is the low-water mark of the last two seconds: a source that jitters, or hands over 100 ms at a time,
gets as much cushion as it needs and no more. The rate is bent by 0.3 % at most, a twentieth of a semitone.
"""

from collections import deque

import numpy as np
import soxr
from numpy.typing import NDArray

from audio.frame import NARROWBAND, Frame

N_FRAME = NARROWBAND.n_samples
MARGIN = N_FRAME + 40
"""Samples that shall be left over at the worst moment: two clocks that drift past each other cost a whole frame at once."""
MAX_FILL = 8 * N_FRAME
"""160 ms: a modem that hands over 100 ms at a time, and its jitter."""
RESUME_FILL = 2 * N_FRAME + 40
"""After running dry."""
MAX_FRAMES_WAITING = 16
LOW_WATER_FRAMES = 100
STEER_S = 10.0
"""How fast a wrong low-water mark is put right."""
MAX_BEND = 0.003
MAX_BEND_STEP = 25e-6
"""From frame to frame."""
SETTLE_FRAMES = 50
"""How long a mark is watched before it is believed."""
RAMP = 40
"""5 ms: short enough to lose no syllable, long enough for no click."""
_RISE = (0.5 - 0.5 * np.cos(np.pi * (np.arange(RAMP) + 0.5) / RAMP)).astype(np.float32)
_HIGHEST_RATIO = 1.01


class StreamResampler:
    """Sound at one rate in, at another out, 20 ms later; no work where the rates are equal."""

    def __init__(self, in_hz: int, out_hz: int) -> None:
        # soxr's fixed-rate resampler works in blocks of up to 170 ms; the variable-rate one answers at once.
        is_same = in_hz == out_hz
        self._soxr = None if is_same else soxr.ResampleStream(in_hz, out_hz, 1, dtype="float32", vr=True)

    def feed(self, samples: NDArray[np.int16]) -> NDArray[np.int16]:
        """Return what these samples complete."""
        if self._soxr is None:
            return samples
        return _to_int16(self._soxr.resample_chunk(samples.astype(np.float32)))


class ElasticBuffer:
    """One direction between two clocks: frames put by one thread, taken by another, without a lock."""

    def __init__(self, *, is_same_clock: bool = False) -> None:
        self._waiting: deque[Frame] = deque(maxlen=MAX_FRAMES_WAITING)
        self._fill = np.zeros(0, dtype=np.float32)
        self._soxr = None
        if not is_same_clock:
            self._soxr = soxr.ResampleStream(
                NARROWBAND.rate_hz * _HIGHEST_RATIO, NARROWBAND.rate_hz, 1, dtype="float32", vr=True
            )
            self._soxr.set_io_ratio(1.0, 1.0)
        self._marks: deque[int] = deque(maxlen=LOW_WATER_FRAMES)
        self._said = np.zeros(N_FRAME, dtype=np.float32)
        """The newest frame taken."""
        self._is_dry = True
        self.bend = 0.0
        """By how much more than it gives the buffer takes now: the difference of the clocks, once settled."""
        self.n_dry = 0
        """Times that it ran dry."""
        self.n_cut = 0
        """Times that it was too full, and sound was cut out."""
        self.max_fill = 0
        """The most samples that ever waited."""

    def put(self, frame: Frame) -> None:
        """Keep a frame of the source's."""
        self._waiting.append(frame.copy())

    def take(self) -> Frame:
        """Return a frame for the sink; silence while nothing comes."""
        self._gather()
        n_filled = len(self._fill)
        if n_filled > MAX_FILL:
            self._cut_out(RESUME_FILL + N_FRAME)
        self.max_fill = max(self.max_fill, min(n_filled, MAX_FILL))
        if self._is_dry:
            if n_filled < RESUME_FILL:
                return np.zeros(N_FRAME, dtype=np.int16)
            self._is_dry = False
            self._marks.clear()
            self._fill[:RAMP] *= _RISE
        if len(self._fill) < N_FRAME:
            return self._run_dry()
        self._steer(len(self._fill))
        sound, self._fill = self._fill[:N_FRAME], self._fill[N_FRAME:]
        self._said = sound
        return _to_int16(sound)

    def _gather(self) -> None:
        parts = [self._fill]
        while self._waiting:
            sound = self._waiting.popleft().astype(np.float32)
            parts.append(sound if self._soxr is None else self._soxr.resample_chunk(sound))
        if len(parts) > 1:
            self._fill = np.concatenate(parts)

    def _steer(self, n_filled: int) -> None:
        self._marks.append(n_filled)
        if self._soxr is None or len(self._marks) < SETTLE_FRAMES:
            return
        surplus = min(self._marks) - N_FRAME - MARGIN
        wanted = max(-MAX_BEND, min(MAX_BEND, surplus / (NARROWBAND.rate_hz * STEER_S)))
        self.bend += max(-MAX_BEND_STEP, min(MAX_BEND_STEP, wanted - self.bend))
        # Bent over a whole frame: a step in the rate would be a kink in the phase.
        self._soxr.set_io_ratio(1.0 + self.bend, 1.0, N_FRAME)

    def _run_dry(self) -> Frame:
        """Fade out: what is left, or, of too little of that, what was said last, backwards."""
        self._is_dry = True
        self.n_dry += 1
        sound = np.zeros(N_FRAME, dtype=np.float32)
        left, self._fill = self._fill, self._fill[:0]
        if len(left) < RAMP:
            # Mirrored at its last sample it goes on without a step, however loud that was.
            left = np.concatenate([left, np.concatenate([self._said, left])[: -RAMP - 2 : -1][1:]])
        sound[: len(left)] = left
        sound[len(left) - RAMP : len(left)] *= _RISE[::-1]
        if self._soxr is not None:
            # What it still holds would come before the next sound, a step apart from it.
            self._soxr.clear()
            self._soxr.set_io_ratio(1.0 + self.bend, 1.0)
        return _to_int16(sound)

    def _cut_out(self, n_left: int) -> None:
        """Let the oldest sound go, all but `n_left` samples, from where we are to there in one ramp."""
        self.n_cut += 1
        newest = self._fill[len(self._fill) - n_left :].copy()
        newest[:RAMP] = self._fill[:RAMP] * (1 - _RISE) + newest[:RAMP] * _RISE
        self._fill = newest
        self._marks.clear()


def _to_int16(sound: NDArray[np.float32]) -> NDArray[np.int16]:
    rounded: NDArray[np.int16] = np.clip(np.rint(sound), -32768, 32767).astype(np.int16)
    return rounded
