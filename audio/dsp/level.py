"""How loud sound is, in dB of full scale (a full-scale square wave is 0 dBFS, a sine -3 dBFS)."""

import math

import numpy as np
from numpy.typing import NDArray

from audio.frame import FULL_SCALE

SILENCE_DBFS = -96.3
"""Half a bit of 16: digital silence is told as this."""

_SILENCE_POWER = 10 ** (SILENCE_DBFS / 10)


def to_dbfs(power: float) -> float:
    """Return a mean square (1.0 = full scale) in dBFS."""
    return 10 * math.log10(power) if power > _SILENCE_POWER else SILENCE_DBFS


def from_dbfs(level_dbfs: float) -> float:
    """Return the mean square of a level."""
    return float(10 ** (level_dbfs / 10))


def power_of(samples: NDArray[np.int16] | NDArray[np.float32]) -> float:
    """Return the mean square of samples on the int16 scale, 1.0 = full scale."""
    if not len(samples):
        return 0.0
    values = samples.astype(np.float32, copy=False)
    return float(np.dot(values, values)) / (len(values) * FULL_SCALE * FULL_SCALE)


def level_dbfs(samples: NDArray[np.int16] | NDArray[np.float32]) -> float:
    """Return the level of samples on the int16 scale."""
    return to_dbfs(power_of(samples))


def active_level_dbfs(samples: NDArray[np.int16] | NDArray[np.float32], *, block: int = 160) -> float:
    """Return the level of speech without its pauses: blocks within 25 dB of the loudest (after ITU-T P.56)."""
    n_blocks = len(samples) // block
    if not n_blocks:
        return level_dbfs(samples)
    values = samples[: n_blocks * block].astype(np.float64).reshape(n_blocks, block) / FULL_SCALE
    powers = np.mean(values * values, axis=1)
    return to_dbfs(float(np.mean(powers[powers >= powers.max() * 10**-2.5])))


class LevelMeter:
    """Sums power block by block; `take` returns the mean level since the last `take`."""

    def __init__(self) -> None:
        self._sum = 0.0
        self._n_blocks = 0

    def add(self, power: float) -> None:
        """Count one block of mean square `power`."""
        self._sum += power
        self._n_blocks += 1

    def take(self) -> float:
        """Return the mean level in dBFS and begin anew."""
        mean = self._sum / self._n_blocks if self._n_blocks else 0.0
        self._sum, self._n_blocks = 0.0, 0
        return to_dbfs(mean)
