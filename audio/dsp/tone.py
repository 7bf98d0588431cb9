"""Tell tones from everything else: the spectrum of one block, boiled down to its strongest peak."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio.dsp.blocks import BLOCK_SAMPLES, RATE_HZ
from audio.dsp.level import to_dbfs
from audio.frame import FULL_SCALE

N_FFT = 256
BIN_HZ = RATE_HZ / N_FFT
QUIET_DBFS = -60.0
"""Below this a block is silence and its spectrum is of no interest."""

_LOWEST_BIN, _HIGHEST_BIN = 2, 121
"""From 62 to 3750 Hz: what lies beyond is mains and filters."""
_FIRST_BIN = math.ceil(200 / BIN_HZ) - _LOWEST_BIN
_LAST_BIN = math.floor(3600 / BIN_HZ) - _LOWEST_BIN
"""Of the powers, where peaks are looked for."""
_LOBE_BINS = 3
"""A pure tone's main lobe is 100 Hz to either side."""

_WINDOW = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(BLOCK_SAMPLES) + 0.5) / BLOCK_SAMPLES)
_BINS = np.arange(_LOWEST_BIN, _HIGHEST_BIN)
_ANGLES = 2 * np.pi * np.outer(_BINS, np.arange(BLOCK_SAMPLES)) / N_FFT
# One product with a matrix costs a third of numpy's FFT of so short a block.
_BASIS = np.concatenate([_WINDOW * np.cos(_ANGLES), _WINDOW * np.sin(_ANGLES)]).astype(np.float32)
_SUMS = np.zeros((2, len(_BINS)), dtype=np.float32)
_SUMS[0], _SUMS[1, _FIRST_BIN:_LAST_BIN] = 1.0, 1.0
"""All bins, and those from 200 to 3600 Hz."""
_TO_POWER = 2 / (N_FFT * float(np.dot(_WINDOW, _WINDOW)) * FULL_SCALE * FULL_SCALE)


@dataclass(frozen=True, slots=True)
class BlockSpectrum:
    """What one block of 20 ms sounds like."""

    level_dbfs: float
    band_dbfs: float
    """The level from 200 to 3600 Hz, without mains hum and rumble."""
    peak_hz: float = 0.0
    """The strongest peak from 200 to 3600 Hz; 0 in a quiet block."""
    purity: float = 0.0
    """Share of the block's energy in that peak, 0 to 1."""
    second_db: float = -99.0
    """The strongest peak besides, relative to the first."""
    second_hz: float = 0.0
    pair_purity: float = 0.0
    """Share of the block's energy in both peaks together."""

    @property
    def is_quiet(self) -> bool:
        """The block carries nothing that matters."""
        return self.peak_hz == 0.0


def spectrum_of(block: NDArray[np.int16] | NDArray[np.float32], power: float | None = None) -> BlockSpectrum:
    """Return what `block` (one block on the int16 scale) sounds like; `power` is its mean square if known."""
    samples = block.astype(np.float32, copy=False)
    if power is None:
        power = float(np.dot(samples, samples)) / (len(samples) * FULL_SCALE * FULL_SCALE)
    level = to_dbfs(power)
    if level < QUIET_DBFS:
        return BlockSpectrum(level, level)
    parts = _BASIS @ samples
    parts *= parts
    powers = parts[: len(_BINS)]
    powers += parts[len(_BINS) :]
    total, in_band = (_SUMS @ powers).tolist()
    band_dbfs = to_dbfs(in_band * _TO_POWER)
    if total <= 0.0:
        return BlockSpectrum(level, band_dbfs)
    peak = int(powers[_FIRST_BIN:_LAST_BIN].argmax()) + _FIRST_BIN
    begin, end = peak - _LOBE_BINS, peak + _LOBE_BINS + 1
    lobe: list[float] = powers[begin:end].tolist()
    peak_hz = _peak_hz(lobe[_LOBE_BINS - 1], lobe[_LOBE_BINS], lobe[_LOBE_BINS + 1], peak)
    purity = min(1.0, sum(lobe) / total)
    powers[begin:end] = 0.0
    second = int(powers[_FIRST_BIN:_LAST_BIN].argmax()) + _FIRST_BIN
    # The first peak's bins are nothing now, so the second's lobe holds only its own; its neighbours are as they were.
    second_lobe: list[float] = powers[second - _LOBE_BINS : second + _LOBE_BINS + 1].tolist()
    second_power = second_lobe[_LOBE_BINS]
    left = lobe[-1] if second == end else second_lobe[_LOBE_BINS - 1]
    right = lobe[0] if second == begin - 1 else second_lobe[_LOBE_BINS + 1]
    if second_power <= 0.0:
        return BlockSpectrum(level, band_dbfs, peak_hz, purity, pair_purity=purity)
    return BlockSpectrum(
        level,
        band_dbfs,
        peak_hz,
        purity,
        10 * math.log10(second_power / lobe[_LOBE_BINS]),
        _peak_hz(left, second_power, right, second),
        min(1.0, (sum(lobe) + sum(second_lobe)) / total),
    )


def _peak_hz(left: float, middle: float, right: float, peak: int) -> float:
    """Return the peak's frequency, by a parabola through the three logarithms around it."""
    if left <= 0.0 or right <= 0.0:
        return (peak + _LOWEST_BIN) * BIN_HZ
    a, b, c = math.log(left), math.log(middle), math.log(right)
    bend = a - 2 * b + c
    return (peak + _LOWEST_BIN + (0.5 * (a - c) / bend if bend < 0 else 0.0)) * BIN_HZ
