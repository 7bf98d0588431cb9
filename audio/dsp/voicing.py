"""Tell how strongly sound repeats at a voice's pitch."""

import numpy as np
from numpy.typing import NDArray

from audio.dsp.blocks import BLOCK_SAMPLES, RATE_HZ

MIN_VOICING = 0.28
"""Measured on blocks of 40 ms: 1 in 100 of white, pink and brown noise reaches 0.23, 9 in 10 of speech 0.3."""

_LAG_FIRST, _LAG_LAST = 20, 133
"""60 to 400 Hz."""
_N_VOICING = 2 * BLOCK_SAMPLES
_N_FFT = 512
"""Zero padding keeps the lags used free of wrap-around."""
_FIRST_BIN, _LAST_BIN = 125 * _N_FFT // RATE_HZ, 2500 * _N_FFT // RATE_HZ


def _lags() -> NDArray[np.float32]:
    """Return what turns magnitudes into the autocorrelation at the lags looked at, in a product with a matrix.

    Longer lags overlap less, which is made up for here. A whole inverse FFT costs three times as much.
    """
    lags = np.arange(_LAG_FIRST, _LAG_LAST + 1)
    angles = 2 * np.pi * np.outer(lags, np.arange(_FIRST_BIN, _LAST_BIN)) / _N_FFT
    return np.asarray(np.cos(angles) / (1 - lags / _N_VOICING)[:, None], dtype=np.float32)


_LAGS = _lags()


def voicing_of(samples: NDArray[np.float32]) -> float:
    """Return how strongly 40 ms of sound repeat at a pitch, 0 to about 1.

    The autocorrelation is taken of the magnitudes, not the powers, from 125 to 2500 Hz: otherwise a tilted
    noise repeats at short lags as well as a voice does.
    """
    magnitudes = np.abs(np.fft.rfft(samples, _N_FFT)[_FIRST_BIN:_LAST_BIN])
    total = float(magnitudes.sum())
    return float((_LAGS @ magnitudes).max()) / total if total > 0.0 else 0.0
