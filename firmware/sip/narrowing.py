"""Sound of a wide codec made narrow: 16 or 48 kHz, one channel or two, in; 8 kHz, mono, out (pure).

The box's sound is a telephone's. A resampling library that works in blocks held 40 to 150 ms back; this holds 3 ms.
"""

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 8000
PASS_HZ = 3700.0
_TAPS_A_STEP = 48
"""Per step of decimation: a filter of 6 ms, 60 dB down from 4.3 kHz on."""
_KAISER_BETA = 5.7


class Narrower:
    """Bytes of 16-bit samples in and out. What comes out never depends on how the input was sliced."""

    def __init__(self, rate_hz: int, n_channels: int) -> None:
        """Prepare it. Raises ValueError for a rate that is no multiple of 8 kHz."""
        if rate_hz % RATE_HZ or rate_hz < RATE_HZ or n_channels < 1:
            raise ValueError(f"{rate_hz} Hz with {n_channels} channels cannot be made narrow")
        self.form = (rate_hz, n_channels)
        self._step = rate_hz // RATE_HZ
        self._filter = _low_pass(rate_hz, self._step)
        self._left = b""
        self._past: NDArray[np.float64] = np.zeros(len(self._filter) - 1)

    def feed(self, data: bytes) -> bytes:
        """Take sound, return as much as is ready."""
        data = self._left + data
        whole = len(data) - len(data) % (2 * self.form[1])
        self._left = data[whole:]
        samples = np.frombuffer(data[:whole], "<i2").reshape(-1, self.form[1]).mean(axis=1)
        heard = np.concatenate((self._past, samples))
        if len(heard) < len(self._filter):
            self._past = heard
            return b""
        made = np.convolve(heard, self._filter, "valid")[:: self._step]
        self._past = heard[len(made) * self._step :]
        return np.rint(made).clip(-32768, 32767).astype("<i2").tobytes()


def _low_pass(rate_hz: int, step: int) -> NDArray[np.float64]:
    at = np.arange(_TAPS_A_STEP * step + 1) - _TAPS_A_STEP * step / 2
    taps: NDArray[np.float64] = np.sinc(2 * (PASS_HZ + 300.0) / rate_hz * at) * np.kaiser(
        len(at), _KAISER_BETA
    )
    return np.asarray(taps / taps.sum())
