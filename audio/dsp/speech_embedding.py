"""Turn speech into numbers that say what it sounds like, 96 of them every 80 ms, as a stream.

The network is Google's speech_embedding (Lin et al. 2020, arXiv:2002.01322; weights under the Apache License 2.0):
convolutions over 32 mel bands up to 3800 Hz, which is all that a telephone line carries. Each vector sees the last
775 ms. The convolutions are computed block by block: what a layer needs of the past it keeps.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from audio.dsp.blocks import BLOCK_SAMPLES, RATE_HZ

Array = NDArray[np.float32]
HOP_SAMPLES = 80
WINDOW_SAMPLES = 200
N_FFT = 256
N_BANDS = 32
LOWEST_HZ, HIGHEST_HZ = 60.0, 3800.0
FRAMES_PER_VECTOR = 8
STEP_BLOCKS = FRAMES_PER_VECTOR * HOP_SAMPLES // BLOCK_SAMPLES
"""Of 20 ms, that make one vector."""
N_VECTOR = 96
FLOOR = 4.0
"""In bels above the network's zero: what is fainter than noise of -77 dBFS is silence, digital or not."""
SEEN_FRAMES = 76
SLOPE, FLOOR_ACTIVATION = 0.2, -0.4

_POOLS: dict[int, tuple[int, int]] = {2: (2, 2), 6: (1, 2), 10: (2, 2), 14: (1, 2), 18: (2, 2)}
"""After which convolution, over how many frames and bands."""


def mel_bands() -> Array:
    """Return the weights of the bands (Slaney's scale and norm), shape (N_FFT // 2 + 1, N_BANDS)."""

    def to_mel(hz: float) -> float:
        return hz * 3 / 200 if hz < 1000.0 else 15 + float(np.log(hz / 1000)) / (float(np.log(6.4)) / 27)

    steps = np.linspace(to_mel(LOWEST_HZ), to_mel(HIGHEST_HZ), N_BANDS + 2)
    edges = np.where(steps < 15, steps * 200 / 3, 1000 * np.exp((steps - 15) * np.log(6.4) / 27))
    hz = np.arange(N_FFT // 2 + 1) * RATE_HZ / N_FFT
    rising = (hz[:, None] - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - hz[:, None]) / np.diff(edges)[1:]
    area = 2 / (edges[2:] - edges[:-2])
    return np.asarray(np.maximum(0, np.minimum(rising, falling)) * area, dtype=np.float32)


_MEL = mel_bands()
_WINDOW = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW_SAMPLES) / WINDOW_SAMPLES)).astype(np.float32)
_POWER = 4.0
"""The network was trained at 16 kHz, whose windows hold twice the samples."""


class MelFrames:
    """Samples in, mel frames out: log powers, one row of N_BANDS each 10 ms."""

    def __init__(self) -> None:
        self._samples = np.zeros(WINDOW_SAMPLES - HOP_SAMPLES, dtype=np.float32)

    def feed(self, samples: Array) -> Array:
        """Take a whole number of hops on the int16 scale; return as many rows."""
        n_rows = len(samples) // HOP_SAMPLES
        heard = np.concatenate([self._samples, samples])
        self._samples = heard[n_rows * HOP_SAMPLES :].copy()  # a view would keep all of it
        # As numpy's sliding_window_view, which takes longer than what is done with it.
        windows = np.ndarray(
            (n_rows, WINDOW_SAMPLES),
            heard.dtype,
            heard,
            strides=(HOP_SAMPLES * heard.itemsize, heard.itemsize),
        )
        spectrum = np.fft.rfft(windows * _WINDOW, N_FFT)
        powers = (spectrum.real**2 + spectrum.imag**2).astype(np.float32) @ _MEL
        return np.asarray(np.maximum(np.log10(powers * _POWER + 1e-10) + 2.0, FLOOR), dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    """One convolution of three taps, over time or over bands: a product a tap, whose results are shifted and added."""

    taps: Array
    """Shape (n_taps, n_in, n_out)."""
    bias: Array
    """Of a whole frame after pooling, flat."""
    floor: Array
    """FLOOR_ACTIVATION as often: numpy's maximum with one number takes four times as long as with a row of them."""
    width: int
    """Bands that come in."""
    is_over_time: bool
    is_last: bool
    pool: tuple[int, int] | None


@dataclass(slots=True)
class _Past:
    """What the layers keep of the two frames before: of the first its input, of those over time what taps made of it."""

    parts: list[Array] = field(default_factory=list)


class SpeechEmbedding:
    """The network; stateless, so that all calls share one."""

    def __init__(self, weights: Mapping[str, NDArray[np.generic]]) -> None:
        """Take the weights `w00`..`w19` (out, in, time, band) and biases `b00`..`b18`."""
        n_layers = sum(name.startswith("w") for name in weights)
        self._layers = []
        width = N_BANDS
        for place in range(n_layers):
            kernel = weights[f"w{place:02d}"].astype(np.float32)
            if place == 0:
                # One number a band is too little for a product: the taps over time count as inputs.
                kernel = kernel.transpose(0, 2, 1, 3).reshape(len(kernel), -1, 1, kernel.shape[3])
            n_out, n_in, n_time, _ = kernel.shape
            pool = _POOLS.get(place)
            bias = weights.get(f"b{place:02d}", np.zeros(n_out)).astype(np.float32)
            bias = np.tile(bias, width // pool[1] if pool else width)
            self._layers.append(
                _Layer(
                    taps=np.ascontiguousarray(kernel.transpose(2, 3, 1, 0).reshape(-1, n_in, n_out)),
                    bias=bias,
                    floor=np.full_like(bias, FLOOR_ACTIVATION),
                    width=width,
                    is_over_time=n_time > 1,
                    is_last=place == n_layers - 1,
                    pool=pool,
                )
            )
            width = width // pool[1] if pool else width
        past = _Past()
        quiet = np.full((SEEN_FRAMES - FRAMES_PER_VECTOR, N_BANDS), FLOOR, dtype=np.float32)
        self._run(quiet, past, is_first=True)
        self._at_start = past.parts

    def start(self) -> _Past:
        """Return the past of a call in which nothing was heard yet."""
        return _Past(list(self._at_start))

    def feed(self, frames: Array, past: _Past) -> Array:
        """Take a multiple of FRAMES_PER_VECTOR mel frames; return the vectors, shape (n, N_VECTOR)."""
        return self._run(frames, past, is_first=False)

    def _run(self, frames: Array, past: _Past, *, is_first: bool) -> Array:
        if not is_first:
            frames = np.concatenate([past.parts[0], frames])
        kept = [frames[-2:].copy()]
        place = 1
        # From here on a row is one band of one frame, and frames follow each other.
        inputs = np.empty((len(frames) - 2, N_BANDS, 3), dtype=np.float32)
        inputs[:, :, 0], inputs[:, :, 1], inputs[:, :, 2] = frames[:-2], frames[1:-1], frames[2:]
        values: Array = inputs.reshape(-1, 3)
        for layer in self._layers:
            first, second, third = values @ layer.taps
            if layer.is_over_time:
                width = layer.width
                before = None if is_first else (past.parts[place], past.parts[place + 1])
                newest = first[-2 * width :]
                if before is not None and len(newest) < 2 * width:
                    newest = np.concatenate([before[0][len(newest) :], newest])
                kept += [newest.copy(), second[-width:].copy()]
                values = _over_time(first, second, third, width, before)
                place += 2
            else:
                values = _over_bands(first, second, third, layer.width)
            if layer.pool is not None:
                # The greatest is the same before bias and activation as after them, and these are then cheaper.
                values = _pooled(values, layer.width, *layer.pool)
            if layer.is_last or not len(values):
                break
            flat = values.reshape(-1, len(layer.bias))
            flat += layer.bias
            falling = flat * SLOPE
            np.maximum(falling, layer.floor, out=falling)
            np.maximum(flat, falling, out=flat)
        past.parts = kept
        return values.reshape(-1, N_VECTOR)


def _over_time(
    first: Array, second: Array, third: Array, width: int, before: tuple[Array, Array] | None
) -> Array:
    """Add up what three taps made of frames that follow each other; without those `before`, two frames less come out."""
    if before is None:
        return np.asarray(third[2 * width :] + second[width:-width] + first[: -2 * width], dtype=np.float32)
    third[2 * width :] += first[: -2 * width]
    third[width:] += second[:-width]
    third[: 2 * width] += before[0][: len(third)]
    third[:width] += before[1]
    return third


def _over_bands(first: Array, second: Array, third: Array, width: int) -> Array:
    """Add up what three taps made of bands beside each other; beyond the edges there is nothing."""
    first[width - 1 :: width] = 0.0
    third[::width] = 0.0
    second[1:] += first[:-1]
    second[:-1] += third[1:]
    return second


def _pooled(values: Array, width: int, n_time: int, n_bands: int) -> Array:
    """Return the greatest of every `n_time` (1 or 2) frames and 2 bands; what is left over at the end is dropped."""
    depth = values.shape[1]
    if n_time > 1:  # first, because whole frames lie in one piece
        frames = values[: len(values) // (n_time * width) * n_time * width].reshape(-1, 2, width * depth)
        values = np.maximum(frames[:, 0], frames[:, 1])
    bands = values.reshape(-1, n_bands, depth)
    return np.maximum(bands[:, 0], bands[:, 1])
