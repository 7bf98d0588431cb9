"""The contract of a synthesizer: text in, a clip out."""

from typing import Protocol

import numpy as np
import soxr
from numpy.typing import NDArray

from audio.dsp.level import active_level_dbfs
from audio.frame import FULL_SCALE, NARROWBAND, Clip, freeze

SPEECH_DBFS = -20.0
"""Active speech level of every prompt: loud for a telephone, with room for its peaks."""
PEAK_LIMIT = 0.89
"""-1 dBFS: no gain takes a peak beyond this."""


class Synthesizer(Protocol):
    """Renders speech; blocking, so it runs in a worker and never in the call."""

    @property
    def name(self) -> str:
        """Engine, voice and version: clips of different names never stand in for each other."""
        ...

    def render(self, text: str, language: str) -> Clip:
        """Return `text` spoken in `language` (BCP 47). Raises SynthesisError."""
        ...


def to_prompt(samples: NDArray[np.float32], rate_hz: int) -> Clip:
    """Return mono samples (1.0 = full scale) as a prompt: 8 kHz, at prompt level, never clipped."""
    if rate_hz != NARROWBAND.rate_hz and len(samples):
        samples = soxr.resample(samples, rate_hz, NARROWBAND.rate_hz)
    pcm = samples.astype(np.float64) * FULL_SCALE
    peak = float(np.abs(pcm).max(initial=0.0))
    if peak > 0.0:
        gain = 10 ** ((SPEECH_DBFS - active_level_dbfs(samples.astype(np.float32) * FULL_SCALE)) / 20)
        pcm *= min(gain, PEAK_LIMIT * FULL_SCALE / peak)
    return freeze(np.rint(pcm).astype(np.int16))
