"""Join clips into one prompt: sample by sample, with the pauses that the punctuation asks for."""

from collections.abc import Callable, Sequence
from functools import cache

from audio.frame import NARROWBAND, Clip, silence

MARKS = " ,.;:!?…，。；：！？、"
"""Punctuation between clips: a pause, nothing that a voice can say."""
WORD_GAP_MS = 40
"""Between two clips of one phrase: each begins and ends with its own breath of 10 to 20 ms."""
_PAUSE_MS = {
    mark: pause_ms
    for marks, pause_ms in ((",，、", 160), (";；:：", 260), (".。!！?？…", 380))
    for mark in marks
}


def words_of(phrase: str) -> str:
    """Return what a voice says of a phrase: it may begin with the comma that belongs to the clip before it."""
    return phrase.lstrip(MARKS)


def joined(phrases: Sequence[str], clip_of: Callable[[str], Clip]) -> tuple[Clip, ...]:
    """Return the phrases' clips with the pauses between them, none before the first and after the last."""
    clips: list[Clip] = []
    for number, phrase in enumerate(phrases):
        if number:
            clips.append(_pause(pause_ms(phrases[number - 1], phrase)))
        clips.append(clip_of(phrase))
    return tuple(clips)


def pause_ms(before: str, after: str) -> int:
    """Return how long a voice pauses between two phrases: as long as the marks where they meet ask for."""
    end = before[len(before.rstrip(MARKS)) :]
    start = after[: len(after) - len(words_of(after))]
    return max((_PAUSE_MS[mark] for mark in end + start if mark in _PAUSE_MS), default=WORD_GAP_MS)


@cache
def _pause(length_ms: int) -> Clip:
    return silence(NARROWBAND.rate_hz * length_ms // 1000)
