"""Hear that the far end says the very same again, as announcements in a loop do and people never.

Every 20 ms become eight numbers, how the sound's bands rise and fall (after Haitsma and Kalker, ISMIR 2002), so that
level, codec and noise hardly matter. The newest two seconds are slid along all that was heard before.
"""

import numpy as np
from numpy.typing import NDArray

from audio.dsp.blocks import BLOCK_MS, BLOCK_SAMPLES, RATE_HZ

N_BANDS = 8
LOWEST_HZ, HIGHEST_HZ = 250.0, 3400.0
RISE_BLOCKS = 3
WINDOW_BLOCKS = 2000 // BLOCK_MS
MIN_LAG_BLOCKS = 2600 // BLOCK_MS
MIN_SPEECH_BLOCKS = 1600 // BLOCK_MS
"""Of the two seconds: silence is like silence."""
EVERY_BLOCKS = 500 // BLOCK_MS
MAX_BLOCKS = 32_000 // BLOCK_MS
MIN_LIKENESS = 0.6
FLOOR_POWER = 30.0**2
"""Of a band, on the int16 scale: what is fainter is noise."""

_N_FFT = 256
_EDGES = np.geomspace(LOWEST_HZ, HIGHEST_HZ, N_BANDS + 1) * _N_FFT / RATE_HZ
_WINDOW = np.hanning(BLOCK_SAMPLES).astype(np.float32)
_BANDS = np.zeros((_N_FFT // 2 + 1, N_BANDS), dtype=np.float32)
for _band in range(N_BANDS):
    _BANDS[round(_EDGES[_band]) : max(round(_EDGES[_band + 1]), round(_EDGES[_band]) + 1), _band] = 1 / _N_FFT


class Repetition:
    """Remembers half a minute of sound as its outline, and compares."""

    def __init__(self) -> None:
        self._n_blocks = 0
        self._fresh = np.zeros((EVERY_BLOCKS, BLOCK_SAMPLES), dtype=np.float32)
        self._n_fresh = 0
        self._logs = np.zeros((2 * RISE_BLOCKS - 1, N_BANDS), dtype=np.float32)
        """Of the newest blocks that were outlined."""
        self._rises = np.zeros((N_BANDS, MAX_BLOCKS), dtype=np.float32)
        self._speech = np.zeros(MAX_BLOCKS, dtype=bool)

    def take_block(self, block: NDArray[np.float32], *, is_speech: bool) -> bool:
        """Take one block and say whether the two seconds that it ends were heard before."""
        number = self._n_blocks
        if number >= MAX_BLOCKS:
            return False
        self._n_blocks += 1
        self._fresh[self._n_fresh] = block
        self._n_fresh += 1
        self._speech[number] = is_speech
        if number % EVERY_BLOCKS:
            return False
        # Outlined only when they are compared: one by one they would cost five times as much.
        self._outline(number + 1)
        if number < WINDOW_BLOCKS + MIN_LAG_BLOCKS:
            return False
        begin = number + 1 - WINDOW_BLOCKS
        if int(self._speech[begin : number + 1].sum()) < MIN_SPEECH_BLOCKS:
            return False
        return self._likeness(begin, number + 1) >= MIN_LIKENESS

    def _outline(self, end: int) -> None:
        """Turn the blocks that were kept, which end before block `end`, into their outline."""
        n_fresh, self._n_fresh = self._n_fresh, 0
        spectra = np.fft.rfft(self._fresh[:n_fresh] * _WINDOW, _N_FFT, axis=1)
        powers = (spectra.real**2 + spectra.imag**2) @ _BANDS
        logs = np.concatenate([self._logs, np.log(powers + FLOOR_POWER)], dtype=np.float32)
        # Two sums of three blocks: where the blocks are cut does not matter much.
        sums = logs[:-2] + logs[1:-1] + logs[2:]
        rises = sums[RISE_BLOCKS:] - sums[:-RISE_BLOCKS]
        self._logs[:] = logs[len(logs) - len(self._logs) :]
        n_early = max(0, 2 * RISE_BLOCKS - (end - n_fresh))
        if n_early < n_fresh:
            self._rises[:, end - n_fresh + n_early : end] = rises[n_early:].T

    def _likeness(self, begin: int, end: int) -> float:
        """Return how like the newest window is to its most similar earlier one, -1 to 1."""
        newest = self._rises[:, begin:end]
        earlier = self._rises[:, : end - MIN_LAG_BLOCKS]
        products = np.zeros(earlier.shape[1] - WINDOW_BLOCKS + 1)
        for band in range(N_BANDS):
            products += np.correlate(earlier[band], newest[band], mode="valid")
        sums = np.concatenate([[0.0], np.cumsum((earlier * earlier).sum(axis=0), dtype=np.float64)])
        energies = sums[WINDOW_BLOCKS:] - sums[:-WINDOW_BLOCKS]
        own = float((newest * newest).sum())
        # An earlier window of silence would be like anything.
        usable = energies > 0.25 * own
        if own <= 0.0 or not usable.any():
            return 0.0
        return float((products[usable] / np.sqrt(energies[usable] * own)).max())
