"""What a piece of sound holds besides two tones that are known: a telephone's keys hold noise, a vowel holds its other harmonics."""

import numpy as np
from numpy.typing import NDArray

from audio.dsp.blocks import RATE_HZ

N_SAMPLES = 200
"""25 ms: harmonics of a low voice, 100 Hz apart, are still told apart."""
N_FFT = 512
LOWEST_HZ, HIGHEST_HZ = 200, 3500

_TIMES_S = np.arange(N_SAMPLES) / RATE_HZ
_WINDOW = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(N_SAMPLES) + 0.5) / N_SAMPLES)
_TO_POWER = 2 / float(_WINDOW.sum()) ** 2
_FIRST_BIN, _END_BIN = LOWEST_HZ * N_FFT // RATE_HZ, HIGHEST_HZ * N_FFT // RATE_HZ + 1


def third_tone_share(samples: NDArray[np.float32], low_hz: float, high_hz: float) -> float:
    """Return the power of the strongest tone besides two in N_SAMPLES samples, relative to the two's together.

    The two are taken out with whatever phases and levels explain the most. White noise is in a tone of its own only by
    what falls into 40 Hz: 15 dB below the two it leaves -23 dB here, while a vowel with as much energy leaves -15.
    """
    angles = 2 * np.pi * np.outer(_TIMES_S, (low_hz, high_hz))
    tones = np.concatenate([np.cos(angles), np.sin(angles)], axis=1) * _WINDOW[:, None]
    seen = samples * _WINDOW
    weights = np.linalg.solve(tones.T @ tones, tones.T @ seen)
    both = float(weights @ weights) / 2
    besides = np.abs(np.fft.rfft(seen - tones @ weights, N_FFT)[_FIRST_BIN:_END_BIN])
    return float(besides.max()) ** 2 * _TO_POWER / both if both > 0 else 1.0
