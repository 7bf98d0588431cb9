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
        self._samples = heard[n_rows * HOP_SAMPLES :]
        windows = np.lib.stride_tricks.sliding_window_view(heard, WINDOW_SAMPLES)[::HOP_SAMPLES]
        spectrum = np.fft.rfft(windows * _WINDOW, N_FFT)
        powers = (spectrum.real**2 + spectrum.imag**2).astype(np.float32) @ _MEL
        return np.asarray(np.maximum(np.log10(powers * _POWER + 1e-10) + 2.0, FLOOR), dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    """One convolution as a matrix: the taps side by side."""

    matrix: Array
    bias: Array
    n_time: int
    n_bands: int
    is_last: bool
    pool: tuple[int, int] | None


@dataclass(slots=True)
class _Past:
    """What the layers keep of the frames before, oldest first."""

    frames: list[Array] = field(default_factory=list)


class SpeechEmbedding:
    """The network; stateless, so that all calls share one."""

    def __init__(self, weights: Mapping[str, NDArray[np.generic]]) -> None:
        """Take the weights `w00`..`w19` (out, in, time, band) and biases `b00`..`b18`."""
        n_layers = sum(name.startswith("w") for name in weights)
        self._layers = []
        for place in range(n_layers):
            kernel = weights[f"w{place:02d}"].astype(np.float32)
            n_out, n_in, n_time, n_bands = kernel.shape
            bias = weights.get(f"b{place:02d}")
            self._layers.append(
                _Layer(
                    matrix=np.ascontiguousarray(
                        kernel.transpose(2, 3, 1, 0).reshape(n_time * n_bands * n_in, n_out)
                    ),
                    bias=np.zeros(n_out, np.float32) if bias is None else bias.astype(np.float32),
                    n_time=n_time,
                    n_bands=n_bands,
                    is_last=place == n_layers - 1,
                    pool=_POOLS.get(place),
                )
            )
        past = _Past()
        quiet = np.full((SEEN_FRAMES - FRAMES_PER_VECTOR, N_BANDS), FLOOR, dtype=np.float32)
        self._run(quiet, past, is_first=True)
        self._at_start = past.frames

    def start(self) -> _Past:
        """Return the past of a call in which nothing was heard yet."""
        return _Past(list(self._at_start))

    def feed(self, frames: Array, past: _Past) -> Array:
        """Take a multiple of FRAMES_PER_VECTOR mel frames; return the vectors, shape (n, N_VECTOR)."""
        return self._run(frames, past, is_first=False)

    def _run(self, frames: Array, past: _Past, *, is_first: bool) -> Array:
        values = frames[:, :, None]
        place = 0
        for layer in self._layers:
            if layer.n_time > 1:
                if is_first:
                    past.frames.append(values[max(0, len(values) - layer.n_time + 1) :])
                else:
                    values = np.concatenate([past.frames[place], values])
                    past.frames[place] = values[len(values) - layer.n_time + 1 :]
                place += 1
            values = _convolved(values, layer)
            if layer.is_last:
                break
            values = np.maximum(np.maximum(values, SLOPE * values), FLOOR_ACTIVATION)
            if layer.pool is not None:
                n_time, n_bands = layer.pool
                n, width, depth = values.shape
                values = values[: n - n % n_time].reshape(
                    n // n_time, n_time, width // n_bands, n_bands, depth
                )
                values = values.max(axis=(1, 3))
        return values.reshape(-1, N_VECTOR) if len(values) else np.zeros((0, N_VECTOR), np.float32)


def _convolved(values: Array, layer: _Layer) -> Array:
    """Return the convolution, valid in time and padded over the bands."""
    n, width, depth = values.shape
    n_rows = n - layer.n_time + 1
    if n_rows <= 0:
        return np.zeros((0, width, layer.matrix.shape[1]), dtype=np.float32)
    if layer.n_bands > 1:
        padded = np.zeros((n, width + 2, depth), dtype=np.float32)
        padded[:, 1:-1] = values
        values = padded
    taps = [
        values[time : time + n_rows, band : band + width]
        for time in range(layer.n_time)
        for band in range(layer.n_bands)
    ]
    stacked = np.concatenate(taps, axis=2).reshape(n_rows * width, -1)
    out = stacked @ layer.matrix + layer.bias
    return out.reshape(n_rows, width, -1)
