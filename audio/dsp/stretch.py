"""The same speech, longer: waveform-similarity overlap-add, so that pitch and voice stay what they were.

Verhelst and Roelands, "An overlap-add technique based on waveform similarity (WSOLA)", ICASSP 1993.
"""

import numpy as np
from numpy.typing import NDArray

from audio.frame import FULL_SCALE, Clip, freeze

FRAME = 240
"""30 ms at 8 kHz: a few periods of any voice."""
HOP = FRAME // 2
SEARCH = 80
"""10 ms to either side: a whole period of the deepest voice that is looked for."""
LEAST, MOST = 1.0, 2.0


def stretch(clip: Clip, factor: float) -> Clip:
    """Return a clip that lasts `factor` (1 to 2) times as long. clip: int16, shape (n_samples,), 8 kHz mono."""
    if not LEAST <= factor <= MOST:
        raise ValueError(f"speech is stretched {LEAST} to {MOST} times, not {factor}")
    if factor == LEAST or len(clip) < 2 * FRAME + 2 * SEARCH:
        return clip
    sound = np.concatenate([np.zeros(SEARCH), clip.astype(np.float64), np.zeros(FRAME + 2 * SEARCH)])
    window = np.hanning(FRAME + 1)[:-1]  # periodic: half-overlapping windows add up to one
    n_frames = int(len(clip) * factor) // HOP
    out = np.zeros((n_frames + 2) * HOP)
    at = SEARCH
    for number in range(n_frames):
        out[number * HOP : number * HOP + FRAME] += window * sound[at : at + FRAME]
        follows = sound[at + HOP : at + HOP + FRAME]
        wanted = SEARCH + int((number + 1) * HOP / factor)
        if wanted + SEARCH + FRAME > len(sound):
            break
        at = wanted - SEARCH + _likest(sound[wanted - SEARCH : wanted + SEARCH + FRAME], follows)
    out[:HOP] += sound[SEARCH : SEARCH + HOP] * (
        1.0 - window[:HOP]
    )  # the first frame has none to fade in from
    pcm = np.clip(np.rint(out[: int(len(clip) * factor)]), -FULL_SCALE, FULL_SCALE - 1)
    return freeze(pcm.astype(np.int16))


def _likest(region: NDArray[np.float64], wanted: NDArray[np.float64]) -> int:
    """Return where in a region the wave is most like the wanted one, loudness apart."""
    if len(wanted) < FRAME:
        return SEARCH
    likeness = np.correlate(region, wanted, mode="valid")
    energy = np.convolve(region**2, np.ones(FRAME), mode="valid")
    return int(np.argmax(likeness / np.sqrt(energy + 1.0)))
