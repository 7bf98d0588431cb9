"""Cut a stream into blocks of 20 ms, however it was sliced on the way in."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 8000
BLOCK_SAMPLES = 160
BLOCK_MS = 20


class Blocks:
    """Samples in, whole blocks out; what is left over waits for the next samples."""

    def __init__(self) -> None:
        self._pending = np.empty(0, dtype=np.int16)

    def feed(self, samples: NDArray[np.int16]) -> Iterator[NDArray[np.int16]]:
        """Yield every block that is complete."""
        if len(self._pending):
            samples = np.concatenate([self._pending, samples])
        end = len(samples) - len(samples) % BLOCK_SAMPLES
        self._pending = samples[end:].copy()
        for begin in range(0, end, BLOCK_SAMPLES):
            yield samples[begin : begin + BLOCK_SAMPLES]
