"""Make keys audible (ITU-T Q.23)."""

import numpy as np

from audio.dsp.blocks import RATE_HZ
from audio.frame import FULL_SCALE, Clip, freeze

LOW_HZ = (697.0, 770.0, 852.0, 941.0)
HIGH_HZ = (1209.0, 1336.0, 1477.0, 1633.0)
KEYS = ("123A", "456B", "789C", "*0#D")
"""Rows by the low tone, columns by the high one."""

_TONES = {
    key: (LOW_HZ[row], HIGH_HZ[column]) for row, keys in enumerate(KEYS) for column, key in enumerate(keys)
}
_RAMP_MS = 2.0
"""A soft edge keeps the click out of the neighbouring tones."""


def tones_of(digit: str) -> tuple[float, float]:
    """Return the low and the high frequency of a key, in Hz."""
    return _TONES[digit]


def digits_clip(
    digits: str,
    *,
    tone_ms: int = 100,
    pause_ms: int = 100,
    low_dbfs: float = -14.0,
    high_dbfs: float = -12.0,
) -> Clip:
    """Return the keys as sound, each followed by a pause; the high tone 2 dB up against the line's loss."""
    n_tone, n_pause = tone_ms * RATE_HZ // 1000, pause_ms * RATE_HZ // 1000
    time_s = np.arange(n_tone) / RATE_HZ
    ramp = np.minimum(1.0, np.arange(1, n_tone + 1) / (_RAMP_MS * RATE_HZ / 1000))
    envelope = ramp * ramp[::-1]
    low_peak, high_peak = (2**0.5 * 10 ** (level / 20) * FULL_SCALE for level in (low_dbfs, high_dbfs))
    pieces: list[np.ndarray[tuple[int], np.dtype[np.float64]]] = []
    for digit in digits:
        low_hz, high_hz = _TONES[digit]
        low = low_peak * np.sin(2 * np.pi * low_hz * time_s)
        high = high_peak * np.sin(2 * np.pi * high_hz * time_s)
        pieces += [envelope * (low + high), np.zeros(n_pause)]
    return freeze(np.rint(np.concatenate(pieces)).astype(np.int16) if pieces else np.zeros(0, dtype=np.int16))
