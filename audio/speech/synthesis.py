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

SILENT_DBFS = -55.0
"""Below this, beside speech at prompt level, is a pause: the quietest consonants lie 10 dB above it."""
_TRIM_BLOCK = 40
_HEAD, _TAIL = 80, 160
"""Samples kept before the first and after the last sound: 10 and 20 ms."""
_FADE = 40
"""Samples of fade at each end: 5 ms."""


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
    """Return mono samples (1.0 = full scale) as a prompt: 8 kHz, at prompt level, never clipped, joining without a click."""
    if rate_hz != NARROWBAND.rate_hz and len(samples):
        samples = soxr.resample(samples, rate_hz, NARROWBAND.rate_hz)
    pcm = samples.astype(np.float64) * FULL_SCALE
    peak = float(np.abs(pcm).max(initial=0.0))
    if peak > 0.0:
        gain = 10 ** ((SPEECH_DBFS - active_level_dbfs(samples.astype(np.float32) * FULL_SCALE)) / 20)
        pcm *= min(gain, PEAK_LIMIT * FULL_SCALE / peak)
    return freeze(np.rint(_with_soft_ends(_without_silent_ends(pcm))).astype(np.int16))


def _without_silent_ends(pcm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cut what nobody hears before and after the words: pauses between clips are made where clips are joined."""
    n_blocks = len(pcm) // _TRIM_BLOCK
    if not n_blocks:
        return pcm
    blocks = pcm[: n_blocks * _TRIM_BLOCK].reshape(n_blocks, _TRIM_BLOCK)
    power = np.mean(blocks * blocks, axis=1) / FULL_SCALE**2
    heard = np.flatnonzero(power > 10 ** (SILENT_DBFS / 10))
    if not len(heard):
        return pcm
    begin = max(0, int(heard[0]) * _TRIM_BLOCK - _HEAD)
    return pcm[begin : (int(heard[-1]) + 1) * _TRIM_BLOCK + _TAIL]


def _with_soft_ends(pcm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Let the first and last milliseconds come up from and go down to zero, so that any two clips join without a step."""
    n_fade = min(_FADE, len(pcm) // 2)
    if n_fade:
        rise = 0.5 - 0.5 * np.cos(np.pi * np.arange(n_fade) / n_fade)
        pcm = pcm.copy()
        pcm[:n_fade] *= rise
        pcm[len(pcm) - n_fade :] *= rise[::-1]
    return pcm
