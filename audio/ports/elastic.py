"""Join two clocks: a buffer that one side fills and the other empties, with the rate bent so that it stays half full."""

import numpy as np
import soxr
from numpy.typing import NDArray


class StreamResampler:
    """Sound at one rate in, at another out, 20 ms later; no work where the rates are equal."""

    def __init__(self, in_hz: int, out_hz: int) -> None:
        self._is_same = in_hz == out_hz
        # soxr's fixed-rate resampler works in blocks of up to 170 ms; the variable-rate one answers at once.
        self._soxr = (
            None if self._is_same else soxr.ResampleStream(in_hz, out_hz, 1, dtype="float32", vr=True)
        )

    def feed(self, samples: NDArray[np.int16]) -> NDArray[np.int16]:
        """Return what these samples complete."""
        if self._soxr is None:
            return samples
        bent = self._soxr.resample_chunk(samples.astype(np.float32))
        sound: NDArray[np.int16] = np.clip(np.rint(bent), -32768, 32767).astype(np.int16)
        return sound
