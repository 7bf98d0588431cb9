"""Make call-progress, information and fax tones audible, from the same notation as the table's."""

import math

import numpy as np
from numpy.typing import NDArray

from audio.dsp.blocks import RATE_HZ
from audio.frame import FULL_SCALE

MODULATION_DEPTH = 0.9
"""As Asterisk plays a*b."""


def indication_sound(
    indication: str,
    *,
    n_cycles: int = 3,
    dbfs: float = -15.0,
    pitch: float = 1.0,
    tempo: float = 1.0,
    seed: int = 0,
    endless_ms: int = 4000,
) -> NDArray[np.float64]:
    """Return a tone list such as ``450/350,0/350`` as sound on the int16 scale, each tone at `dbfs` in all.

    `pitch` and `tempo` multiply frequencies and durations; `seed` draws the phases; `endless_ms` stands in for a
    duration that is not given.
    """
    rng = np.random.default_rng(seed)
    parts = []
    for _ in range(n_cycles):
        for element in indication.split(","):
            sound, _, duration_ms = element.partition("/")
            n_samples = round(float(duration_ms or endless_ms) * tempo * RATE_HZ / 1000)
            parts.append(_tone(sound, n_samples, dbfs, pitch, rng))
    return np.concatenate(parts)


def with_noise(sound: NDArray[np.float64], noise_dbfs: float, *, seed: int = 0) -> NDArray[np.int16]:
    """Return the sound as int16 with white noise of `noise_dbfs` over it."""
    noise = np.random.default_rng(seed).normal(0.0, FULL_SCALE * 10 ** (noise_dbfs / 20), len(sound))
    return np.clip(np.rint(sound + noise), -32768, 32767).astype(np.int16)


def _tone(
    sound: str, n_samples: int, dbfs: float, pitch: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    if sound == "0":
        return np.zeros(n_samples)
    time_s = np.arange(n_samples) / RATE_HZ
    peak = math.sqrt(2) * FULL_SCALE * float(10 ** (dbfs / 20))

    def sine(frequency_hz: float) -> NDArray[np.float64]:
        wave: NDArray[np.float64] = np.sin(2 * np.pi * frequency_hz * time_s + rng.uniform(0, 2 * np.pi))
        return wave

    if "*" in sound:
        carrier_hz, _, rate_hz = sound.partition("*")
        swell = 1 + MODULATION_DEPTH * sine(float(rate_hz))
        return peak / math.sqrt(1 + MODULATION_DEPTH**2 / 2) * swell * sine(float(carrier_hz) * pitch)
    tones_hz = [float(hz) * pitch for hz in sound.split("+")]
    together: NDArray[np.float64] = np.sum([sine(hz) for hz in tones_hz], axis=0)
    return peak / math.sqrt(len(tones_hz)) * together
