"""One press, told once, though it comes as an RFC 4733 event and as a tone in the sound."""

from collections import deque

SAME_PRESS_MS = 600
"""Between the two tellings of one press: an event is told at its end, a tone when the detector is sure."""


class DigitMerger:
    """Pairs the presses of two sources: the n-th of one with the n-th of the other, if they are near in time.

    A gateway may send events, or leave the tones in the sound, or do both; the one that comes second is not told.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[str, str, float]] = deque()

    def is_new(self, digit: str, source: str, at_ms: float) -> bool:
        """Say whether a press was not told by the other source before."""
        while self._waiting and at_ms - self._waiting[0][2] > SAME_PRESS_MS:
            self._waiting.popleft()
        for press in self._waiting:
            if press[0] == digit and press[1] != source:
                self._waiting.remove(press)
                return False
        self._waiting.append((digit, source, at_ms))
        return True
