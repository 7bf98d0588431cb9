"""What a callee hears who waits for a person: two soft notes now and then, which are no tone of any network."""

from functools import cache

import numpy as np

from audio.frame import NARROWBAND, Clip, freeze

HOLD_PLAY = 0
"""Its play id: prompts count from 1."""
EVERY_S = 3.0
_NOTES = ((523.25, 0.0), (659.25, 0.35))
"""Hertz, and when in the period: a third, as no exchange plays it."""
_NOTE_S = 0.6
_PEAK = 1800.0
"""-28 dBFS: softer than speech, so that whoever speaks over it is heard."""


@cache
def hold_clip() -> Clip:
    """Return one period."""
    rate_hz = NARROWBAND.rate_hz
    period = np.zeros(round(EVERY_S * rate_hz))
    time_s = np.arange(round(_NOTE_S * rate_hz)) / rate_hz
    fade = np.minimum(1.0, time_s / 0.01) * np.exp(-time_s / 0.18)
    for frequency_hz, at_s in _NOTES:
        begin = round(at_s * rate_hz)
        period[begin : begin + len(time_s)] += _PEAK * fade * np.sin(2 * np.pi * frequency_hz * time_s)
    return freeze(np.rint(period).astype(np.int16))
