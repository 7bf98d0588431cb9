"""Join clips into one prompt: sample by sample, with the pauses that the punctuation asks for.

Where there is none, the breath behind one clip passes into the breath before the next: they overlap for 5 ms, one going
down as the other comes up, so that there is neither a hole nor a step, whatever the clips' ends look like.
"""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from audio.dsp.stretch import stretch
from audio.frame import NARROWBAND, Clip, freeze, silence

MARKS = " ,.;:!?…，。；：！？、"
"""Punctuation between clips: a pause, nothing that a voice can say."""
OVERLAP_SAMPLES = 40
"""5 ms: what is left of the breath of 20 ms behind a clip and of 10 ms before one is as long as between two words."""
_PAUSE_MS = {
    mark: pause_ms
    for marks, pause_ms in ((",，、", 160), (";；:：", 260), (".。!！?？…", 380))
    for mark in marks
}


def words_of(phrase: str) -> str:
    """Return what a voice says of a phrase: it may begin with the comma that belongs to the clip before it."""
    return phrase.lstrip(MARKS)


def joined(
    phrases: Sequence[str], clip_of: Callable[[str], Clip], *, slowness: float = 1.0
) -> tuple[Clip, ...]:
    """Return the phrases' clips with the pauses between them, none at either end; all `slowness` (1 to 2) times as long."""
    clips: list[Clip] = []
    for number, phrase in enumerate(phrases):
        clip = stretch(clip_of(phrase), slowness)
        length_ms = round(slowness * pause_ms(phrases[number - 1], phrase)) if number else 0
        if length_ms:
            clips.append(_pause(length_ms))
        elif number:
            before, between, clip = cross_faded(clips.pop(), clip)
            clips += [before, between]
        clips.append(clip)
    return tuple(clips)


def cross_faded(before: Clip, after: Clip) -> tuple[Clip, Clip, Clip]:
    """Return two clips as three: what is left of the first, the 5 ms in which they overlap, the rest of the second."""
    n = min(OVERLAP_SAMPLES, len(before), len(after))
    rise = (0.5 - 0.5 * np.cos(np.pi * (np.arange(n) + 0.5) / n)) if n else np.zeros(0)
    between = before[len(before) - n :] * (1 - rise) + after[:n] * rise
    return before[: len(before) - n], freeze(np.rint(between).astype(np.int16)), after[n:]


def pause_ms(before: str, after: str) -> int:
    """Return how long a voice pauses between two phrases: as long as the marks where they meet ask for, 0 without any."""
    end = before[len(before.rstrip(MARKS)) :]
    start = after[: len(after) - len(words_of(after))]
    return max((_PAUSE_MS[mark] for mark in end + start if mark in _PAUSE_MS), default=0)


@cache
def _pause(length_ms: int) -> Clip:
    return silence(NARROWBAND.rate_hz * length_ms // 1000)
