"""Tell how strongly sound repeats at a voice's pitch."""

import numpy as np
from numpy.typing import NDArray

from audio.dsp.blocks import BLOCK_SAMPLES, RATE_HZ

MIN_VOICING = 0.28
"""Measured on blocks of 40 ms: 1 in 100 of white, pink and brown noise reaches 0.23, 9 in 10 of speech 0.3."""

_LAG_FIRST, _LAG_LAST = 20, 133
"""60 to 400 Hz."""
_N_VOICING = 2 * BLOCK_SAMPLES
_GAIN = (1 / (1 - np.arange(_LAG_FIRST, _LAG_LAST + 1) / _N_VOICING)).astype(np.float32)
"""Longer lags overlap less."""
_N_FFT = 512
"""Zero padding keeps the lags used free of wrap-around."""
_FIRST_BIN, _LAST_BIN = 125 * _N_FFT // RATE_HZ, 2500 * _N_FFT // RATE_HZ


def voicing_of(samples: NDArray[np.float32]) -> float:
    """Return how strongly 40 ms of sound repeat at a pitch, 0 to about 1.

    The autocorrelation is taken of the magnitudes, not the powers, from 125 to 2500 Hz: otherwise a tilted
    noise repeats at short lags as well as a voice does.
    """
    magnitudes = np.abs(np.fft.rfft(samples, _N_FFT))
    magnitudes[:_FIRST_BIN] = 0.0
    magnitudes[_LAST_BIN:] = 0.0
    likeness = np.fft.irfft(magnitudes)
    total = float(likeness[0])
    return float((likeness[_LAG_FIRST : _LAG_LAST + 1] * _GAIN).max()) / total if total > 0.0 else 0.0
